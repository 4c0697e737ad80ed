//! `VIDIOC_G_PARM` and `VIDIOC_S_PARM`.
#![expect(
    unsafe_code,
    reason = "the parameters are a union whose member the buffer type selects"
)]

use rustix::fd::BorrowedFd;
use videostream_sys::v4l2 as sys;

use super::request::{GParm, Request, SParm, call};
use crate::Error;
use crate::v4l2::{BufType, Fraction};

/// `struct v4l2_captureparm` and `v4l2_outputparm`: the frame interval of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "v4l2_streamparm")]
#[doc(alias = "v4l2_captureparm")]
pub struct StreamParameters {
    /// Seconds per frame.
    #[doc(alias = "timeperframe")]
    pub interval: Fraction,
    /// Whether the driver supports setting `interval` (`V4L2_CAP_TIMEPERFRAME`).
    pub interval_settable: bool,
}

/// `VIDIOC_G_PARM`: returns the frame interval of a queue.
///
/// # Errors
/// - `ENOTTY`: the driver has no interval; a sensor's rate follows from its blanking controls.
/// - `EINVAL`: the node has no such queue.
pub fn g_parm(fd: BorrowedFd<'_>, buf_type: BufType) -> Result<StreamParameters, Error> {
    exchange::<GParm>(fd, buf_type, Fraction::new(0, 0))
}

/// `VIDIOC_S_PARM`: sets the frame interval and returns the one that the driver chose.
///
/// # Errors
/// - `ENOTTY`: the driver cannot set it here.
/// - `EBUSY`: it cannot be changed while streaming.
/// - `EINVAL`: the node has no such queue.
pub fn s_parm(
    fd: BorrowedFd<'_>,
    buf_type: BufType,
    interval: Fraction,
) -> Result<StreamParameters, Error> {
    exchange::<SParm>(fd, buf_type, interval)
}

fn exchange<R: Request<Arg = sys::v4l2_streamparm>>(
    fd: BorrowedFd<'_>,
    buf_type: BufType,
    interval: Fraction,
) -> Result<StreamParameters, Error> {
    let mut raw = sys::v4l2_streamparm {
        type_: buf_type.raw(),
        ..Default::default()
    };
    if buf_type.is_output() {
        raw.parm.output = sys::v4l2_outputparm {
            timeperframe: interval.to_raw(),
            ..Default::default()
        };
    } else {
        raw.parm.capture = sys::v4l2_captureparm {
            timeperframe: interval.to_raw(),
            ..Default::default()
        };
    }
    call::<R>(fd, &mut raw)?;
    let (capability, time) = if buf_type.is_output() {
        // SAFETY: every member is made of plain integers, and all bytes are initialised.
        let parm = unsafe { raw.parm.output };
        (parm.capability, parm.timeperframe)
    } else {
        // SAFETY: every member is made of plain integers, and all bytes are initialised.
        let parm = unsafe { raw.parm.capture };
        (parm.capability, parm.timeperframe)
    };
    Ok(StreamParameters {
        interval: Fraction::from_raw(time),
        interval_settable: capability & sys::V4L2_CAP_TIMEPERFRAME != 0,
    })
}
