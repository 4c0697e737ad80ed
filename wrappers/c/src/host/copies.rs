//! Copies of memory that cannot be shared itself.

#![expect(unsafe_code, reason = "mapped memory is written")]

use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{FileType, fstat};
use rustix::io::{Errno, pread};
use rustix::param::page_size;
use videostream::hal::memory::{Mapping, memfd};

use crate::frame::{Memory, map, map_as_allowed};

/// Name in `/proc/PID/fd`.
const NAME: &CStr = c"videostream copy";

/// Memory for copies of `size` bytes, and its mapping.
pub(super) fn memory(size: usize) -> Result<(OwnedFd, Mapping), Errno> {
    let size = size.checked_next_multiple_of(page_size());
    let size = size.ok_or(Errno::NOMEM)?;
    let fd = memfd::create(NAME, size)?;
    memfd::seal(&fd, memfd::FIXED_SIZE)?;
    let view = map(fd.as_fd(), 0, size)?;
    Ok((fd, view))
}

/// Copies a frame into `view` at byte `at`, into a range that no client reads.
pub(super) fn fill(view: &mut Mapping, at: usize, frame: Memory<'_>) -> Result<(), Errno> {
    let Memory { fd, size, .. } = frame;
    if at.checked_add(size).is_none_or(|end| end > view.len()) {
        return Err(Errno::NOMEM);
    }
    // SAFETY: within the view, checked above.
    let target = unsafe { view.as_ptr().add(at) };
    let kind = FileType::from_raw_mode(fstat(fd)?.st_mode);
    if kind != FileType::RegularFile {
        let source = map_as_allowed(fd, frame.offset, size)?;
        // SAFETY: `size` bytes are mapped at the source, and as many or more at the target, by
        // what `Mapping` says; the two are not the same memory, since the target is the host's own.
        unsafe { target.copy_from_nonoverlapping(source.as_ptr(), size) };
        return Ok(());
    }
    // SAFETY: the view has as many bytes, checked above; no client holds a frame in them and this
    // library has no reference to them, so that nobody reads or writes them meanwhile.
    let mut rest = unsafe { std::slice::from_raw_parts_mut(target, size) };
    // Read, not mapped: a file that is cut short meanwhile is an error and not a signal.
    let mut offset = frame.offset as u64;
    while !rest.is_empty() {
        match pread(fd, &mut *rest, offset) {
            Ok(0) => return Err(Errno::INVAL),
            Ok(count) => {
                rest = rest.get_mut(count..).ok_or(Errno::INVAL)?;
                offset += count as u64;
            }
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
