//! Frames that go downstream as copies, in memory that downstream can do with.

use gst::glib;
use gst::prelude::*;
use gst_video::VideoInfo;

use crate::memory::allocates_by_size;
use crate::pool::SharedPool;

/// Copies in dma-bufs at most: no device takes more buffers than V4L2 has for a queue, and each is a descriptor.
const MOST_DMA_BUFS: u32 = 64;

/// Makes copies of frames of one format. Their memory comes back to a pool.
#[derive(Debug)]
pub(super) struct Copies {
    /// What downstream asks for.
    allocator: Option<(gst::Allocator, gst::AllocationParams)>,
    /// Frames lie in dma-bufs, which downstream may import.
    is_dma_buf: bool,
    dma_bufs: Option<SharedPool>,
    pool: Option<gst::BufferPool>,
}

impl Copies {
    /// For who answers like this; frames lie in dma-bufs, or they don't.
    pub(super) fn new(answer: &gst::query::Allocation, is_dma_buf: bool) -> Self {
        let mut offers = answer.allocation_params();
        Self {
            allocator: offers.find_map(|(allocator, params)| {
                let allocator = allocator.filter(allocates_by_size)?;
                Some((allocator, params))
            }),
            is_dma_buf,
            dma_bufs: None,
            pool: None,
        }
    }

    /// A copy of a picture, with lines and planes where they usually lie.
    ///
    /// # Errors
    /// What there is no memory for, or what can't be mapped.
    pub(super) fn picture(
        &mut self,
        buffer: &gst::Buffer,
        info: &VideoInfo,
    ) -> Result<gst::Buffer, String> {
        let mut copy = match self.take(info) {
            // Memory as any other has to do then.
            Err(_) if self.allocator.is_some() => {
                self.allocator = None;
                self.close();
                self.take(info)
            }
            taken => taken,
        }
        .map_err(|error| format!("no memory for a copy: {error}"))?;
        crate::copies::picture(buffer, info, copy.make_mut()).map_err(|error| error.to_string())?;
        Ok(copy)
    }

    /// A copy of a packet.
    ///
    /// # Errors
    /// What can't be mapped.
    pub(super) fn packet(&self, buffer: &gst::Buffer) -> Result<gst::Buffer, String> {
        let bytes = buffer.map_readable().map_err(|error| error.to_string())?;
        let memory = self.allocated(&bytes);
        let memory = memory.unwrap_or_else(|| gst::Memory::from_slice(bytes.to_vec()));
        let mut copy = gst::Buffer::new();
        copy.make_mut().append_memory(memory);
        Ok(copy)
    }

    /// Bytes as memory that downstream can do with.
    pub(super) fn memory(&self, bytes: impl AsRef<[u8]> + Send + 'static) -> gst::Memory {
        let memory = self.allocated(bytes.as_ref());
        memory.unwrap_or_else(|| gst::Memory::from_slice(bytes))
    }

    /// A copy in memory of downstream's allocator, if there is one that gives some.
    fn allocated(&self, bytes: &[u8]) -> Option<gst::Memory> {
        let (allocator, params) = self.allocator.as_ref()?;
        let memory = allocator.alloc(bytes.len(), Some(params)).ok()?;
        let mut memory = memory.into_mapped_memory_writable().ok()?;
        memory.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(memory.into_memory())
    }

    fn take(&mut self, info: &VideoInfo) -> Result<gst::Buffer, String> {
        if self.is_dma_buf && self.allocator.is_none() {
            if self.dma_bufs.is_none() {
                let (caps, size) = needs(info)?;
                self.dma_bufs = SharedPool::active(&caps, size, MOST_DMA_BUFS);
            }
            if let Some(taken) = self.dma_bufs.as_ref().and_then(|pool| pool.take().ok()) {
                return Ok(taken);
            }
        }
        let pool = match &self.pool {
            Some(pool) => pool,
            None => {
                let (caps, size) = needs(info)?;
                let pool = self.open(&caps, size);
                self.pool.insert(pool.map_err(|error| error.to_string())?)
            }
        };
        pool.acquire_buffer(None).map_err(|error| error.to_string())
    }

    /// A pool of any number of buffers.
    fn open(&self, caps: &gst::Caps, size: u32) -> Result<gst::BufferPool, glib::BoolError> {
        let pool = gst::BufferPool::new();
        let mut config = pool.config();
        config.set_params(Some(caps), size, 0, 0);
        if let Some((allocator, params)) = &self.allocator {
            config.set_allocator(Some(allocator), Some(params));
        }
        pool.set_config(config)?;
        pool.set_active(true)?;
        Ok(pool)
    }

    /// Buffers that are out are freed when they come back.
    fn close(&mut self) {
        let pools = [
            self.pool.take(),
            self.dma_bufs.take().map(|pool| pool.upcast()),
        ];
        for pool in pools.into_iter().flatten() {
            let _ = pool.set_active(false);
        }
    }
}

/// What buffers of a pool are for, and how large.
fn needs(info: &VideoInfo) -> Result<(gst::Caps, u32), String> {
    let caps = info.to_caps().map_err(|error| error.to_string())?;
    let size = u32::try_from(info.size());
    let size = size.map_err(|_| format!("{} bytes a frame", info.size()))?;
    Ok((caps, size))
}

impl Drop for Copies {
    fn drop(&mut self) {
        self.close();
    }
}
