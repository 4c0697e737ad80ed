//! Frames of the ring as GStreamer memory. Each ring buffer is mapped once. The hold on a frame
//! belongs to the memory, not to the first `GstBuffer`: queues and encoders keep the memory and
//! drop the buffer.

#![expect(
    unsafe_code,
    reason = "the hold is attached to memory through the C interface"
)]

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, OnceLock};

use gst::glib;
use gst::glib::translate::IntoGlib;
use gst::prelude::*;
use gst_allocators::{DmaBufMemory, FdAllocator};
use rustix::io::fcntl_dupfd_cloexec;
use videostream::Frame;
use videostream::hal::memory::mapping::file_size;
use videostream::hal::memory::memfd;

use crate::memory::Allocators;
use crate::placement::Placement;

/// Maximum number of buffers that stay mapped.
const MAX_MAPPED: usize = 64;

/// Key of the hold among a memory's data.
static HOLD: LazyLock<glib::Quark> = LazyLock::new(|| glib::Quark::from_str("videostream-frame"));

/// The hold on a frame, kept as long as any part of its memory is in use.
pub(crate) struct Hold {
    /// Dropped before `returned` is called.
    frame: Option<Frame>,
    /// Called after the frame was released.
    returned: Box<dyn Fn() + Send + Sync>,
}

impl Hold {
    pub(crate) fn new(frame: Frame, returned: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            frame: Some(frame),
            returned: Box::new(returned),
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.frame = None;
        (self.returned)();
    }
}

/// The ring's buffers as GStreamer memory, each mapped once.
#[derive(Debug, Default)]
pub(crate) struct MappedBuffers {
    known: HashMap<(u64, u32), Mapped>,
    /// Counts lookups, to find the least recently used buffer.
    lookups: u64,
    allocators: Option<Allocators>,
}

/// Makes allocators whose memory passes its hold on to parts.
fn allocators() -> Allocators {
    let allocators = Allocators::new();
    inherit_holds(allocators.dma_bufs.upcast_ref());
    inherit_holds(&allocators.files);
    allocators
}

/// Maps the ring buffer that a plane lies in.
fn map(
    allocators: &Allocators,
    frame: &Frame,
    plane: usize,
) -> Result<gst::Memory, std::io::Error> {
    let fd = frame.plane_fd(plane);
    let fd = fd.ok_or(std::io::ErrorKind::NotFound)?;
    let size = usize::try_from(file_size(fd)?).map_err(std::io::Error::other)?;
    let own = fcntl_dupfd_cloexec(fd, 0)?;
    let memory = allocators.adopt(own, size, memfd::is_dma_buf(fd));
    memory.map_err(std::io::Error::other)
}

#[derive(Debug)]
struct Mapped {
    memory: gst::Memory,
    last_lookup: u64,
}

impl MappedBuffers {
    /// Forgets all buffers. Memory in use stays mapped.
    pub(crate) fn clear(&mut self) {
        self.known.clear();
    }

    /// Whether a frame of this connection lies in a dma-buf.
    pub(crate) fn is_dma_buf(
        &mut self,
        connection: u64,
        frame: &Frame,
    ) -> Result<bool, std::io::Error> {
        let planes = frame.descriptor().planes();
        let first = planes.first().ok_or(std::io::ErrorKind::NotFound)?;
        let memory = self.mapped(frame, 0, (connection, first.buffer))?;
        Ok(memory.is_memory_type::<DmaBufMemory>())
    }

