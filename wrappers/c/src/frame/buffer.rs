//! The memory of a frame: of its own, or somebody else's.

#![expect(unsafe_code, reason = "a descriptor of C is duplicated")]

use std::ffi::{CStr, CString, c_int};
use std::os::fd::{AsFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::Mode;
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::process::{Resource, getrlimit};
use rustix::shm;
use videostream::hal::memory::allocate::{Allocator, Origin};
use videostream::hal::memory::heap::{DmaHeap, HEAP_FOLDER};
use videostream::hal::memory::memfd;

use super::spares::Lent;
use crate::boundary::explain;
use crate::client::Received;

/// Descriptors below are those of input, output and errors, which some checks take for none.
const LOWEST_FD: c_int = 3;

/// The memory of a frame.
#[derive(Debug)]
pub(super) enum Buffer {
    /// Of its own, with a name for people.
    Own(OwnedFd, CString),
    /// A shared memory object, which goes with it.
    Shared(SharedObject),
    /// A duplicate of the program's descriptor.
    Attached(OwnedFd),
    /// A host's, which frames of one client share.
    Received(Arc<Received>),
    /// Of a maker of frames, which gets it back.
    Lent(Lent),
}

impl Buffer {
    /// Allocates `size` bytes by the rules of `vsl_frame_alloc`.
    pub(super) fn allocate(path: Option<&CStr>, size: usize) -> Result<Self, Errno> {
        let bytes = u64::try_from(size).map_err(|_| Errno::INVAL)?;
        let allocated = match path {
            None => Self::best(bytes),
            Some(path) if path.to_bytes().starts_with(b"/dev") => {
                let fd = heap(path)?.allocate(bytes).map_err(|error| error.errno())?;
                Ok(Self::Own(fd, path.to_owned()))
            }
            Some(path) => SharedObject::new(path, bytes).map(Self::Shared),
        };
        allocated.map_err(|errno| match (errno, getrlimit(Resource::Fsize).current) {
            (Errno::FBIG, Some(limit)) => explain(errno, too_big(bytes, limit)),
            _ => errno,
        })
    }

    fn best(bytes: u64) -> Result<Self, Errno> {
        let allocation = Allocator::new().allocate(bytes);
        let allocation = allocation.map_err(|report| report.memfd.unwrap_or(Errno::NOMEM))?;
        let name = match allocation.report.taken {
            Some(Origin::DmaHeap(name)) => format!("/dev/dma_heap/{name}"),
            Some(Origin::Udmabuf) => "/dev/udmabuf".into(),
            Some(Origin::Memfd) | None => made_up_name(),
        };
        let name = CString::new(name).map_err(|_| Errno::INVAL)?;
        Ok(Self::Own(allocation.fd, name))
    }

    /// Duplicates `fd`, which may be anything.
    pub(super) fn attach(fd: c_int) -> Result<Self, Errno> {
        if fd < 0 {
            return Err(Errno::BADF);
        }
        // SAFETY: not -1, and used for one call, which refuses a number that is not open.
        let fd = unsafe { BorrowedFd::borrow_raw(fd) };
        fcntl_dupfd_cloexec(fd, LOWEST_FD).map(Self::Attached)
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Own(fd, _) | Self::Attached(fd) => fd.as_fd(),
            Self::Shared(object) => object.fd.as_fd(),
            Self::Received(memory) => memory.fd(),
            Self::Lent(memory) => memory.fd(),
        }
    }

    /// What memory of the frame's own is called.
    pub(super) fn path(&self) -> Option<&CStr> {
        match self {
            Self::Own(_, name) => Some(name),
            Self::Shared(object) => Some(&object.name),
            Self::Attached(_) | Self::Received(_) | Self::Lent(_) => None,
        }
    }

    /// Where `len` bytes from `offset` on are mapped, of memory whose mapping is not its frame's.
    pub(super) fn mapping_that_stays(
        &self,
        offset: usize,
        len: usize,
    ) -> Result<Option<*mut u8>, Errno> {
        match self {
            Self::Received(memory) => memory.map(offset, len).map(Some),
            Self::Lent(memory) => Ok(Some(memory.view().as_ptr())),
            Self::Own(..) | Self::Shared(_) | Self::Attached(_) => Ok(None),
        }
    }

    pub(super) fn is_attached(&self) -> bool {
        matches!(self, Self::Attached(_))
    }

    /// Lets go of an attached descriptor without closing it; of other memory as ever.
    pub(super) fn leave_open(self) {
        if let Self::Attached(fd) = self {
            let _ = fd.into_raw_fd();
        }
    }
}

fn too_big(bytes: u64, limit: u64) -> String {
    format!(
        "{bytes} bytes of memory are more than a file may have here: RLIMIT_FSIZE (ulimit -f, \
         LimitFSIZE=) is {limit} bytes"
    )
}

/// The heap of a path.
fn heap(path: &CStr) -> Result<DmaHeap, Errno> {
    let text = path.to_str().map_err(|_| Errno::NOENT)?;
    let folder = HEAP_FOLDER.to_str().map_err(|_| Errno::NOENT)?;
    let name = text.strip_prefix(folder).and_then(|n| n.strip_prefix('/'));
    match name {
        Some(name) => DmaHeap::open(name).map_err(|error| error.errno()),
        // A node that is something else, as the kernel would put it.
        None if std::path::Path::new(text).exists() => Err(Errno::NOTTY),
        None => Err(Errno::NOENT),
    }
}

/// A name for memory that has none, as programs know it.
fn made_up_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("/VSL_{}_{number}", std::process::id())
}

/// A POSIX shared memory object, unlinked on drop.
#[derive(Debug)]
pub(super) struct SharedObject {
    fd: OwnedFd,
    name: CString,
}

impl SharedObject {
    /// Makes an object of `bytes` bytes, or takes the one of this name.
    fn new(name: &CStr, bytes: u64) -> Result<Self, Errno> {
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
        })
    }
}

impl Drop for SharedObject {
    fn drop(&mut self) {
        // Fails if another frame of this name was first.
        let _ = shm::unlink(&*self.name);
    }
}
