//! Whose memory a camera fills.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::SealFlags;
use rustix::param::page_size;
use videostream_hal::memory::allocate::Report;
use videostream_hal::memory::{Access, Allocator, Mapping, Origin, memfd};
use videostream_hal::v4l2::queue::Places;
use videostream_hal::v4l2::{Error, ErrorKind, ExportAccess, Memory};

/// Whose memory a camera fills. All three kinds have descriptors, and are shared without a copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CameraMemory {
    /// The driver's own (`V4L2_MEMORY_MMAP`), exported as dma-bufs. Works with every driver that
    /// can export, which is nearly all of them.
    #[default]
    Driver,
    /// Dma-bufs of a dma-heap, or else of udmabuf, that the driver imports
    /// (`V4L2_MEMORY_DMABUF`). A driver without an IOMMU needs contiguous ones, of a CMA heap.
    Imported,
    /// Pages of this process (`V4L2_MEMORY_USERPTR`), for drivers without dma-buf. They are pages
    /// of memfds, for memory without a descriptor could not be shared without a copy; as they are
    /// no dma-bufs, other hardware cannot import them.
    Pages,
}

impl CameraMemory {
    /// `mmap`, `dmabuf` or `userptr`.
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

/// Why a camera cannot fill memory of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemoryRefusal {
    /// The driver takes none of the kind.
    NotTaken,
    /// There is none to give to it.
    None(Report),
    /// The driver cannot reach it.
    OutOfReach {
        /// Where it is from.
        origin: Option<Origin>,
        /// What the driver answered.
        error: Error,
    },
}

impl fmt::Display for MemoryRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTaken => f.write_str("the driver takes none"),
            Self::None(report) => write!(f, "there is none to be had ({})", Against(report)),
            Self::OutOfReach { origin, error } => {
                f.write_str("the driver cannot reach it")?;
                if let Some(origin) = origin {
                    write!(f, " ({origin})")?;
                }
                write!(
                    f,
                    ": {error}; without an IOMMU it needs contiguous memory, such as a CMA heap's"
                )
            }
        }
    }
}

/// What spoke against each source of dma-bufs.
struct Against<'r>(&'r Report);

impl fmt::Display for Against<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources = [("dma-heap", self.0.dma_heap), ("udmabuf", self.0.udmabuf)];
        let mut comma = "";
        for (source, errno) in sources {
            if let Some(errno) = errno {
                write!(f, "{comma}{source}: {errno}")?;
                comma = "; ";
            }
        }
        Ok(())
    }
}

/// Memory that was given to a driver: of each buffer its descriptors, and their bytes.
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

    /// Gives every buffer its memory.
    pub(super) fn supply(&mut self, places: &mut Places<'_>) -> Result<(), Error> {
        let lengths = places.lengths().iter();
        // Whole pages, which is what there is of memory: the size that descriptors tell.
        let lengths = lengths.map(|&len| (len as usize).next_multiple_of(page_size()));
        let lengths: Vec<usize> = lengths.collect();
        self.lengths = lengths.iter().map(|&len| len as u32).collect();
        let allocator = Allocator::new();
        for index in 0..places.count() {
            let planes = match self.memory {
                CameraMemory::Driver => return Ok(()),
                CameraMemory::Imported => self.import(&allocator, index, &lengths, places)?,
                CameraMemory::Pages => self.lend(index, &lengths, places)?,
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
        places: &mut Places<'_>,
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
            self.refusal = Some(MemoryRefusal::None(report));
            return Err(no_memory(Some(rustix::io::Errno::NOMEM)));
        }
        let borrowed: Vec<BorrowedFd<'_>> = planes.iter().map(AsFd::as_fd).collect();
        places.import(index, &borrowed)?;
        Ok(planes)
    }

    fn lend(
        &mut self,
        index: u32,
        lengths: &[usize],
        places: &mut Places<'_>,
    ) -> Result<Vec<OwnedFd>, Error> {
        let (mut planes, mut pages) = (Vec::new(), Vec::new());
        for &len in lengths {
            let file = memfd::create(c"camera", len).map_err(|e| no_memory(Some(e)))?;
            let mapping = Mapping::new(&file, len, Access::ReadWrite);
            pages.push(mapping.map_err(|_| no_memory(None))?);
            let mut seals = SealFlags::SHRINK | SealFlags::GROW;
            if self.access == ExportAccess::ReadOnly {
                // The mapping that the driver fills is made; others cannot write any more.
                seals |= SealFlags::FUTURE_WRITE;
            }
            memfd::seal(&file, seals | SealFlags::SEAL).map_err(|e| no_memory(Some(e)))?;
            planes.push(file);
        }
        self.origin = Some(Origin::Memfd);
        places.lend_each(index, pages)?;
        Ok(planes)
    }

    /// Whether an error of a start is about the memory, and what it says of it.
    pub(super) fn refusal(&self, error: Error) -> Option<MemoryRefusal> {
        if self.memory == CameraMemory::Driver {
            return None;
        }
        if self.refusal.is_some() {
            return self.refusal;
        }
        let Error::System { call, .. } = error else {
            return None;
        };
        match (call, error.kind()) {
            ("VIDIOC_REQBUFS", ErrorKind::InvalidArgument) => Some(MemoryRefusal::NotTaken),
            ("VIDIOC_QBUF", ErrorKind::InvalidArgument | ErrorKind::OutOfMemory) => {
                Some(MemoryRefusal::OutOfReach {
                    origin: self.origin,
                    error,
                })
            }
            _ => None,
        }
    }
}

/// No memory, as the kernel says it.
fn no_memory(errno: Option<rustix::io::Errno>) -> Error {
    Error::System {
        call: "mmap",
        errno: errno.unwrap_or(rustix::io::Errno::NOMEM),
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn refusals_say_what_memory_would_do() {
        let supplied = Supplied::new(CameraMemory::Imported, ExportAccess::ReadOnly);
        let system = |call, errno| Error::System { call, errno };
        let said = |call, errno| {
            let refusal = supplied.refusal(system(call, errno));
            refusal.map(|refusal| refusal.to_string())
        };
        let taken = said("VIDIOC_REQBUFS", Errno::INVAL);
        assert_eq!(taken.as_deref(), Some("the driver takes none"));
        let reach = said("VIDIOC_QBUF", Errno::FAULT).unwrap();
        assert!(reach.contains("EFAULT") && reach.contains("CMA"), "{reach}");
        assert_eq!(said("VIDIOC_QBUF", Errno::NODEV), None);
        assert_eq!(said("VIDIOC_STREAMON", Errno::INVAL), None);
        let own = Supplied::new(CameraMemory::Driver, ExportAccess::ReadOnly);
        assert_eq!(own.refusal(system("VIDIOC_REQBUFS", Errno::INVAL)), None);
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
