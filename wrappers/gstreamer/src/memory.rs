//! GStreamer memory as the ring sees it: a file, an offset in it, and a buffer id.

#![expect(
    unsafe_code,
    reason = "descriptors are numbers, and memory is given data, by FFI"
)]

use std::os::fd::{BorrowedFd, IntoRawFd, OwnedFd};
use std::sync::{LazyLock, Mutex};

use gst::ffi::GstMiniObject;
use gst::glib;
use gst::glib::translate::IntoGlib;
use gst::prelude::*;
use gst_allocators::prelude::*;
use gst_allocators::{DmaBufAllocator, FdAllocator, FdMemory, FdMemoryFlags};

use crate::lock;

/// Maximum number of hosts whose ids a memory keeps: one for each sink after a `tee`.
const MOST_HOSTS: usize = 4;

static NUMBERS: LazyLock<glib::Quark> = LazyLock::new(|| glib::Quark::from_str("videostream-ids"));

/// Allocators that wrap descriptors. Memory of the dma-buf allocator is handed to drivers, so the
/// kind has to be right.
#[derive(Debug)]
pub(crate) struct Allocators {
    pub(crate) dma_bufs: DmaBufAllocator,
    pub(crate) files: FdAllocator,
}

impl Allocators {
    pub(crate) fn new() -> Self {
        Self {
            dma_bufs: DmaBufAllocator::new(),
            files: FdAllocator::new(),
        }
    }

    /// Wraps all memory of a descriptor. It stays mapped from its first use on.
    pub(crate) fn adopt(
        &self,
        fd: OwnedFd,
        size: usize,
        is_dma_buf: bool,
    ) -> Result<gst::Memory, glib::BoolError> {
        let allocator: &FdAllocator = match is_dma_buf {
            true => self.dma_bufs.upcast_ref(),
            false => &self.files,
        };
        // SAFETY: the descriptor is open and owned: the memory closes it.
        unsafe { allocator.alloc_fd(fd.into_raw_fd(), size, FdMemoryFlags::KEEP_MAPPED) }
    }
}

/// Whether an allocator allocates by size. Allocators flagged as custom have functions of their
/// own; those for descriptors all carry the flag, but some allocate by size anyway
/// (`GstShmAllocator`).
pub(crate) fn allocates_by_size(allocator: &gst::Allocator) -> bool {
    let object = allocator.as_ptr();
    // SAFETY: the allocator is alive; its flags are set when it is created.
    let flags = unsafe { (*object).object.flags };
    if flags & gst::ffi::GST_ALLOCATOR_FLAG_CUSTOM_ALLOC == 0 {
        return true;
    }
    let class = allocator.class().as_ref();
    allocator.is::<FdAllocator>() && class.alloc.is_some()
}

/// The part of a file that a memory covers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) fd: BorrowedFd<'a>,
    /// Offset in the file.
    pub(crate) offset: usize,
}

/// Returns the part of a file that a memory covers, if other processes can map it.
pub(crate) fn part(memory: &gst::MemoryRef) -> Option<Part<'_>> {
    let fd = memory.downcast_memory_ref::<FdMemory>()?.fd();
    if fd < 0 {
        return None;
    }
    // SAFETY: the memory keeps it open, and is borrowed for as long.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    Some(Part {
        fd,
        offset: memory.offset(),
    })
}

/// Buffer ids of a memory by host epoch; dropped with the memory.
type Numbers = Mutex<Vec<(u64, u32)>>;

/// Returns the memory that a part was shared from, or the memory itself; its file never changes.
fn whole(memory: &gst::MemoryRef) -> *mut GstMiniObject {
    let memory = memory.as_ptr();
    // SAFETY: the memory is borrowed, and keeps the one that it is a part of.
    let parent = unsafe { (*memory).parent };
    let whole = match parent.is_null() {
        true => memory.cast_mut(),
        false => parent,
    };
    whole.cast()
}

/// Returns the id of a memory's file at the host with this epoch, if it was noted.
pub(crate) fn number(memory: &gst::MemoryRef, epoch: u64) -> Option<u32> {
    let whole = whole(memory);
    // SAFETY: it lives as long as `memory`, and the data is never detached.
    let numbers = unsafe { gst::ffi::gst_mini_object_get_qdata(whole, NUMBERS.into_glib()) };
    // SAFETY: null, or the table that `note_number` attached, which lives as long as the memory.
    let numbers = unsafe { numbers.cast::<Numbers>().as_ref() }?;
    let numbers = lock(numbers);
    let found = numbers.iter().find(|(of, _)| *of == epoch);
    found.map(|(_, number)| *number)
}

/// Notes the id of a memory's file at a host.
pub(crate) fn note_number(memory: &gst::MemoryRef, epoch: u64, number: u32) {
    unsafe extern "C" fn forget(numbers: glib::ffi::gpointer) {
        // SAFETY: made from a box below; called once, when the memory is freed.
        drop(unsafe { Box::from_raw(numbers.cast::<Numbers>()) });
    }
    // Two threads must not both attach a table.
    static FIRST: Mutex<()> = Mutex::new(());
    let _first = lock(&FIRST);
    let whole = whole(memory);
    // SAFETY: as in `number`.
    let known = unsafe { gst::ffi::gst_mini_object_get_qdata(whole, NUMBERS.into_glib()) };
    // SAFETY: as in `number`.
    if let Some(known) = unsafe { known.cast::<Numbers>().as_ref() } {
        let mut known = lock(known);
        known.retain(|(of, _)| *of != epoch);
        if known.len() >= MOST_HOSTS {
            known.remove(0);
        }
        known.push((epoch, number));
        return;
    }
    let numbers: Box<Numbers> = Box::new(Mutex::new(vec![(epoch, number)]));
    let numbers = Box::into_raw(numbers).cast();
    // SAFETY: the memory lives; it frees the table with `forget`.
    unsafe {
        gst::ffi::gst_mini_object_set_qdata(whole, NUMBERS.into_glib(), numbers, Some(forget));
    }
}
