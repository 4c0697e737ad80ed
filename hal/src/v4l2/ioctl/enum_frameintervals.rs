//! `VIDIOC_ENUM_FRAMEINTERVALS`.
#![expect(
    unsafe_code,
    reason = "the intervals are a union whose member the driver's type field selects"
)]

use rustix::fd::BorrowedFd;
use videostream_sys::v4l2 as sys;

use super::request::{EnumFrameIntervals, call};
use crate::format::FourCc;
use crate::v4l2::Fraction;
use crate::{Call, Error};

/// `struct v4l2_frmivalenum`: one frame interval or a range of them, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "v4l2_frmivalenum")]
pub enum FrameInterval {
    /// Exactly this interval.
    Discrete(Fraction),
    /// Every interval from minimum (fastest) to maximum (slowest) in steps.
    Stepwise {
        /// Fastest rate.
        min: Fraction,
        /// Slowest rate.
        max: Fraction,
        /// Distance between intervals; for continuous ranges, whatever the driver left there.
        step: Fraction,
    },
}

/// `VIDIOC_ENUM_FRAMEINTERVALS`: returns the intervals at `index` for a format and size.
///
/// # Errors
/// - `EINVAL`: `index` is past the end, or there is no such format or size.
/// - `ENOTTY`: the driver does not list intervals.
/// - [`Error::Answer`]: the driver returned an unknown type of listing.
pub fn enum_frameintervals(
    fd: BorrowedFd<'_>,
    fourcc: FourCc,
    width: u32,
    height: u32,
    index: u32,
) -> Result<FrameInterval, Error> {
    let mut raw = sys::v4l2_frmivalenum {
        index,
        pixel_format: fourcc.0,
        width,
        height,
        ..Default::default()
    };
    call::<EnumFrameIntervals>(fd, &mut raw)?;
    match raw.type_ {
        sys::V4L2_FRMIVAL_TYPE_DISCRETE => {
            // SAFETY: every member is made of plain integers, and all bytes are initialised.
            let interval = unsafe { raw.__bindgen_anon_1.discrete };
            Ok(FrameInterval::Discrete(Fraction::from_raw(interval)))
        }
        sys::V4L2_FRMIVAL_TYPE_STEPWISE | sys::V4L2_FRMIVAL_TYPE_CONTINUOUS => {
            // SAFETY: every member is made of plain integers, and all bytes are initialised.
            let range = unsafe { raw.__bindgen_anon_1.stepwise };
            Ok(FrameInterval::Stepwise {
                min: Fraction::from_raw(range.min),
                max: Fraction::from_raw(range.max),
                step: Fraction::from_raw(range.step),
            })
        }
        other => Err(Error::Answer {
            call: Call::EnumFrameIntervals,
            field: "type",
            value: other.into(),
        }),
    }
}
