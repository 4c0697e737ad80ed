//! A pool of buffers that other processes can map, proposed upstream and used for copies.

use std::sync::{LazyLock, Mutex, PoisonError};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_video::prelude::*;
use gst_video::{VideoAlignment, VideoFrameFlags, VideoInfo, VideoMeta};
use videostream::hal::memory::allocate::{Allocation, Allocator, Origin};
use videostream::hal::memory::memfd;

use crate::memory::Allocators;

static ALLOCATORS: LazyLock<Allocators> = LazyLock::new(|| {
    let allocators = Allocators::new();
    // They live as long as the process, which the leaks tracer should not report.
    let both: [&gst::Allocator; 2] = [
        allocators.dma_bufs.upcast_ref(),
        allocators.files.upcast_ref(),
    ];
    for allocator in both {
        allocator.set_object_flags(gst::ObjectFlags::MAY_BE_LEAKED);
    }
    allocators
});

/// Turns memory into a GStreamer memory, of the dma-buf or the file allocator. It stays mapped.
fn adopt(memory: Allocation) -> Option<gst::Memory> {
    let is_dma_buf = memory.report.taken.is_some_and(Origin::is_dma_buf);
    if !is_dma_buf {
        // Clients map it only if it can't be truncated.
        memfd::seal(&memory.fd, memfd::FIXED_SIZE).ok()?;
    }
    let size = usize::try_from(memory.len_bytes).ok()?;
    ALLOCATORS.adopt(memory.fd, size, is_dma_buf).ok()
}

mod imp {
    use super::*;

    /// What buffers of the pool look like.
    #[derive(Debug, Clone)]
    struct Needs {
        size: u32,
        /// Planes and strides, for raw video.
        info: Option<VideoInfo>,
        alignment: Option<VideoAlignment>,
    }

    /// The pool's class.
    #[derive(Debug, Default)]
    pub struct SharedPool {
        needs: Mutex<Option<Needs>>,
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
            &[
                "GstBufferPoolOptionVideoMeta",
                // Decoders write beyond the picture, and need aligned strides.
                "GstBufferPoolOptionVideoAlignment",
            ]
        }

        fn set_config(&self, config: &mut gst::BufferPoolConfigRef) -> bool {
            let Some((Some(caps), size, min, max)) = config.params() else {
                return false;
            };
            let mut needs = Needs {
                size,
                // Compressed formats have an info without planes.
                info: VideoInfo::from_caps(&caps)
                    .ok()
                    .filter(|info| info.n_planes() > 0),
                alignment: None,
            };
            if let Some(info) = &mut needs.info
                && config.has_option(gst_video::BUFFER_POOL_OPTION_VIDEO_ALIGNMENT)
                && let Some(mut alignment) = config.video_alignment()
            {
                if info.align(&mut alignment).is_err() {
                    return false;
                }
                let aligned = u32::try_from(info.size()).unwrap_or(u32::MAX);
                needs.size = size.max(aligned);
                config.set_params(Some(&caps), needs.size, min, max);
                config.set_video_alignment(&alignment);
                needs.alignment = Some(alignment);
            }
            *self.needs.lock().unwrap_or_else(PoisonError::into_inner) = Some(needs);
            self.parent_set_config(config)
        }

        fn alloc_buffer(
            &self,
            _: Option<&gst::BufferPoolAcquireParams>,
        ) -> Result<gst::Buffer, gst::FlowError> {
            let needs = self.needs.lock().unwrap_or_else(PoisonError::into_inner);
            let needs = needs.clone().ok_or(gst::FlowError::NotNegotiated)?;
            let memory = Allocator::new().allocate(needs.size.into());
            let memory = memory.ok().and_then(super::adopt);
            let mut buffer = gst::Buffer::new();
            let change = buffer.make_mut();
            change.append_memory(memory.ok_or(gst::FlowError::Error)?);
            change.set_size(needs.size as usize);
            if let Some(info) = &needs.info {
                let mut meta = VideoMeta::add_full(
                    change,
                    VideoFrameFlags::empty(),
                    info.format(),
                    info.width(),
                    info.height(),
                    info.offset(),
                    info.stride(),
                )
                .map_err(|_| gst::FlowError::Error)?;
                if let Some(alignment) = &needs.alignment {
                    meta.set_alignment(alignment)
                        .map_err(|_| gst::FlowError::Error)?;
                }
            }
            Ok(buffer)
        }
    }
}

glib::wrapper! {
    /// A pool of buffers that other processes can map.
    pub struct SharedPool(ObjectSubclass<imp::SharedPool>)
        @extends gst::BufferPool, gst::Object;
}

impl SharedPool {
    /// Makes an active pool of at most `max` buffers.
    pub(crate) fn active(caps: &gst::Caps, size: u32, max: u32) -> Option<Self> {
        let pool = Self::new(caps, size, max)?;
        pool.set_active(true).ok()?;
        Some(pool)
    }

    /// Makes a pool that upstream configures and activates.
    pub(crate) fn new(caps: &gst::Caps, size: u32, max: u32) -> Option<Self> {
        let pool: Self = glib::Object::new();
        let mut config = pool.config();
        config.set_params(Some(caps), size, 0, max);
        pool.set_config(config).ok()?;
        Some(pool)
    }

    /// Takes a buffer, if one is free.
    pub(crate) fn take(&self) -> Result<gst::Buffer, gst::FlowError> {
        let flags = gst::BufferPoolAcquireFlags::DONTWAIT;
        self.acquire_buffer(Some(&gst::BufferPoolAcquireParams::with_flags(flags)))
    }
}
