//! `VIDIOC_ENUMOUTPUT`, `VIDIOC_G_OUTPUT`, and `VIDIOC_S_OUTPUT`.

use core::ffi::c_int;
use core::fmt;

use rustix::fd::BorrowedFd;
use videostream_sys::v4l2 as sys;

use super::Standards;
use super::request::{EnumOutput, GOutput, SOutput, call};
use super::text;
use crate::{Call, Error};

/// `struct v4l2_output`: a connector or transmitter of a device.
#[derive(Clone, Copy)]
#[doc(alias = "v4l2_output")]
pub struct Output {
    /// Index of the output.
    pub index: u32,
    /// `V4L2_OUTPUT_TYPE_*`: 1 modulator, 2 connector, 3 overlay on a VGA cable.
    pub output_type: u32,
    /// Audio outputs that can be used with it, one bit each.
    pub audio_set: u32,
    /// Analogue standards that it supports.
    pub standards: Standards,
    /// Whether it supports digital video timings (HDMI, SDI).
    pub has_dv_timings: bool,
    /// Whether it supports analogue standards (PAL, NTSC).
    pub has_standards: bool,
    name: [u8; 32],
}

impl Output {
    /// Returns the driver's human-readable name.
    #[must_use]
    pub fn name(&self) -> &str {
        text(&self.name)
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output")
            .field("index", &self.index)
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

/// `VIDIOC_ENUMOUTPUT`: returns the output at `index`.
///
/// # Errors
/// - `EINVAL`: `index` is past the end.
/// - `ENOTTY`: the device has no selectable outputs.
pub fn enumoutput(fd: BorrowedFd<'_>, index: u32) -> Result<Output, Error> {
    let mut raw = sys::v4l2_output {
        index,
        ..Default::default()
    };
    call::<EnumOutput>(fd, &mut raw)?;
    Ok(Output {
        index,
        output_type: raw.type_,
        audio_set: raw.audioset,
        standards: Standards::from_bits_retain(raw.std),
        has_dv_timings: raw.capabilities & sys::V4L2_OUT_CAP_DV_TIMINGS != 0,
        has_standards: raw.capabilities & sys::V4L2_OUT_CAP_STD != 0,
        name: raw.name,
    })
}

/// `VIDIOC_G_OUTPUT`: returns the selected output.
///
/// # Errors
/// - `ENOTTY`: the device has no selectable outputs.
/// - [`Error::Answer`]: the driver returned a negative number.
pub fn g_output(fd: BorrowedFd<'_>) -> Result<u32, Error> {
    let mut index: c_int = 0;
    call::<GOutput>(fd, &mut index)?;
    u32::try_from(index).map_err(|_| Error::Answer {
        call: Call::GOutput,
        field: "output",
        value: u64::from(index.cast_unsigned()),
    })
}

/// `VIDIOC_S_OUTPUT`: selects an output. Formats, sizes, and controls may change.
///
/// # Errors
/// - `EINVAL`: no such output.
/// - `EBUSY`: buffers are allocated.
pub fn s_output(fd: BorrowedFd<'_>, index: u32) -> Result<(), Error> {
    let mut index = c_int::try_from(index).map_err(|_| Error::Argument {
        name: "output",
        value: index.into(),
    })?;
    call::<SOutput>(fd, &mut index)
}
