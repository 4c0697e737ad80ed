//! `VIDIOC_ENUM_FRAMESIZES`.
#![expect(
    unsafe_code,
    reason = "the sizes are a union whose member the driver's type field selects"
)]

use rustix::fd::BorrowedFd;
use videostream_sys::v4l2 as sys;

use super::request::{EnumFrameSizes, call};
use crate::format::FourCc;
use crate::{Call, Error};

/// `struct v4l2_frmsizeenum`: one size or a range of sizes, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "v4l2_frmsizeenum")]
pub enum FrameSize {
    /// Exactly this size.
    Discrete {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// Every size from minimum to maximum in steps, as (width, height). Devices that support any
    /// size have steps of 1.
    Stepwise {
        /// Smallest.
        min: (u32, u32),
        /// Largest.
        max: (u32, u32),
        /// Distance between sizes.
        step: (u32, u32),
    },
}

impl FrameSize {
    /// Returns whether a picture may have this size.
    #[must_use]
    pub fn contains(&self, width: u32, height: u32) -> bool {
        match *self {
            Self::Discrete {
                width: w,
                height: h,
            } => (w, h) == (width, height),
            Self::Stepwise { min, max, step } => {
                let fits = |value: u32, min: u32, max: u32, step: u32| {
                    (min..=max).contains(&value) && (value - min).is_multiple_of(step.max(1))
                };
                fits(width, min.0, max.0, step.0) && fits(height, min.1, max.1, step.1)
            }
        }
    }
}

/// `VIDIOC_ENUM_FRAMESIZES`: returns the sizes at `index` for a format.
///
/// # Errors
/// - `EINVAL`: `index` is past the end, or the device does not have the format.
/// - `ENOTTY`: the driver does not list sizes.
/// - [`Error::Answer`]: the driver returned an unknown type of listing.
pub fn enum_framesizes(fd: BorrowedFd<'_>, fourcc: FourCc, index: u32) -> Result<FrameSize, Error> {
    let mut raw = sys::v4l2_frmsizeenum {
        index,
        pixel_format: fourcc.0,
        ..Default::default()
    };
    call::<EnumFrameSizes>(fd, &mut raw)?;
    match raw.type_ {
        sys::V4L2_FRMSIZE_TYPE_DISCRETE => {
            // SAFETY: every member is made of plain integers, and all bytes are initialised.
            let size = unsafe { raw.__bindgen_anon_1.discrete };
            Ok(FrameSize::Discrete {
                width: size.width,
                height: size.height,
            })
        }
        sys::V4L2_FRMSIZE_TYPE_STEPWISE | sys::V4L2_FRMSIZE_TYPE_CONTINUOUS => {
            // SAFETY: every member is made of plain integers, and all bytes are initialised.
            let size = unsafe { raw.__bindgen_anon_1.stepwise };
            Ok(FrameSize::Stepwise {
                min: (size.min_width, size.min_height),
                max: (size.max_width, size.max_height),
                step: (size.step_width.max(1), size.step_height.max(1)),
            })
        }
        other => Err(Error::Answer {
            call: Call::EnumFrameSizes,
            field: "type",
            value: other.into(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_contain_their_ends_and_steps_only() {
        let range = FrameSize::Stepwise {
            min: (32, 16),
            max: (64, 32),
            step: (16, 8),
        };
        assert!(range.contains(32, 16) && range.contains(64, 32) && range.contains(48, 24));
        assert!(!range.contains(40, 16) && !range.contains(80, 16) && !range.contains(16, 16));
    }
}
