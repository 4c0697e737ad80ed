//! `VIDIOC_DQEVENT`.
#![expect(
    unsafe_code,
    reason = "an event is a union whose member the event's type selects"
)]

use rustix::fd::BorrowedFd;
use videostream_sys::v4l2 as sys;

use super::query_ext_ctrl::ControlFlags;
use super::request::{DqEvent, call};
use crate::Error;

/// The kind of an event, with its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// Vertical sync of a field (`enum v4l2_field`).
    VSync {
        /// The field that begins.
        field: u8,
    },
    /// The last buffer was delivered.
    EndOfStream,
    /// A control changed.
    Control {
        /// `V4L2_CID_*`.
        id: u32,
        /// The new value; 0 for controls with a payload.
        value: i64,
        /// Whether the value changed.
        value_changed: bool,
        /// Whether the range changed: query the control again.
        range_changed: bool,
        /// The new flags of the control.
        flags: ControlFlags,
    },
    /// Reception of a frame began.
    FrameSync {
        /// Sequence number of the frame.
        sequence: u32,
    },
    /// The picture at an input or in the stream changed.
    SourceChange {
        /// The input or pad.
        input: u32,
        /// Whether its size changed: negotiate the format again.
        resolution: bool,
    },
    /// Motion was detected, or ended (mask 0).
    MotionDetection {
        /// Regions with motion.
        region_mask: u32,
    },
    /// A kind unknown to this library.
    Other(u32),
}

/// `struct v4l2_event`: an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "v4l2_event")]
pub struct Event {
    /// The kind of the event, with its data.
    pub kind: EventKind,
    /// Number of events that are still pending.
    pub pending: u32,
    /// Number of the event for this handle; a gap means lost events.
    pub sequence: u32,
    /// Nanoseconds on `CLOCK_MONOTONIC`.
    pub timestamp_ns: u64,
}

/// `VIDIOC_DQEVENT`: dequeues the oldest pending event.
///
/// # Errors
/// - `ENOENT`: no event is pending (the device was opened non-blocking).
/// - `ENODEV`: the device was unplugged.
pub fn dqevent(fd: BorrowedFd<'_>) -> Result<Event, Error> {
    let mut raw = sys::v4l2_event::default();
    call::<DqEvent>(fd, &mut raw)?;
    let kind = match raw.type_ {
        sys::V4L2_EVENT_VSYNC => {
            // SAFETY: every member is made of plain integers, and all bytes are initialised.
            let vsync = unsafe { raw.u.vsync };
            EventKind::VSync { field: vsync.field }
        }
        sys::V4L2_EVENT_EOS => EventKind::EndOfStream,
        sys::V4L2_EVENT_CTRL => {
            // SAFETY: every member is made of plain integers, and all bytes are initialised.
            let ctrl = unsafe { raw.u.ctrl };
            let value = if ctrl.type_ == sys::V4L2_CTRL_TYPE_INTEGER64 {
                // SAFETY: both members are integers, and all bytes are initialised.
                unsafe { ctrl.__bindgen_anon_1.value64 }
            } else {
                // SAFETY: both members are integers, and all bytes are initialised.
                i64::from(unsafe { ctrl.__bindgen_anon_1.value })
            };
            EventKind::Control {
                id: raw.id,
                value,
                value_changed: ctrl.changes & sys::V4L2_EVENT_CTRL_CH_VALUE != 0,
                range_changed: ctrl.changes & sys::V4L2_EVENT_CTRL_CH_RANGE != 0,
                flags: ControlFlags::from_bits_retain(ctrl.flags),
            }
        }
        sys::V4L2_EVENT_FRAME_SYNC => {
            // SAFETY: every member is made of plain integers, and all bytes are initialised.
            let sync = unsafe { raw.u.frame_sync };
            EventKind::FrameSync {
                sequence: sync.frame_sequence,
            }
        }
        sys::V4L2_EVENT_SOURCE_CHANGE => {
            // SAFETY: every member is made of plain integers, and all bytes are initialised.
            let change = unsafe { raw.u.src_change };
            EventKind::SourceChange {
                input: raw.id,
                resolution: change.changes & sys::V4L2_EVENT_SRC_CH_RESOLUTION != 0,
            }
        }
        sys::V4L2_EVENT_MOTION_DET => {
            // SAFETY: every member is made of plain integers, and all bytes are initialised.
            let motion = unsafe { raw.u.motion_det };
            EventKind::MotionDetection {
                region_mask: motion.region_mask,
            }
        }
        other => EventKind::Other(other),
    };
    let seconds = u64::try_from(raw.timestamp.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(raw.timestamp.tv_nsec).unwrap_or(0);
    Ok(Event {
        kind,
        pending: raw.pending,
        sequence: raw.sequence,
        timestamp_ns: seconds.saturating_mul(1_000_000_000).saturating_add(nanos),
    })
}
