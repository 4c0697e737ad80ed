//! The memory that a camera fills.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::SealFlags;
use rustix::io::Errno;
use rustix::param::page_size;
use videostream_hal::Call;
use videostream_hal::memory::MemoryError;
use videostream_hal::memory::allocate::Report;
use videostream_hal::memory::{Access, Allocator, Mapping, Origin, memfd};
use videostream_hal::v4l2::queue::ExternalMemory;
use videostream_hal::v4l2::{Error, ErrorKind, ExportAccess, Memory};

use crate::joined::joined;

/// The kind of memory that a camera fills. All kinds have file descriptors and are shared without a
/// copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CameraMemory {
    /// The driver's own (`V4L2_MEMORY_MMAP`), exported as dma-bufs. Works with every driver that
    /// can export, which nearly all can.
    #[default]
    Driver,
    /// Dma-bufs of a dma-heap, or else of udmabuf, that the driver imports (`V4L2_MEMORY_DMABUF`).
    /// A device without an IOMMU needs contiguous ones, from a CMA heap.
    Imported,
    /// Pages of this process (`V4L2_MEMORY_USERPTR`), for drivers without dma-buf. They are pages
    /// of memfds, so that they can be shared without a copy, but other hardware cannot import them.
    Pages,
}

impl CameraMemory {
    /// Returns `mmap`, `dmabuf` or `userptr`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Driver => "mmap",
            Self::Imported => "dmabuf",
            Self::Pages => "userptr",
        }
    }

    pub(super) const fn raw(self) -> Memory {
        match self {
            Self::Driver => Memory::Mmap,
            Self::Imported => Memory::DmaBuf,
            Self::Pages => Memory::UserPtr,
        }
    }
}

impl fmt::Display for CameraMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The reason why a camera cannot fill memory of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryRefusal {
    /// The driver does not support this kind.
    #[error("the driver does not support it")]
    NotTaken,
    /// No memory of this kind could be allocated.
    #[error("none could be allocated ({})", refusals(_0))]
    None(Report),
    /// The pages of this process could not be mapped.
    #[error("its pages could not be mapped: {error}")]
    NotMapped {
        /// The reason.
        #[source]
        error: MemoryError,
    },
    /// The device cannot access the memory.
    #[error(
        "the driver cannot access it{}: {error}; without an IOMMU it needs contiguous memory, such \
         as a CMA heap's",
        provenance(*origin)
    )]
    OutOfReach {
        /// Where the memory is from.
        origin: Option<Origin>,
        /// The driver's error.
        #[source]
        error: Error,
    },
}

impl MemoryRefusal {
    /// Returns what a program can do about it.
    pub(super) const fn kind(&self) -> ErrorKind {
        match self {
            Self::NotMapped { .. } => ErrorKind::OutOfMemory,
            Self::NotTaken | Self::None(_) | Self::OutOfReach { .. } => ErrorKind::NotSupported,
        }
    }
}

/// Lists why each source of dma-bufs failed.
fn refusals(report: &Report) -> String {
    let sources = [("dma-heap", report.dma_heap), ("udmabuf", report.udmabuf)];
    let refused = sources
        .into_iter()
        .filter_map(|(source, errno)| Some(format!("{source}: {}", errno?)));
    joined(refused, "; ").to_string()
}

fn provenance(origin: Option<Origin>) -> String {
    origin.map_or_else(String::new, |origin| format!(" ({origin})"))
}

/// Memory that was supplied to a driver: the descriptors of each buffer, and their bytes.
#[derive(Debug)]
pub(super) struct Supplied {
    memory: CameraMemory,
    pub(super) access: ExportAccess,
    pub(super) buffers: Vec<Vec<OwnedFd>>,
    pub(super) lengths: Vec<u32>,
    pub(super) origin: Option<Origin>,
    refusal: Option<MemoryRefusal>,
}

impl Supplied {
    pub(super) const fn new(memory: CameraMemory, access: ExportAccess) -> Self {
        Self {
            memory,
            access,
            buffers: Vec::new(),
            lengths: Vec::new(),
            origin: None,
            refusal: None,
        }
    }

    /// Supplies the memory of every buffer.
    pub(super) fn supply(&mut self, external: &mut ExternalMemory<'_>) -> Result<(), Error> {
        let lengths = external.lengths().iter();
        // Memory comes in whole pages, and descriptors report that size.
        let lengths = lengths.map(|&len| (len as usize).next_multiple_of(page_size()));
        let lengths: Vec<usize> = lengths.collect();
        self.lengths = lengths.iter().map(|&len| len as u32).collect();
        let allocator = Allocator::new();
        for index in 0..external.count() {
            let planes = match self.memory {
                CameraMemory::Driver => return Ok(()),
                CameraMemory::Imported => self.import(&allocator, index, &lengths, external)?,
                CameraMemory::Pages => self.supply_pages(index, &lengths, external)?,
            };
            self.buffers.push(planes);
        }
        Ok(())
    }

