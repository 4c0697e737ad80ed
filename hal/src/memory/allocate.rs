//! Memory for frames without a driver behind them: dma-heap, else udmabuf, else memfd.
//!
//! What comes first is usable by more: a dma-heap serves hardware, udmabuf serves virtual drivers
//! and devices behind an IOMMU, a memfd serves processes only. Which one was taken, and what spoke
//! against those before it, is in the [`Report`] that comes with every buffer.

use core::fmt;

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::SealFlags;
use rustix::io::Errno;
use rustix::param::page_size;

use super::heap::{ANY_HEAP, DmaHeap, HeapError, HeapName};
use super::memfd;
use super::udmabuf::{Udmabuf, UdmabufError};

/// Where a buffer's memory came from.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A dma-buf of the heap of this name.
    DmaHeap(HeapName),
    /// A dma-buf of ordinary pages.
    Udmabuf,
    /// A memfd sealed against a change of its size: not a dma-buf, not importable by devices.
    Memfd,
}

impl Origin {
    /// Whether the descriptor is a dma-buf, which drivers can import.
    pub fn is_dma_buf(self) -> bool {
        !matches!(self, Self::Memfd)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DmaHeap(name) => write!(f, "dma-heap {name}"),
            Self::Udmabuf => f.write_str("udmabuf"),
            Self::Memfd => f.write_str("memfd"),
        }
    }
}

/// What spoke against each candidate, in the order in which they were asked; `None` for the one
/// taken and for those after it, which were not asked.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What was taken; `None` when nothing was.
    pub taken: Option<Origin>,
    /// Answer of the heap that came closest: ENOENT none of the names, EACCES no permission,
    /// ENOMEM exhausted.
    pub dma_heap: Option<Errno>,
    /// Answer of udmabuf: ENOENT no such device, EACCES no permission, EINVAL above its size limit.
    pub udmabuf: Option<Errno>,
    /// Answer to making a memfd.
    pub memfd: Option<Errno>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.taken {
            Some(origin) => write!(f, "memory from {origin}")?,
            None => f.write_str("no memory")?,
        }
        for (name, refused) in [
            ("dma-heap", self.dma_heap),
            ("udmabuf", self.udmabuf),
            ("memfd", self.memfd),
        ] {
            if let Some(errno) = refused {
                write!(f, "; {name}: {errno}")?;
            }
        }
        Ok(())
    }
}

impl core::error::Error for Report {}

/// A new buffer.
#[derive(Debug)]
pub struct Allocation {
    /// The memory, zeroed; close-on-exec, to be mapped shared for reading and writing.
    pub fd: OwnedFd,
    /// Its length: the length asked for, rounded up to whole pages.
    pub len_bytes: u64,
    /// Where it came from and why.
    pub report: Report,
}

/// Allocates buffers from the best source that the machine has.
///
/// Devices are opened once, here; every buffer is asked of the best source anew, so that a heap
/// that runs out is followed by the next source, and the report says so.
///
/// # Example
/// ```
/// use videostream_hal::memory::allocate::Allocator;
///
/// let allocator = Allocator::new();
/// let buffer = allocator.allocate(1280 * 720 * 3 / 2)?;
/// assert!(buffer.len_bytes >= 1280 * 720 * 3 / 2);
/// assert!(buffer.report.taken.is_some());
/// # Ok::<(), videostream_hal::memory::allocate::Report>(())
/// ```
#[derive(Debug)]
pub struct Allocator {
    heap: Result<DmaHeap, HeapError>,
    udmabuf: Result<Udmabuf, UdmabufError>,
}

impl Allocator {
    /// Takes the first of [`ANY_HEAP`], contiguous heaps before the one of scattered pages.
    pub fn new() -> Self {
        Self::with_heaps(ANY_HEAP)
    }

    /// Takes the first of `heaps` that can be opened; an empty list takes none.
    ///
    /// [`CONTIGUOUS_HEAPS`](super::heap::CONTIGUOUS_HEAPS) is the list for a device without an
    /// IOMMU, which must then also look at [`Report::taken`].
    pub fn with_heaps(heaps: &[&str]) -> Self {
        Self {
            heap: DmaHeap::open_first(heaps),
            udmabuf: Udmabuf::open(),
        }
    }

    /// A memfd every time: memory for processes only, which every machine has.
    pub fn memfd_only() -> Self {
        Self {
            heap: Err(HeapError::List(Errno::CANCELED)),
            udmabuf: Err(UdmabufError::Open(Errno::CANCELED)),
        }
    }

