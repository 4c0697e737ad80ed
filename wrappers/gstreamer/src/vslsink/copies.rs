//! Copies of frames that lie in memory which other processes can't map.

use gst::prelude::*;
use gst_video::VideoInfo;

use crate::pool::SharedPool;

/// Smallest buffers for packets.
const LEAST_PACKET: u32 = 64 << 10;

/// A pool, and the copies made into it.
#[derive(Debug)]
pub(super) struct Copies {
    pool: Option<(SharedPool, u32)>,
    caps: gst::Caps,
    /// Buffers at most.
    most: u32,
    /// Frames that were copied.
    pub(super) count: u64,
}

impl Copies {
    /// For frames of these caps, at most so many at once.
    pub(super) fn new(caps: &gst::Caps, most: u32) -> Self {
        Self {
            pool: None,
            caps: caps.clone(),
            most,
            count: 0,
        }
    }

    /// Copies a picture.
    ///
    /// # Errors
    /// `Eos` where all buffers are out; what the memory can't be had for, or read for.
    pub(super) fn picture(
        &mut self,
        buffer: &gst::Buffer,
        info: &VideoInfo,
    ) -> Result<gst::Buffer, gst::FlowError> {
        let size = u32::try_from(info.size()).map_err(|_| gst::FlowError::Error)?;
        let mut copy = self.pool(size)?.take()?;
        crate::copies::picture(buffer, info, copy.make_mut()).map_err(|_| gst::FlowError::Error)?;
        self.count += 1;
        Ok(copy)
    }

    /// Copies bytes.
    ///
    /// # Errors
    /// As [`Copies::picture`].
    pub(super) fn packet(&mut self, bytes: &[u8]) -> Result<gst::Buffer, gst::FlowError> {
        let size = u32::try_from(bytes.len()).ok();
        let size = size.and_then(u32::checked_next_power_of_two);
        let size = size.ok_or(gst::FlowError::Error)?.max(LEAST_PACKET);
        let mut copy = self.pool(size)?.take()?;
        let to = copy.get_mut().ok_or(gst::FlowError::Error)?;
        to.map_writable()
            .map_err(|_| gst::FlowError::Error)?
            .get_mut(..bytes.len())
            .ok_or(gst::FlowError::Error)?
            .copy_from_slice(bytes);
        to.set_size(bytes.len());
        self.count += 1;
        Ok(copy)
    }

    /// The pool, of buffers of at least this size.
    fn pool(&mut self, size: u32) -> Result<&SharedPool, gst::FlowError> {
        if self.pool.as_ref().is_none_or(|(_, has)| *has < size) {
            let new = SharedPool::active(&self.caps, size, self.most);
            let new = new.ok_or(gst::FlowError::Error)?;
            if let Some((before, _)) = self.pool.replace((new, size)) {
                // Its buffers go when nobody holds them any more.
                let _ = before.set_active(false);
            }
        }
        let (pool, _) = self.pool.as_ref().ok_or(gst::FlowError::Error)?;
        Ok(pool)
    }
}

impl Drop for Copies {
    fn drop(&mut self) {
        if let Some((pool, _)) = &self.pool {
            let _ = pool.set_active(false);
        }
    }
}
