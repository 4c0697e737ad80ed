//! A frame's memory mapped into the process.

use std::os::fd::BorrowedFd;

use rustix::io::Errno;
use videostream::hal::memory::{Access, Mapping, MemoryError};

/// Maps `len` bytes from `offset` on, for reading and writing.
pub(crate) fn map(fd: BorrowedFd<'_>, offset: usize, len: usize) -> Result<Mapping, Errno> {
    Mapping::range(fd, offset as u64, len, Access::ReadWrite).map_err(MemoryError::errno)
}

/// Like [`map`], but for reading only if the descriptor does not allow writing.
pub(crate) fn map_as_allowed(
    fd: BorrowedFd<'_>,
    offset: usize,
    len: usize,
) -> Result<Mapping, Errno> {
    match map(fd, offset, len) {
        Err(Errno::ACCESS | Errno::PERM) => {
            Mapping::range(fd, offset as u64, len, Access::Read).map_err(MemoryError::errno)
        }
        other => other,
    }
}
