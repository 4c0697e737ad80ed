//! A frame of a camera, out of the queue until it is dropped.

use core::ops::Deref;

use rustix::fd::AsFd;

#[cfg(doc)]
use super::CameraStream;
use crate::v4l2::queue::Dequeued;
use crate::v4l2::{Buffer, BufferFlags, Device};

/// A frame, outside the queue until dropped; reads as its [`Buffer`].
#[derive(Debug)]
#[must_use = "dropping it queues the buffer again"]
pub struct Frame<'s, D: AsFd = Device> {
    pub(super) dequeued: Dequeued<'s, D>,
    pub(super) lost: u32,
}

impl<D: AsFd> Frame<'_, D> {
    /// Frames missing between the one before and this one.
    #[must_use]
    pub const fn lost(&self) -> u32 {
        self.lost
    }

    /// Whether the driver says that the content is suspect.
    #[must_use]
    pub const fn is_corrupted(&self) -> bool {
        self.dequeued.buffer().flags.contains(BufferFlags::ERROR)
    }

    /// Keeps the buffer out of the queue; [`CameraStream::requeue`] brings it back.
    #[must_use]
    pub fn into_index(self) -> u32 {
        self.dequeued.into_index()
    }
}

impl<D: AsFd> Deref for Frame<'_, D> {
    type Target = Buffer;

    fn deref(&self) -> &Buffer {
        self.dequeued.buffer()
    }
}

/// Sequence numbers between two frames. They wrap; both fields of a frame share one, and a number
/// that goes back is a driver that does not count.
pub(super) fn lost_between(last: Option<u32>, sequence: u32) -> u32 {
    let step = last.map_or(1, |last| sequence.wrapping_sub(last));
    if step == 0 || step > u32::MAX / 2 {
        0
    } else {
        step - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_in_the_sequence_are_lost_frames() {
        assert_eq!(lost_between(None, 7), 0);
        assert_eq!(lost_between(Some(7), 8), 0);
        assert_eq!(lost_between(Some(7), 11), 3);
        assert_eq!(lost_between(Some(u32::MAX), 1), 1);
    }

    #[test]
    fn numbers_that_stay_or_go_back_lose_nothing() {
        assert_eq!(lost_between(Some(7), 7), 0);
        assert_eq!(lost_between(Some(7), 3), 0);
    }
}