    fn import(
        &mut self,
        allocator: &Allocator,
        index: u32,
        lengths: &[usize],
        external: &mut ExternalMemory<'_>,
    ) -> Result<Vec<OwnedFd>, Error> {
        let mut planes = Vec::with_capacity(lengths.len());
        for &len in lengths {
            let report = match allocator.allocate(len as u64) {
                Ok(given) if given.report.taken.is_some_and(Origin::is_dma_buf) => {
                    self.origin = given.report.taken;
                    planes.push(given.fd);
                    continue;
                }
                Ok(given) => given.report,
                Err(report) => report,
            };
            return Err(self.refuse(MemoryRefusal::None(report)));
        }
        let borrowed: Vec<BorrowedFd<'_>> = planes.iter().map(AsFd::as_fd).collect();
        external.import(index, &borrowed)?;
        Ok(planes)
    }

    fn supply_pages(
        &mut self,
        index: u32,
        lengths: &[usize],
        external: &mut ExternalMemory<'_>,
    ) -> Result<Vec<OwnedFd>, Error> {
        let (mut planes, mut pages) = (Vec::new(), Vec::new());
        for &len in lengths {
            let file = memfd::create(c"camera", len).map_err(failed(Call::MemfdCreate))?;
            let mapping = Mapping::new(&file, len, Access::ReadWrite)
                .map_err(|error| self.refuse(MemoryRefusal::NotMapped { error }))?;
            pages.push(mapping);
            let mut seals = SealFlags::SHRINK | SealFlags::GROW;
            if self.access == ExportAccess::ReadOnly {
                // The mapping that the driver fills exists already; no other one may write.
                seals |= SealFlags::FUTURE_WRITE;
            }
            memfd::seal(&file, seals | SealFlags::SEAL).map_err(failed(Call::Fcntl))?;
            planes.push(file);
        }
        self.origin = Some(Origin::Memfd);
        external.attach_planes(index, pages)?;
        Ok(planes)
    }

    /// Keeps the refusal for [`Supplied::refusal`]. Returns the error that ends the start.
    fn refuse(&mut self, refusal: MemoryRefusal) -> Error {
        self.refusal = Some(refusal);
        Error::NotSupplied
    }

    /// Returns the refusal that caused an error of a start, if it is about the memory.
    pub(super) fn refusal(&self, error: Error) -> Option<MemoryRefusal> {
        if self.memory == CameraMemory::Driver {
            return None;
        }
        let call = match error {
            Error::NotSupplied => return self.refusal,
            Error::System { call, .. } => call,
            _ => return None,
        };
        match (call, error.kind()) {
            (Call::ReqBufs, ErrorKind::InvalidArgument) => Some(MemoryRefusal::NotTaken),
            (Call::QBuf, ErrorKind::InvalidArgument | ErrorKind::OutOfMemory) => {
                Some(MemoryRefusal::OutOfReach {
                    origin: self.origin,
                    error,
                })
            }
            _ => None,
        }
    }
}

fn failed(call: Call) -> impl Fn(Errno) -> Error {
    move |errno| Error::System { call, errno }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_what_memory_would_do() {
        let supplied = Supplied::new(CameraMemory::Imported, ExportAccess::ReadOnly);
        let system = |call, errno| Error::System { call, errno };
        let refusal_of = |call, errno| {
            let refusal = supplied.refusal(system(call, errno));
            refusal.map(|refusal| refusal.to_string())
        };
        let taken = refusal_of(Call::ReqBufs, Errno::INVAL);
        assert_eq!(taken.as_deref(), Some("the driver does not support it"));
        let reach = refusal_of(Call::QBuf, Errno::FAULT).unwrap();
        assert!(reach.contains("EFAULT") && reach.contains("CMA"), "{reach}");
        assert_eq!(refusal_of(Call::QBuf, Errno::NODEV), None);
        assert_eq!(refusal_of(Call::StreamOn, Errno::INVAL), None);
        let own = Supplied::new(CameraMemory::Driver, ExportAccess::ReadOnly);
        assert_eq!(own.refusal(system(Call::ReqBufs, Errno::INVAL)), None);
        let mut pages = Supplied::new(CameraMemory::Pages, ExportAccess::ReadOnly);
        assert_eq!(pages.refusal(Error::NotSupplied), None);
        let error = MemoryError::System {
            call: Call::Mmap,
            errno: Errno::NOMEM,
        };
        let unmapped = pages.refuse(MemoryRefusal::NotMapped { error });
        let refusal = pages.refusal(unmapped).unwrap();
        assert_eq!(refusal.kind(), ErrorKind::OutOfMemory);
        assert_eq!(
            refusal.to_string(),
            format!("its pages could not be mapped: {error}")
        );
        let none = MemoryRefusal::None(Report {
            dma_heap: Some(Errno::NOENT),
            udmabuf: Some(Errno::ACCESS),
            ..Report::default()
        });
        let none = none.to_string();
        assert!(
            none.contains("dma-heap: ") && none.contains("; udmabuf: "),
            "{none}"
        );
    }
}
