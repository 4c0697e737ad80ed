//! Memory allocated by path: from a dma-heap, as a shared memory object, or of the best kind.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::shm;
use videostream_hal::memory::allocate::{Allocator, Origin};
use videostream_hal::memory::heap::{DmaHeap, HEAP_FOLDER};
use videostream_hal::memory::memfd;

/// Memory with a name. A shared memory object is unlinked on drop.
#[derive(Debug)]
pub struct NamedMemory {
    fd: OwnedFd,
    name: CString,
    is_object: bool,
}

impl NamedMemory {
    /// Allocates `bytes` bytes. `path` is a heap below `/dev`, or the name of a shared memory
    /// object, which may exist; `None` for the best available memory.
    ///
    /// # Errors
    /// `ENOENT` for a heap that does not exist, `ENOTTY` for another node; errors of `shm_open` and
    /// the heap; `EFBIG` beyond `RLIMIT_FSIZE`.
    pub fn allocate(path: Option<&CStr>, bytes: u64) -> Result<Self, Errno> {
        match path {
            None => Self::best(bytes),
            Some(path) if path.to_bytes().starts_with(b"/dev") => {
                let fd = heap(path)?.allocate(bytes).map_err(|error| error.errno())?;
                Ok(Self {
                    fd,
                    name: path.to_owned(),
                    is_object: false,
                })
            }
            Some(path) => Self::object(path, bytes),
        }
    }

    fn best(bytes: u64) -> Result<Self, Errno> {
        let allocation = Allocator::new().allocate(bytes);
        let allocation = allocation.map_err(|report| report.memfd.unwrap_or(Errno::NOMEM))?;
        let name = match allocation.report.taken {
            Some(Origin::DmaHeap(name)) => format!("/dev/dma_heap/{name}"),
            Some(Origin::Udmabuf) => "/dev/udmabuf".into(),
            Some(Origin::Memfd) | None => made_up_name(),
        };
        Ok(Self {
            fd: allocation.fd,
            name: CString::new(name).map_err(|_| Errno::INVAL)?,
            is_object: false,
        })
    }

    /// Creates a shared memory object, or opens the one of this name.
    fn object(name: &CStr, bytes: u64) -> Result<Self, Errno> {
        let mode = Mode::from_raw_mode(0o660);
        let flags = shm::OFlags::RDWR | shm::OFlags::CREATE;
        let (fd, is_new) = match shm::open(name, flags | shm::OFlags::EXCL, mode) {
            Ok(fd) => (fd, true),
            Err(Errno::EXIST) => (shm::open(name, flags, mode)?, false),
            Err(errno) => return Err(errno),
        };
        if let Err(errno) = memfd::set_size(&fd, bytes) {
            if is_new {
                let _ = shm::unlink(name);
            }
            return Err(errno);
        }
        Ok(Self {
            fd,
            name: name.to_owned(),
            is_object: true,
        })
    }

    /// Returns its name: the path that it was allocated by, the chosen heap, or a made-up name.
    #[must_use]
    pub fn name(&self) -> &CStr {
        &self.name
    }
}

impl AsFd for NamedMemory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for NamedMemory {
    fn drop(&mut self) {
        if self.is_object {
            // Fails if other memory of this name was unlinked first.
            let _ = shm::unlink(&*self.name);
        }
    }
}

/// Opens the heap of a path.
fn heap(path: &CStr) -> Result<DmaHeap, Errno> {
    let text = path.to_str().map_err(|_| Errno::NOENT)?;
    let folder = HEAP_FOLDER.to_str().map_err(|_| Errno::NOENT)?;
    let name = text.strip_prefix(folder).and_then(|n| n.strip_prefix('/'));
    match name {
        Some(name) => DmaHeap::open(name).map_err(|error| error.errno()),
        // A node that is not a heap: the error that its ioctl would return.
        None if std::path::Path::new(text).exists() => Err(Errno::NOTTY),
        None => Err(Errno::NOENT),
    }
}

/// Returns a name for unnamed memory, in the form that programs expect.
fn made_up_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("/VSL_{}_{number}", std::process::id())
}
