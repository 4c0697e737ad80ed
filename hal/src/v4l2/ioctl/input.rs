//! `VIDIOC_ENUMINPUT`, `VIDIOC_G_INPUT`, and `VIDIOC_S_INPUT`.

use core::ffi::c_int;
use core::fmt;

use bitflags::bitflags;
use rustix::fd::BorrowedFd;
use videostream_sys::v4l2 as sys;

use super::Standards;
use super::request::{EnumInput, GInput, SInput, call};
use super::text;
use crate::{Call, Error};

bitflags! {
    /// `V4L2_IN_ST_*`: faults of the signal at an input; empty if no fault is known.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct InputStatus: u32 {
        /// The input has no power.
        const NO_POWER = sys::V4L2_IN_ST_NO_POWER;
        /// No signal.
        const NO_SIGNAL = sys::V4L2_IN_ST_NO_SIGNAL;
        /// A signal without colour.
        const NO_COLOR = sys::V4L2_IN_ST_NO_COLOR;
        /// No horizontal lock.
        const NO_H_LOCK = sys::V4L2_IN_ST_NO_H_LOCK;
        /// No sync lock.
        const NO_SYNC = sys::V4L2_IN_ST_NO_SYNC;
        /// Bits unknown to this library.
        const _ = !0;
    }
}

/// `V4L2_INPUT_TYPE_*`: the kind of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InputKind {
    /// A tuner.
    Tuner,
    /// Any other video input: a sensor or a connector.
    Camera,
    /// A touch surface.
    Touch,
    /// A value unknown to this library.
    Other(u32),
}

/// `struct v4l2_input`: a connector, tuner, or sensor of a device.
#[derive(Clone, Copy)]
#[doc(alias = "v4l2_input")]
pub struct Input {
    /// Index of the input.
    pub index: u32,
    /// Kind of the input.
    pub kind: InputKind,
    /// Audio inputs that can be used with it, one bit each.
    pub audio_set: u32,
    /// The tuner of an [`InputKind::Tuner`].
    pub tuner: u32,
    /// Analogue standards that it supports.
    pub standards: Standards,
    /// Faults of its signal; only known for the selected input.
    pub status: InputStatus,
    /// Whether it supports digital video timings (HDMI, SDI).
    pub has_dv_timings: bool,
    /// Whether it supports analogue standards (PAL, NTSC).
    pub has_standards: bool,
    name: [u8; 32],
}

impl Input {
    /// Returns the driver's human-readable name.
    #[must_use]
    pub fn name(&self) -> &str {
        text(&self.name)
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input")
            .field("index", &self.index)
            .field("name", &self.name())
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// `VIDIOC_ENUMINPUT`: returns the input at `index`.
///
/// # Errors
/// - `EINVAL`: `index` is past the end.
/// - `ENOTTY`: the device has no selectable inputs.
pub fn enuminput(fd: BorrowedFd<'_>, index: u32) -> Result<Input, Error> {
    let mut raw = sys::v4l2_input {
        index,
        ..Default::default()
    };
    call::<EnumInput>(fd, &mut raw)?;
    Ok(Input {
        index,
        kind: match raw.type_ {
            sys::V4L2_INPUT_TYPE_TUNER => InputKind::Tuner,
            sys::V4L2_INPUT_TYPE_CAMERA => InputKind::Camera,
            sys::V4L2_INPUT_TYPE_TOUCH => InputKind::Touch,
            other => InputKind::Other(other),
        },
        audio_set: raw.audioset,
        tuner: raw.tuner,
        standards: Standards::from_bits_retain(raw.std),
        status: InputStatus::from_bits_retain(raw.status),
        has_dv_timings: raw.capabilities & sys::V4L2_IN_CAP_DV_TIMINGS != 0,
        has_standards: raw.capabilities & sys::V4L2_IN_CAP_STD != 0,
        name: raw.name,
    })
}

/// `VIDIOC_G_INPUT`: returns the selected input.
///
/// # Errors
/// - `ENOTTY`: the device has no selectable inputs.
/// - [`Error::Answer`]: the driver returned a negative number.
pub fn g_input(fd: BorrowedFd<'_>) -> Result<u32, Error> {
    let mut index: c_int = 0;
    call::<GInput>(fd, &mut index)?;
    u32::try_from(index).map_err(|_| Error::Answer {
        call: Call::GInput,
        field: "input",
        value: u64::from(index.cast_unsigned()),
    })
}

/// `VIDIOC_S_INPUT`: selects an input. Formats, sizes, and controls may change.
///
/// # Errors
/// - `EINVAL`: no such input.
/// - `EBUSY`: buffers are allocated.
pub fn s_input(fd: BorrowedFd<'_>, index: u32) -> Result<(), Error> {
    let mut index = c_int::try_from(index).map_err(|_| Error::Argument {
        name: "input",
        value: index.into(),
    })?;
    call::<SInput>(fd, &mut index)
}
