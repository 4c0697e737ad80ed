//! Copying frames into memory that suits downstream.

use gst::glib;
use gst::prelude::*;
use gst_video::VideoInfo;

use crate::memory::allocates_by_size;
use crate::pool::SharedPool;

/// Maximum number of copies in dma-bufs: each takes a descriptor, and no device uses more buffers
/// than a V4L2 queue has.
const MOST_DMA_BUFS: u32 = 64;

/// Copies frames of one format. Their memory returns to a pool.
#[derive(Debug)]
pub(super) struct Copies {
    /// The allocator that downstream proposes.
    allocator: Option<(gst::Allocator, gst::AllocationParams)>,
    /// Frames lie in dma-bufs, which downstream may import.
    is_dma_buf: bool,
    dma_bufs: Option<SharedPool>,
    pool: Option<gst::BufferPool>,
}

impl Copies {
    /// Takes downstream's answer to the allocation query, and whether frames lie in dma-bufs.
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

    /// Copies a picture, with the default strides and offsets.
    ///
    /// # Errors
    /// Fails if memory can't be allocated or mapped.
    pub(super) fn picture(
        &mut self,
        buffer: &gst::Buffer,
        info: &VideoInfo,
    ) -> Result<gst::Buffer, String> {
        let mut copy = match self.take(info) {
            // Fall back to ordinary memory.
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

    /// Copies a packet.
    ///
    /// # Errors
    /// Fails if the packet can't be mapped.
    pub(super) fn packet(&self, buffer: &gst::Buffer) -> Result<gst::Buffer, String> {
        let bytes = buffer.map_readable().map_err(|error| error.to_string())?;
        let memory = self.allocated(&bytes);
        let memory = memory.unwrap_or_else(|| gst::Memory::from_slice(bytes.to_vec()));
        let mut copy = gst::Buffer::new();
        copy.make_mut().append_memory(memory);
        Ok(copy)
    }

    /// Puts bytes into memory that suits downstream.
    pub(super) fn memory(&self, bytes: impl AsRef<[u8]> + Send + 'static) -> gst::Memory {
        let memory = self.allocated(bytes.as_ref());
        memory.unwrap_or_else(|| gst::Memory::from_slice(bytes))
    }

    /// Copies bytes into memory of downstream's allocator, if it has one that works.
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

    /// Makes a pool without a limit.
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

    /// Closes the pools; buffers in use are freed when they return.
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

/// Returns caps and size of a pool's buffers.
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
