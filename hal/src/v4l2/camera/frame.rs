//! A captured frame: its buffer stays out of the queue until it is dropped.

use core::ops::Deref;

use rustix::fd::AsFd;

#[cfg(doc)]
use super::Capture;
use crate::v4l2::queue::Dequeued;
use crate::v4l2::{Buffer, BufferFlags, Device};

/// A captured frame. Its buffer stays out of the queue until the frame is dropped; dereferences to
/// its [`Buffer`].
#[derive(Debug)]
#[must_use = "dropping it queues the buffer again"]
pub struct CapturedFrame<'s, D: AsFd = Device> {
    pub(super) dequeued: Dequeued<'s, D>,
    pub(super) lost: u32,
}

impl<D: AsFd> CapturedFrame<'_, D> {
    /// Returns the number of frames lost between the previous frame and this one.
    #[must_use]
    pub const fn lost(&self) -> u32 {
        self.lost
    }

    /// Returns whether the driver marked the content as corrupted.
    #[must_use]
    pub const fn is_corrupted(&self) -> bool {
        self.dequeued.buffer().flags.contains(BufferFlags::ERROR)
    }

    /// Keeps the buffer out of the queue; [`Capture::requeue`] returns it.
    #[must_use]
    pub fn into_index(self) -> u32 {
        self.dequeued.into_index()
    }
}

impl<D: AsFd> Deref for CapturedFrame<'_, D> {
    type Target = Buffer;

    fn deref(&self) -> &Buffer {
        self.dequeued.buffer()
    }
}
