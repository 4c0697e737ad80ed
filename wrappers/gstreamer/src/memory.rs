//! Memory of GStreamer as the ring has it: a file, a place in it, and the number that a host knows it by.

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

/// Hosts whose numbers a memory keeps: one for each sink behind a `tee`.
const MOST_HOSTS: usize = 4;

static NUMBERS: LazyLock<glib::Quark> = LazyLock::new(|| glib::Quark::from_str("videostream-ids"));

/// What adopts descriptors. GStreamer takes the allocator's word for what a descriptor is, and hands dma-bufs to drivers.
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

    /// Memory of all that a descriptor has. It stays mapped from its first use on.
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
        // SAFETY: the descriptor is open and nobody else's: the memory closes it.
        unsafe { allocator.alloc_fd(fd.into_raw_fd(), size, FdMemoryFlags::KEEP_MAPPED) }
    }
}

/// Whether an allocator gives memory to whoever names a size: others have functions of their own. Those whose memory is files
/// all say the latter, and can do the former if they have a function for it (`GstShmAllocator`).
pub(crate) fn allocates_by_size(allocator: &gst::Allocator) -> bool {
    let object = allocator.as_ptr();
    // SAFETY: the allocator is alive; its kind is settled when it is made.
    let flags = unsafe { (*object).object.flags };
    if flags & gst::ffi::GST_ALLOCATOR_FLAG_CUSTOM_ALLOC == 0 {
        return true;
    }
    let class = allocator.class().as_ref();
    allocator.is::<FdAllocator>() && class.alloc.is_some()
}

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
    // SAFETY: the memory keeps it open, and is borrowed for as long.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    Some(Part {
        fd,
        offset: memory.offset(),
    })
}

/// Numbers of a memory by host; dropped with the memory.
type Numbers = Mutex<Vec<(u64, u32)>>;

/// The memory that a part was taken from, or itself: its file is the same for as long as it lives.
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

/// The number that a host with this epoch knows a memory's file by, if it was noted.
pub(crate) fn number(memory: &gst::MemoryRef, epoch: u64) -> Option<u32> {
    let whole = whole(memory);
    // SAFETY: it lives for as long as `memory`; nobody takes the data away from it.
    let numbers = unsafe { gst::ffi::gst_mini_object_get_qdata(whole, NUMBERS.into_glib()) };
    // SAFETY: null, or what `note_number` has given it, which goes with the memory.
    let numbers = unsafe { numbers.cast::<Numbers>().as_ref() }?;
    let numbers = lock(numbers);
    let found = numbers.iter().find(|(of, _)| *of == epoch);
    found.map(|(_, number)| *number)
}

/// Notes the number that a host knows a memory's file by.
pub(crate) fn note_number(memory: &gst::MemoryRef, epoch: u64, number: u32) {
    unsafe extern "C" fn forget(numbers: glib::ffi::gpointer) {
        // SAFETY: made from a box below; called once, with the memory's end.
        drop(unsafe { Box::from_raw(numbers.cast::<Numbers>()) });
    }
    // Two threads must not both give it a table.
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
    // SAFETY: the memory lives; it drops what it is given by `forget`.
    unsafe {
        gst::ffi::gst_mini_object_set_qdata(whole, NUMBERS.into_glib(), numbers, Some(forget));
    }
}
