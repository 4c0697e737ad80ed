//! Frames of the ring as buffers of a pipeline: each buffer of the ring is mapped once, and the hold on a frame hangs on
//! its memory, not on the buffer that has it first.

#![expect(unsafe_code, reason = "memory of GStreamer is given data that it drops with itself")]

use std::collections::HashMap;
use std::os::fd::{AsFd, IntoRawFd};
use std::sync::{Arc, LazyLock};

use gst::glib;
use gst::glib::translate::IntoGlib;
use gst_allocators::prelude::*;
use gst_allocators::{DmaBufAllocator, FdAllocator, FdMemoryFlags};
use rustix::io::fcntl_dupfd_cloexec;
use videostream::Frame;
use videostream::hal::memory::mapping::file_size;
use videostream::hal::memory::memfd;

/// Most mappings that are kept.
const MOST: usize = 64;

static HOLD: LazyLock<glib::Quark> = LazyLock::new(|| glib::Quark::from_str("videostream-frame"));

/// The ring's buffers, as memory that is mapped once.
#[derive(Debug, Default)]
pub(crate) struct Mappings {
    /// By connection and number; and when it was used last.
    known: HashMap<(u64, u32), (gst::Memory, u64)>,
    looks: u64,
}

/// A frame's memory in a buffer, and where each plane begins in it.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) buffer: gst::Buffer,
    pub(crate) offsets: Vec<usize>,
}

impl Mappings {
    /// The memory of a frame of the `connection`'th host.
    pub(crate) fn place(&mut self, frame: Frame, connection: u64) -> Option<Placed> {
        let descriptor = *frame.descriptor();
        let frame = Arc::new(frame);
        let mut buffer = gst::Buffer::new();
        let change = buffer.get_mut()?;
        let mut offsets = Vec::new();
        // Of each buffer of the ring, the part from its first plane to its last.
        let mut parts: Vec<(u32, usize, usize)> = Vec::new();
        for plane in descriptor.planes() {
            let (from, to) = (plane.offset as usize, plane.offset as usize + plane.size as usize);
            match parts.iter_mut().find(|(id, ..)| *id == plane.buffer) {
                Some((_, begin, end)) => (*begin, *end) = ((*begin).min(from), (*end).max(to)),
                None => parts.push((plane.buffer, from, to)),
            }
        }
        for (at, plane) in descriptor.planes().iter().enumerate() {
            let mut before = 0;
            for (id, begin, end) in &parts {
                if *id == plane.buffer {
                    offsets.push(before + plane.offset as usize - begin);
                    break;
                }
                before += end - begin;
            }
            let _ = at;
        }
        for (id, begin, end) in &parts {
            let plane = descriptor.planes().iter().position(|plane| plane.buffer == *id)?;
            let whole = self.mapping(&frame, plane, (connection, *id))?;
            let memory = whole.share(*begin..*end);
            change.append_memory(held(memory, frame.clone()));
        }
        Some(Placed { buffer, offsets })
    }

    /// A buffer of the ring, all of it.
    fn mapping(&mut self, frame: &Frame, plane: usize, key: (u64, u32)) -> Option<&gst::Memory> {
        static DMA_BUFS: LazyLock<DmaBufAllocator> = LazyLock::new(DmaBufAllocator::new);
        static FILES: LazyLock<FdAllocator> = LazyLock::new(FdAllocator::new);
        self.looks += 1;
        let looks = self.looks;
        if !self.known.contains_key(&key) {
            if self.known.len() >= MOST {
                let oldest = self.known.iter().min_by_key(|(_, (_, used))| *used);
                let oldest = oldest.map(|(key, _)| *key)?;
                self.known.remove(&oldest);
            }
            let fd = frame.plane_fd(plane)?;
            let size = usize::try_from(file_size(fd).ok()?).ok()?;
            let is_dma_buf = memfd::is_dma_buf(fd.as_fd());
            let fd = fcntl_dupfd_cloexec(fd, 0).ok()?.into_raw_fd();
            let allocator: &FdAllocator = match is_dma_buf {
                true => DMA_BUFS.upcast_ref(),
                false => &FILES,
            };
            // SAFETY: the descriptor is open and nobody else's: the memory closes it.
            let memory = unsafe { allocator.alloc_fd(fd, size, FdMemoryFlags::KEEP_MAPPED) };
            self.known.insert(key, (memory.ok()?, looks));
        }
        let (memory, used) = self.known.get_mut(&key)?;
        *used = looks;
        Some(memory)
    }
}

/// Memory that keeps a frame, and that nobody may write.
fn held(mut memory: gst::Memory, frame: Arc<Frame>) -> gst::Memory {
    unsafe extern "C" fn let_go(frame: glib::ffi::gpointer) {
        // SAFETY: the pointer that was made below, once.
        drop(unsafe { Box::from_raw(frame.cast::<Arc<Frame>>()) });
    }
    let frame = Box::into_raw(Box::new(frame));
    if let Some(memory) = memory.get_mut() {
        let object = memory.as_mut_ptr().cast::<gst::ffi::GstMiniObject>();
        // SAFETY: nobody else has the memory yet; a memory begins as a mini object.
        unsafe { (*object).flags |= gst::ffi::GST_MINI_OBJECT_FLAG_LOCK_READONLY };
        // SAFETY: the object lives; what it is given is dropped once, by `let_go`.
        unsafe {
            gst::ffi::gst_mini_object_set_qdata(object, HOLD.into_glib(), frame.cast(), Some(let_go));
        }
    }
    memory
}
