//! Memory for USERPTR streaming: a dma-buf of a heap, mapped.

#![expect(unsafe_code, reason = "memory of C is unmapped and closed")]

use std::ffi::{c_int, c_void};
use std::os::fd::{AsFd, IntoRawFd, OwnedFd};

use rustix::io::Errno;
use videostream::hal::memory::heap::{ANY_HEAP, DmaHeap};

use crate::frame::map;

/// Comes before [`ANY_HEAP`]: NXP's kernels have it.
const UNCACHED_HEAP: &str = "linux,cma-uncached";

/// Allocates and maps `size` bytes of the first heap that has them. Both the mapping and the
/// descriptor belong to the caller.
pub(crate) fn allocate(size: usize) -> Result<(*mut u8, c_int), Errno> {
    let buffer = from_heap(size)?;
    let mapping = map(buffer.as_fd(), 0, size)?;
    Ok((mapping.leak(), buffer.into_raw_fd()))
}

fn from_heap(size: usize) -> Result<OwnedFd, Errno> {
    let bytes = u64::try_from(size).map_err(|_| Errno::INVAL)?;
    let mut refusal = Errno::NOENT;
    for name in std::iter::once(&UNCACHED_HEAP).chain(ANY_HEAP) {
        match DmaHeap::open(name).and_then(|heap| heap.allocate(bytes)) {
            Ok(buffer) => return Ok(buffer),
            // Of a heap that is not there, only if none is.
            Err(error) if error.errno() == Errno::NOENT => {}
            Err(error) => refusal = error.errno(),
        }
    }
    Err(refusal)
}

/// Unmaps and closes memory of [`allocate`]; NULL and -1 are ignored.
///
/// # Safety
/// `start`, `size` and `fd` come from [`allocate`], and are not used afterwards.
pub(crate) unsafe fn free(start: *mut c_void, size: usize, fd: c_int) -> Result<(), Errno> {
    let mut result = Ok(());
    if !start.is_null() {
        // SAFETY: the range is a mapping of its own, as the caller says.
        result = unsafe { rustix::mm::munmap(start, size) };
    }
    if fd >= 0 {
        // SAFETY: the descriptor is the caller's own, who gives it up.
        unsafe { rustix::io::close(fd) };
    }
    result
}