    /// Allocates `len_bytes`, rounded up to whole pages, filled with zeroes.
    ///
    /// A memfd gets the seals SHRINK and GROW. More can be added by its owner, such as
    /// FUTURE_WRITE once it is mapped, and SEAL.
    ///
    /// # Errors
    /// The report without anything taken: EINVAL everywhere for a length of zero or beyond what a
    /// file can have, ENOMEM, EMFILE.
    pub fn allocate(&self, len_bytes: u64) -> Result<Allocation, Report> {
        let mut report = Report::default();
        let Some(len_bytes) = whole_pages(len_bytes) else {
            let refused = Some(Errno::INVAL);
            return Err(Report {
                taken: None,
                dma_heap: refused,
                udmabuf: refused,
                memfd: refused,
            });
        };
        let heap = self.heap.as_ref().map_err(|error| *error);
        match heap.and_then(|heap| Ok((heap.allocate(len_bytes)?, heap.name()))) {
            Ok((fd, name)) => return Ok(report.taking(Origin::DmaHeap(name), fd, len_bytes)),
            Err(error) => report.dma_heap = Some(error.errno()),
        }
        let udmabuf = self.udmabuf.as_ref().map_err(UdmabufError::errno);
        match udmabuf.and_then(|device| from_udmabuf(device, len_bytes)) {
            Ok(fd) => return Ok(report.taking(Origin::Udmabuf, fd, len_bytes)),
            Err(errno) => report.udmabuf = Some(errno),
        }
        match sealed_memfd(len_bytes, SealFlags::SHRINK | SealFlags::GROW) {
            Ok(fd) => Ok(report.taking(Origin::Memfd, fd, len_bytes)),
            Err(errno) => {
                report.memfd = Some(errno);
                Err(report)
            }
        }
    }
}

impl Default for Allocator {
    fn default() -> Self {
        Self::new()
    }
}

impl Report {
    fn taking(mut self, origin: Origin, fd: OwnedFd, len_bytes: u64) -> Allocation {
        self.taken = Some(origin);
        Allocation {
            fd,
            len_bytes,
            report: self,
        }
    }
}

/// The buffer keeps the memfd's pages; sealing it for good keeps others from changing the seals
/// that the device depends on.
fn from_udmabuf(device: &Udmabuf, len_bytes: u64) -> Result<OwnedFd, Errno> {
    let memfd = sealed_memfd(len_bytes, memfd::FIXED_SIZE)?;
    device
        .create(memfd.as_fd(), 0, len_bytes)
        .map_err(|error| error.errno())
}

fn sealed_memfd(len_bytes: u64, seals: SealFlags) -> Result<OwnedFd, Errno> {
    let len = usize::try_from(len_bytes).map_err(|_| Errno::FBIG)?;
    let fd = memfd::create(c"videostream", len)?;
    memfd::seal(&fd, seals)?;
    Ok(fd)
}

fn whole_pages(len_bytes: u64) -> Option<u64> {
    let page = u64::try_from(page_size()).ok()?;
    let rounded = len_bytes.checked_next_multiple_of(page)?;
    (rounded > 0 && i64::try_from(rounded).is_ok()).then_some(rounded)
}

#[cfg(test)]
mod tests {
    use std::string::ToString as _;

    use rustix::fs::{fcntl_add_seals, fcntl_get_seals, ftruncate};

    use super::super::mapping::file_size;
    use super::*;

    #[test]
    fn without_devices_a_memfd_is_taken_and_the_report_says_why() {
        let buffer = Allocator::memfd_only().allocate(5000).unwrap();
        assert_eq!(buffer.len_bytes, whole_pages(5000).unwrap());
        assert_eq!(file_size(&buffer.fd).unwrap(), buffer.len_bytes);
        assert_eq!(buffer.report.taken, Some(Origin::Memfd));
        assert_eq!(buffer.report.dma_heap, Some(Errno::CANCELED));
        assert_eq!(buffer.report.udmabuf, Some(Errno::CANCELED));
        assert_eq!(buffer.report.memfd, None);
        assert!(
            buffer
                .report
                .to_string()
                .starts_with("memory from memfd; dma-heap: ")
        );
    }

    #[test]
    fn a_memfd_cannot_change_its_size_and_takes_more_seals() {
        let buffer = Allocator::memfd_only().allocate(4096).unwrap();
        let seals = fcntl_get_seals(&buffer.fd).unwrap();
        assert!(seals.contains(SealFlags::SHRINK | SealFlags::GROW));
        assert_eq!(ftruncate(&buffer.fd, 0), Err(Errno::PERM));
        fcntl_add_seals(&buffer.fd, SealFlags::FUTURE_WRITE | SealFlags::SEAL).unwrap();
    }

    #[test]
    fn impossible_lengths_are_refused_by_all() {
        for len in [0, u64::MAX, i64::MAX as u64] {
            let report = Allocator::new().allocate(len).unwrap_err();
            assert_eq!(report.taken, None);
            assert_eq!(report.memfd, Some(Errno::INVAL), "{len}");
        }
    }

    #[test]
    fn the_best_source_of_this_machine_is_taken() {
        let buffer = Allocator::new().allocate(65536).unwrap();
        let origin = buffer.report.taken.unwrap();
        assert_eq!(origin.is_dma_buf(), memfd::is_dma_buf(buffer.fd.as_fd()));
        assert_eq!(file_size(&buffer.fd).unwrap(), 65536);
    }

    #[test]
    fn an_unknown_heap_is_passed_over_by_name() {
        let buffer = Allocator::with_heaps(&["no-such-heap"])
            .allocate(4096)
            .unwrap();
        assert_eq!(buffer.report.dma_heap, Some(Errno::NOENT));
    }
}
