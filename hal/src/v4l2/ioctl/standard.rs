//! `VIDIOC_ENUMSTD`, `VIDIOC_G_STD`, `VIDIOC_S_STD`, and `VIDIOC_QUERYSTD`.

use core::fmt;

use bitflags::bitflags;
use rustix::fd::BorrowedFd;
use videostream_sys::v4l2 as sys;

use super::request::{EnumStd, GStd, QueryStd, SStd, call};
use super::text;
use crate::Error;
use crate::v4l2::Fraction;

bitflags! {
    /// `v4l2_std_id`: a set of analogue television standards.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[doc(alias = "v4l2_std_id")]
    pub struct Standards: u64 {
        /// PAL B.
        const PAL_B = sys::V4L2_STD_PAL_B;
        /// PAL B1.
        const PAL_B1 = sys::V4L2_STD_PAL_B1;
        /// PAL G.
        const PAL_G = sys::V4L2_STD_PAL_G;
        /// PAL H.
        const PAL_H = sys::V4L2_STD_PAL_H;
        /// PAL I.
        const PAL_I = sys::V4L2_STD_PAL_I;
        /// PAL D.
        const PAL_D = sys::V4L2_STD_PAL_D;
        /// PAL D1.
        const PAL_D1 = sys::V4L2_STD_PAL_D1;
        /// PAL K.
        const PAL_K = sys::V4L2_STD_PAL_K;
        /// PAL M (525 lines).
        const PAL_M = sys::V4L2_STD_PAL_M;
        /// PAL N.
        const PAL_N = sys::V4L2_STD_PAL_N;
        /// PAL Nc.
        const PAL_NC = sys::V4L2_STD_PAL_Nc;
        /// PAL 60 (525 lines).
        const PAL_60 = sys::V4L2_STD_PAL_60;
        /// NTSC M.
        const NTSC_M = sys::V4L2_STD_NTSC_M;
        /// NTSC M, Japan.
        const NTSC_M_JP = sys::V4L2_STD_NTSC_M_JP;
        /// NTSC 443.
        const NTSC_443 = sys::V4L2_STD_NTSC_443;
        /// NTSC M, Korea.
        const NTSC_M_KR = sys::V4L2_STD_NTSC_M_KR;
        /// SECAM B.
        const SECAM_B = sys::V4L2_STD_SECAM_B;
        /// SECAM D.
        const SECAM_D = sys::V4L2_STD_SECAM_D;
        /// SECAM G.
        const SECAM_G = sys::V4L2_STD_SECAM_G;
        /// SECAM H.
        const SECAM_H = sys::V4L2_STD_SECAM_H;
        /// SECAM K.
        const SECAM_K = sys::V4L2_STD_SECAM_K;
        /// SECAM K1.
        const SECAM_K1 = sys::V4L2_STD_SECAM_K1;
        /// SECAM L.
        const SECAM_L = sys::V4L2_STD_SECAM_L;
        /// SECAM Lc.
        const SECAM_LC = sys::V4L2_STD_SECAM_LC;
        /// All of PAL with 625 lines, except N and Nc.
        const PAL = sys::V4L2_STD_PAL;
        /// NTSC M of all three countries.
        const NTSC = sys::V4L2_STD_NTSC;
        /// All of SECAM.
        const SECAM = sys::V4L2_STD_SECAM;
        /// All standards with 525 lines and 60 fields.
        const LINES_525 = sys::V4L2_STD_525_60;
        /// All standards with 625 lines and 50 fields.
        const LINES_625 = sys::V4L2_STD_625_50;
        /// Bits unknown to this library.
        const _ = !0;
    }
}

/// `struct v4l2_standard`: an analogue standard of the selected input or output.
#[derive(Clone, Copy)]
#[doc(alias = "v4l2_standard")]
pub struct Standard {
    /// The standards that this device treats as one.
    pub ids: Standards,
    /// Seconds per frame (two fields).
    pub frame_period: Fraction,
    /// Lines per frame, including blanking.
    pub frame_lines: u32,
    name: [u8; 24],
}

impl Standard {
    /// Returns its human-readable name.
    #[must_use]
    pub fn name(&self) -> &str {
        text(&self.name)
    }
}

impl fmt::Debug for Standard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Standard")
            .field("name", &self.name())
            .field("ids", &self.ids)
            .field("frame_period", &self.frame_period)
            .field("frame_lines", &self.frame_lines)
            .finish()
    }
}

/// `VIDIOC_ENUMSTD`: returns the standard at `index` of the selected input or output.
///
/// # Errors
/// - `EINVAL`: `index` is past the end.
/// - `ENODATA`: the selected input has no standards.
/// - `ENOTTY`: the device has no standards.
pub fn enumstd(fd: BorrowedFd<'_>, index: u32) -> Result<Standard, Error> {
    let mut raw = sys::v4l2_standard {
        index,
        ..Default::default()
    };
    call::<EnumStd>(fd, &mut raw)?;
    Ok(Standard {
        ids: Standards::from_bits_retain(raw.id),
        frame_period: Fraction::from_raw(raw.frameperiod),
        frame_lines: raw.framelines,
        name: raw.name,
    })
}

/// `VIDIOC_G_STD`: returns the current standard.
///
/// # Errors
/// Those of [`enumstd`], except for the index.
pub fn g_std(fd: BorrowedFd<'_>) -> Result<Standards, Error> {
    let mut id = 0;
    call::<GStd>(fd, &mut id)?;
    Ok(Standards::from_bits_retain(id))
}

/// `VIDIOC_S_STD`: sets the standard, or one of several; the format changes with it.
///
/// # Errors
/// - `EINVAL`: the device supports none of them.
/// - `EBUSY`: buffers are allocated.
/// - `ENODATA`, `ENOTTY`: as for [`enumstd`].
pub fn s_std(fd: BorrowedFd<'_>, standards: Standards) -> Result<(), Error> {
    call::<SStd>(fd, &mut standards.bits())
}

/// `VIDIOC_QUERYSTD`: returns the standards that the signal may have; empty without a signal.
///
/// # Errors
/// - `ENODATA`, `ENOTTY`: as for [`enumstd`].
/// - `EBUSY`: streaming, on some hardware.
pub fn querystd(fd: BorrowedFd<'_>) -> Result<Standards, Error> {
    let mut id = 0;
    call::<QueryStd>(fd, &mut id)?;
    Ok(Standards::from_bits_retain(id))
}
