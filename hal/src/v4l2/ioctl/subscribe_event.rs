//! `VIDIOC_SUBSCRIBE_EVENT` and `VIDIOC_UNSUBSCRIBE_EVENT`.

use rustix::fd::BorrowedFd;
use videostream_sys::v4l2 as sys;

use super::request::{SubscribeEvent, UnsubscribeEvent, call};
use crate::Error;

/// The events that a handle subscribes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "v4l2_event_subscription")]
pub enum EventSelector {
    /// `V4L2_EVENT_EOS`: the last buffer was delivered.
    EndOfStream,
    /// `V4L2_EVENT_SOURCE_CHANGE`: the format at an input (capture cards) or of the stream
    /// (decoders, input 0) changed.
    SourceChange {
        /// The input or pad.
        input: u32,
    },
    /// `V4L2_EVENT_CTRL`: a control changed, including changes by this handle.
    Control {
        /// `V4L2_CID_*`.
        id: u32,
        /// Whether to send an event with the current value immediately.
        initial: bool,
    },
    /// `V4L2_EVENT_FRAME_SYNC`: reception of a frame began.
    FrameSync,
    /// `V4L2_EVENT_VSYNC`: vertical sync.
    VSync,
    /// `V4L2_EVENT_MOTION_DET`: motion detection.
    MotionDetection,
    /// `V4L2_EVENT_ALL`: all events; only for unsubscribing.
    All,
}

impl EventSelector {
    fn to_raw(self) -> sys::v4l2_event_subscription {
        let (type_, id, flags) = match self {
            Self::EndOfStream => (sys::V4L2_EVENT_EOS, 0, 0),
            Self::SourceChange { input } => (sys::V4L2_EVENT_SOURCE_CHANGE, input, 0),
            Self::Control { id, initial } => {
                let mut flags = sys::V4L2_EVENT_SUB_FL_ALLOW_FEEDBACK;
                if initial {
                    flags |= sys::V4L2_EVENT_SUB_FL_SEND_INITIAL;
                }
                (sys::V4L2_EVENT_CTRL, id, flags)
            }
            Self::FrameSync => (sys::V4L2_EVENT_FRAME_SYNC, 0, 0),
            Self::VSync => (sys::V4L2_EVENT_VSYNC, 0, 0),
            Self::MotionDetection => (sys::V4L2_EVENT_MOTION_DET, 0, 0),
            Self::All => (sys::V4L2_EVENT_ALL, 0, 0),
        };
        sys::v4l2_event_subscription {
            type_,
            id,
            flags,
            ..Default::default()
        }
    }
}

/// `VIDIOC_SUBSCRIBE_EVENT`: queues events of a kind for this handle from now on.
///
/// # Errors
/// - `EINVAL`: the device has no such event or control.
/// - `ENOTTY`: the device has no events.
/// - `ENOMEM`: no memory for the event queue.
pub fn subscribe_event(fd: BorrowedFd<'_>, events: EventSelector) -> Result<(), Error> {
    call::<SubscribeEvent>(fd, &mut events.to_raw())
}

/// `VIDIOC_UNSUBSCRIBE_EVENT`: stops queueing events of a kind and drops pending ones.
///
/// # Errors
/// - `ENOTTY`: the device has no events.
pub fn unsubscribe_event(fd: BorrowedFd<'_>, events: EventSelector) -> Result<(), Error> {
    call::<UnsubscribeEvent>(fd, &mut events.to_raw())
}
