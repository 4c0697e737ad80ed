//! Memory of GStreamer as the ring has it: a file and a place in it.

use std::os::fd::BorrowedFd;

use gst_allocators::FdMemory;

/// A memory's part of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) fd: BorrowedFd<'a>,
    /// Where in the file it begins.
    pub(crate) offset: usize,
}

/// What of a file a memory is, if it is one that others can map.
pub(crate) fn part(memory: &gst::MemoryRef) -> Option<Part<'_>> {
    let fd = memory.downcast_memory_ref::<FdMemory>()?.fd();
    if fd < 0 {
        return None;
    }
    #[expect(unsafe_code, reason = "GStreamer has descriptors as numbers")]
    // SAFETY: the memory keeps it open, and is borrowed for as long.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    Some(Part {
        fd,
        offset: memory.offset(),
    })
}
