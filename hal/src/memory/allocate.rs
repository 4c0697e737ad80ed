//! Memory for frames that no driver allocates: dma-heap, else udmabuf, else memfd.
//!
//! Earlier sources are more widely usable: a dma-heap serves hardware, udmabuf serves virtual
//! drivers and devices behind an IOMMU, a memfd serves processes only. The [`Report`] that comes
//! with every buffer names the source, and why those before it failed.

use core::fmt;

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::SealFlags;
use rustix::io::Errno;
use rustix::param::page_size;

use super::MemoryError;
use super::heap::{ANY_HEAP, DmaHeap, HeapName};
use super::memfd;
use super::udmabuf::Udmabuf;
use crate::Call;

/// The source of a buffer's memory.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A dma-buf from the heap of this name.
    DmaHeap(HeapName),
    /// A dma-buf of ordinary pages.
    Udmabuf,
    /// A memfd of sealed size: not a dma-buf, so devices cannot import it.
    Memfd,
}

impl Origin {
    /// Returns whether the descriptor is a dma-buf, which drivers can import.
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

/// The source of an allocation, and why those before it failed. The fields are in the order in
/// which the sources are tried; `None` for the one taken and for those after it, which were not
/// tried.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The source taken; `None` if all failed.
    pub taken: Option<Origin>,
    /// Error of the heap that came closest: ENOENT no heap of these names, EACCES no permission,
    /// ENOMEM exhausted.
    pub dma_heap: Option<Errno>,
    /// Error of udmabuf: ENOENT no such device, EACCES no permission, EINVAL above its size limit.
    pub udmabuf: Option<Errno>,
    /// Error from creating a memfd.
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
    /// The zeroed memory; close-on-exec, can be mapped shared for reading and writing.
    pub fd: OwnedFd,
    /// Its length: the requested length, rounded up to whole pages.
    pub len_bytes: u64,
    /// Where it came from, and why.
    pub report: Report,
}

/// Allocates buffers from the best source that the machine has.
///
/// Devices are opened once, by the constructors. Every allocation tries the best source first, so
/// when a heap runs out, the next source takes over and the report says so.
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
    heap: Result<DmaHeap, MemoryError>,
    udmabuf: Result<Udmabuf, MemoryError>,
}

impl Allocator {
    /// Uses the first available heap of [`ANY_HEAP`]: contiguous heaps before the system heap.
    pub fn new() -> Self {
        Self::with_heaps(ANY_HEAP)
    }

    /// Uses the first of `heaps` that can be opened; an empty list uses no heap.
    ///
    /// [`CONTIGUOUS_HEAPS`](super::heap::CONTIGUOUS_HEAPS) is the list for a device without an
    /// IOMMU, whose caller must also check [`Report::taken`].
    pub fn with_heaps(heaps: &[&str]) -> Self {
        Self {
            heap: DmaHeap::open_first(heaps),
            udmabuf: Udmabuf::open(),
        }
    }

    /// Allocates memfds only: memory for processes, available on every machine.
    pub fn memfd_only() -> Self {
        let not_tried = MemoryError::of(Call::Open)(Errno::CANCELED);
        Self {
            heap: Err(not_tried),
            udmabuf: Err(not_tried),
        }
    }

    /// Allocates `len_bytes`, rounded up to whole pages, filled with zeroes.
    ///
    /// A memfd gets the seals SHRINK and GROW. More can be added by its owner, such as
    /// FUTURE_WRITE once it is mapped, and SEAL.
    ///
    /// # Errors
    /// The report, with no source taken: EINVAL from all for a length of zero or above a file's
    /// maximum, ENOMEM, EMFILE.
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
        let udmabuf = self.udmabuf.as_ref().map_err(|error| error.errno());
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

/// Allocates a dma-buf that keeps a memfd's pages. `F_SEAL_SEAL` keeps others from adding seals
/// that the device does not accept.
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
    fn falls_back_to_memfd_and_reports_why() {
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