    /// Wraps a frame of this connection in a read-only `GstBuffer`, with one memory for each ring
    /// buffer that the frame covers.
    pub(crate) fn wrap(
        &mut self,
        connection: u64,
        placement: &Placement,
        frame: Frame,
        returned: impl Fn() + Send + Sync + 'static,
    ) -> Result<gst::Buffer, std::io::Error> {
        let mut buffer = gst::Buffer::new();
        let mut shares = Vec::with_capacity(placement.parts.len());
        for part in &placement.parts {
            let whole = self.mapped(&frame, part.plane, (connection, part.buffer))?;
            if part.end > whole.size() {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            shares.push(whole.share(part.begin..part.end));
        }
        let hold = Arc::new(Hold::new(frame, returned));
        if let Some(buffer) = buffer.get_mut() {
            for share in shares {
                buffer.append_memory(with_hold(share, hold.clone()));
            }
        }
        Ok(buffer)
    }

    /// Returns the memory of a whole ring buffer.
    fn mapped(
        &mut self,
        frame: &Frame,
        plane: usize,
        key: (u64, u32),
    ) -> Result<&gst::Memory, std::io::Error> {
        self.lookups += 1;
        let lookup = self.lookups;
        if !self.known.contains_key(&key) {
            if self.known.len() >= MAX_MAPPED {
                let oldest = self
                    .known
                    .iter()
                    .min_by_key(|(_, mapped)| mapped.last_lookup);
                if let Some(oldest) = oldest.map(|(key, _)| *key) {
                    self.known.remove(&oldest);
                }
            }
            let allocators = self.allocators.get_or_insert_with(allocators);
            let memory = map(allocators, frame, plane)?;
            self.known.insert(
                key,
                Mapped {
                    memory,
                    last_lookup: lookup,
                },
            );
        }
        let mapped = self.known.get_mut(&key);
        let mapped = mapped.ok_or(std::io::ErrorKind::NotFound)?;
        mapped.last_lookup = lookup;
        Ok(&mapped.memory)
    }
}

/// Marks memory as read-only, and attaches a hold to it.
fn with_hold(mut memory: gst::Memory, hold: Arc<Hold>) -> gst::Memory {
    if let Some(memory) = memory.get_mut() {
        let object = memory.as_mut_ptr().cast::<gst::ffi::GstMiniObject>();
        // SAFETY: the reference is the only one, and a memory starts with a mini object.
        unsafe { (*object).flags |= gst::ffi::GST_MEMORY_FLAG_READONLY };
        // SAFETY: the object is alive.
        unsafe { attach(object, hold) };
    }
    memory
}

/// Attaches a hold to a memory until it is freed.
///
/// # Safety
/// `object` is a live memory.
unsafe fn attach(object: *mut gst::ffi::GstMiniObject, hold: Arc<Hold>) {
    unsafe extern "C" fn release(hold: glib::ffi::gpointer) {
        // SAFETY: the pointer is that of `Arc::into_raw` below, and GStreamer calls this once.
        drop(unsafe { Arc::from_raw(hold.cast::<Hold>().cast_const()) });
    }
    let hold = Arc::into_raw(hold).cast_mut().cast();
    // SAFETY: the object is alive by this function's contract, and `release` frees what is
    // attached.
    unsafe {
        gst::ffi::gst_mini_object_set_qdata(object, HOLD.into_glib(), hold, Some(release));
    }
}

type Share =
    unsafe extern "C" fn(*mut gst::ffi::GstMemory, isize, isize) -> *mut gst::ffi::GstMemory;

/// Makes memory of this allocator pass its hold on to every part shared from it. A part refers to
/// the whole ring buffer: one that outlives the frame's memory, in a payloader for example, would
/// otherwise not hold the frame.
fn inherit_holds(allocator: &FdAllocator) {
    /// The original function, which both allocators inherit from one class.
    static ORIGINAL: OnceLock<Option<Share>> = OnceLock::new();

    unsafe extern "C" fn share(
        memory: *mut gst::ffi::GstMemory,
        offset: isize,
        size: isize,
    ) -> *mut gst::ffi::GstMemory {
        let Some(original) = ORIGINAL.get().copied().flatten() else {
            return std::ptr::null_mut();
        };
        // SAFETY: the arguments are those of the original call.
        let part = unsafe { original(memory, offset, size) };
        if part.is_null() {
            return part;
        }
        // SAFETY: the memory is alive for this call.
        let hold = unsafe { gst::ffi::gst_mini_object_get_qdata(memory.cast(), HOLD.into_glib()) };
        let hold = hold.cast::<Hold>().cast_const();
        if !hold.is_null() {
            // SAFETY: the pointer is that of an `Arc` that the memory keeps.
            unsafe { Arc::increment_strong_count(hold) };
            // SAFETY: it owns the count added above.
            let hold = unsafe { Arc::from_raw(hold) };
            // SAFETY: the part is alive.
            unsafe { attach(part.cast(), hold) };
        }
        part
    }

    /// Keeps adjacent parts from being merged into a part of the whole ring buffer, which has no
    /// hold.
    unsafe extern "C" fn is_span(
        _: *mut gst::ffi::GstMemory,
        _: *mut gst::ffi::GstMemory,
        _: *mut usize,
    ) -> glib::ffi::gboolean {
        glib::ffi::GFALSE
    }

    let class: *mut gst::ffi::GstAllocator = allocator.upcast_ref::<gst::Allocator>().as_ptr();
    // SAFETY: the allocator is alive, and new, so nothing else uses it yet.
    let original = unsafe { (*class).mem_share };
    ORIGINAL.get_or_init(|| original);
    // SAFETY: as above.
    unsafe { (*class).mem_share = Some(share) };
    // SAFETY: as above.
    unsafe { (*class).mem_is_span = Some(is_span) };
}
