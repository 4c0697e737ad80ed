//! The memory of a frame: its own, or another owner's.

#![expect(unsafe_code, reason = "a descriptor of C is duplicated")]

use std::ffi::{CStr, c_int};
use std::os::fd::{AsFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::sync::Arc;

use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::process::{Resource, getrlimit};
use videostream::v2::NamedMemory;

use super::HostMemory;
use super::buffer_pool::PooledBuffer;
use crate::boundary::explain;

/// Lowest descriptor for duplicates: programs may treat those of stdin, stdout and stderr as unset.
const LOWEST_FD: c_int = 3;

/// The memory of a frame.
#[derive(Debug)]
pub(super) enum Buffer {
    /// Of its own.
    Own(NamedMemory),
    /// A duplicate of the program's descriptor.
    Attached(OwnedFd),
    /// A host's, shared by the frames of one client.
    Received(Arc<HostMemory>),
    /// Of a pool, which gets it back.
    Pooled(PooledBuffer),
}

impl Buffer {
    /// Allocates `size` bytes by the rules of `vsl_frame_alloc`.
    pub(super) fn allocate(path: Option<&CStr>, size: usize) -> Result<Self, Errno> {
        let bytes = u64::try_from(size).map_err(|_| Errno::INVAL)?;
        let allocated = NamedMemory::allocate(path, bytes).map(Self::Own);
        allocated.map_err(|errno| match (errno, getrlimit(Resource::Fsize).current) {
            (Errno::FBIG, Some(limit)) => explain(errno, too_big(bytes, limit)),
            _ => errno,
        })
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
            Self::Own(memory) => memory.as_fd(),
            Self::Attached(fd) => fd.as_fd(),
            Self::Received(memory) => memory.fd(),
            Self::Pooled(memory) => memory.fd(),
        }
    }

    /// Name of the frame's own memory.
    pub(super) fn path(&self) -> Option<&CStr> {
        match self {
            Self::Own(memory) => Some(memory.name()),
            Self::Attached(_) | Self::Received(_) | Self::Pooled(_) => None,
        }
    }

    /// The mapping at `offset` for memory that keeps its own mapping.
    pub(super) fn shared_mapping(
        &self,
        offset: usize,
        len: usize,
    ) -> Result<Option<*mut u8>, Errno> {
        match self {
            Self::Received(memory) => memory.map(offset, len).map(Some),
            Self::Pooled(memory) => Ok(Some(memory.view().as_ptr())),
            Self::Own(_) | Self::Attached(_) => Ok(None),
        }
    }

    pub(super) fn is_attached(&self) -> bool {
        matches!(self, Self::Attached(_))
    }

    /// Drops the memory, but leaves an attached descriptor open.
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
