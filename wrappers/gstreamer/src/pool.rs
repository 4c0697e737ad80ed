//! Buffers in memory that others can map: what a sink proposes upstream, and copies into.

use std::os::fd::IntoRawFd;
use std::sync::LazyLock;

use gst::glib;
use gst::subclass::prelude::*;
use gst_allocators::prelude::*;
use gst_allocators::{DmaBufAllocator, FdAllocator, FdMemoryFlags};
use videostream::hal::memory::allocate::{Allocation, Allocator, Origin};
use videostream::hal::memory::memfd;

/// Adopts memory for GStreamer: a dma-buf as one, a memfd as a file. Its mapping is kept.
fn adopt(memory: Allocation) -> Option<gst::Memory> {
    static DMA_BUFS: LazyLock<DmaBufAllocator> = LazyLock::new(DmaBufAllocator::new);
    static FILES: LazyLock<FdAllocator> = LazyLock::new(FdAllocator::new);
    let is_dma_buf = memory.report.taken.is_some_and(Origin::is_dma_buf);
    if !is_dma_buf {
        // Who maps it for reading must not lose a part of it.
        memfd::seal(&memory.fd, memfd::FIXED_SIZE).ok()?;
    }
    let size = usize::try_from(memory.len_bytes).ok()?;
    let fd = memory.fd.into_raw_fd();
    let allocator: &FdAllocator = match is_dma_buf {
        true => DMA_BUFS.upcast_ref(),
        false => &FILES,
    };
    #[expect(unsafe_code, reason = "GStreamer takes descriptors as numbers")]
    // SAFETY: the descriptor is open and nobody else's: the memory closes it.
    let memory = unsafe { allocator.alloc_fd(fd, size, FdMemoryFlags::KEEP_MAPPED) };
    memory.ok()
}

mod imp {
    use std::sync::Mutex;

    use super::*;

    /// The pool's class.
    #[derive(Debug, Default)]
    pub struct SharedPool {
        /// Bytes of a buffer, and what a picture in it looks like.
        config: Mutex<Option<(u32, Option<gst_video::VideoInfo>)>>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for SharedPool {
        const NAME: &'static str = "VslSharedPool";
        type Type = super::SharedPool;
        type ParentType = gst::BufferPool;
    }

    impl ObjectImpl for SharedPool {}
    impl GstObjectImpl for SharedPool {}

    impl BufferPoolImpl for SharedPool {
        fn options() -> &'static [&'static str] {
            &["GstBufferPoolOptionVideoMeta"]
        }

        fn set_config(&self, config: &mut gst::BufferPoolConfigRef) -> bool {
            let Some((Some(caps), size, ..)) = config.params() else {
                return false;
            };
            let info = gst_video::VideoInfo::from_caps(&caps).ok();
            *self.config.lock().unwrap() = Some((size, info));
            self.parent_set_config(config)
        }

        fn alloc_buffer(
            &self,
            _: Option<&gst::BufferPoolAcquireParams>,
        ) -> Result<gst::Buffer, gst::FlowError> {
            let config = self.config.lock().unwrap().clone();
            let (size, info) = config.ok_or(gst::FlowError::NotNegotiated)?;
            let memory = Allocator::new().allocate(size.into());
            let memory = memory
                .ok()
                .and_then(super::adopt)
                .ok_or(gst::FlowError::Error)?;
            let mut buffer = gst::Buffer::new();
            let change = buffer.make_mut();
            change.append_memory(memory);
            change.set_size(size as usize);
            if let Some(info) = info {
                gst_video::VideoMeta::add_from_info(
                    change,
                    gst_video::VideoFrameFlags::empty(),
                    &info,
                )
                .map_err(|_| gst::FlowError::Error)?;
            }
            Ok(buffer)
        }
    }
}

glib::wrapper! {
    /// A pool of such buffers.
    pub struct SharedPool(ObjectSubclass<imp::SharedPool>)
        @extends gst::BufferPool, gst::Object;
}

impl SharedPool {
    /// An active pool for frames of these caps.
    pub(crate) fn active(caps: &gst::Caps, size: u32, most: u32) -> Option<Self> {
        let pool = Self::new(caps, size, most)?;
        pool.set_active(true).ok()?;
        Some(pool)
    }

    /// A pool that others configure further, and activate.
    pub(crate) fn new(caps: &gst::Caps, size: u32, most: u32) -> Option<Self> {
        let pool: Self = glib::Object::new();
        let mut config = pool.config();
        config.set_params(Some(caps), size, 0, most);
        pool.set_config(config).ok()?;
        Some(pool)
    }
}
