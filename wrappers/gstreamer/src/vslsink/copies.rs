//! Copying frames out of memory that other processes can't map.

use gst::prelude::*;
use gst_video::VideoInfo;

use crate::pool::SharedPool;

/// Minimum size of buffers for packets.
const LEAST_PACKET: u32 = 64 << 10;

/// A pool of buffers to copy frames into.
#[derive(Debug)]
pub(super) struct Copies {
    pool: Option<(SharedPool, u32)>,
    caps: gst::Caps,
    /// Maximum number of buffers.
    most: u32,
    /// Number of copied frames.
    pub(super) count: u64,
}

impl Copies {
    /// Makes a pool for frames of these caps, with `most` buffers at most.
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
    /// `Eos` while all buffers are in use; `Error` if memory can't be allocated or mapped.
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

    /// Returns the pool, with buffers of at least this size.
    fn pool(&mut self, size: u32) -> Result<&SharedPool, gst::FlowError> {
        if self.pool.as_ref().is_none_or(|(_, has)| *has < size) {
            let new = SharedPool::active(&self.caps, size, self.most);
            let new = new.ok_or(gst::FlowError::Error)?;
            if let Some((before, _)) = self.pool.replace((new, size)) {
                // Its buffers are freed after their last user.
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
