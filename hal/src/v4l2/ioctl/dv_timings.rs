//! `VIDIOC_ENUM_DV_TIMINGS`, `VIDIOC_G_DV_TIMINGS`, `VIDIOC_S_DV_TIMINGS`, and
//! `VIDIOC_QUERY_DV_TIMINGS`.
#![expect(
    unsafe_code,
    reason = "timings are a union with one member, selected by a type field"
)]

use bitflags::bitflags;
use rustix::fd::BorrowedFd;
use videostream_sys::v4l2 as sys;

use super::request::{EnumDvTimings, GDvTimings, QueryDvTimings, Request, SDvTimings, call};
use crate::v4l2::Fraction;
use crate::{Call, Error};

bitflags! {
    /// `V4L2_DV_BT_STD_*`: the standards that define a timing.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct DvStandards: u32 {
        /// CTA-861: televisions.
        const CTA861 = sys::V4L2_DV_BT_STD_CEA861;
        /// VESA DMT: monitors.
        const DMT = sys::V4L2_DV_BT_STD_DMT;
        /// VESA CVT: computed.
        const CVT = sys::V4L2_DV_BT_STD_CVT;
        /// VESA GTF: computed.
        const GTF = sys::V4L2_DV_BT_STD_GTF;
        /// SDI.
        const SDI = sys::V4L2_DV_BT_STD_SDI;
        /// Bits unknown to this library.
        const _ = !0;
    }
}

/// `struct v4l2_bt_timings`: the timings of a digital video signal (HDMI, DVI, SDI).
///
/// # Shape and units
/// Widths and horizontal blanking are in pixels, heights and vertical blanking in lines. For an
/// interlaced signal the height is that of the frame, the `v_*` fields are those of the first field
/// and the `il_*` fields those of the second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[doc(alias = "v4l2_dv_timings")]
#[doc(alias = "v4l2_bt_timings")]
pub struct DvTimings {
    /// Visible pixels per line.
    pub width: u32,
    /// Visible lines per frame.
    pub height: u32,
    /// Whether two fields make a frame.
    pub interlaced: bool,
    /// `V4L2_DV_VSYNC_POS_POL`, `V4L2_DV_HSYNC_POS_POL`.
    pub polarities: u32,
    /// Pixels per second, including blanking.
    #[doc(alias = "pixelclock")]
    pub pixel_clock_hz: u64,
    /// Horizontal front porch.
    pub h_front_porch: u32,
    /// Horizontal sync.
    pub h_sync: u32,
    /// Horizontal back porch.
    pub h_back_porch: u32,
    /// Vertical front porch.
    pub v_front_porch: u32,
    /// Vertical sync.
    pub v_sync: u32,
    /// Vertical back porch.
    pub v_back_porch: u32,
    /// Vertical front porch of the second field.
    pub il_v_front_porch: u32,
    /// Vertical sync of the second field.
    pub il_v_sync: u32,
    /// Vertical back porch of the second field.
    pub il_v_back_porch: u32,
    /// The standards that define it.
    pub standards: DvStandards,
    /// `V4L2_DV_FL_*`.
    pub flags: u32,
    /// Aspect ratio (width by height) of the picture, if `flags` marks it as known.
    pub picture_aspect: Option<Fraction>,
    /// CTA-861 video identification code; 0 if unknown.
    pub cta861_vic: u8,
    /// HDMI video identification code; 0 if unknown.
    pub hdmi_vic: u8,
}

impl DvTimings {
    /// Returns the pixels per line, including blanking.
    #[must_use]
    pub const fn total_width(&self) -> u64 {
        self.width as u64
            + self.h_front_porch as u64
            + self.h_sync as u64
            + self.h_back_porch as u64
    }

    /// Returns the lines per frame (both fields), including blanking.
    #[must_use]
    pub const fn total_height(&self) -> u64 {
        let first = self.height as u64
            + self.v_front_porch as u64
            + self.v_sync as u64
            + self.v_back_porch as u64;
        if self.interlaced {
            first
                + self.il_v_front_porch as u64
                + self.il_v_sync as u64
                + self.il_v_back_porch as u64
        } else {
            first
        }
    }

    fn to_raw(self) -> sys::v4l2_dv_timings {
        let mut raw = sys::v4l2_dv_timings {
            type_: sys::V4L2_DV_BT_656_1120,
            ..Default::default()
        };
        raw.__bindgen_anon_1.bt = sys::v4l2_bt_timings {
            width: self.width,
            height: self.height,
            interlaced: if self.interlaced {
                sys::V4L2_DV_INTERLACED
            } else {
                sys::V4L2_DV_PROGRESSIVE
            },
            polarities: self.polarities,
            pixelclock: self.pixel_clock_hz,
            hfrontporch: self.h_front_porch,
            hsync: self.h_sync,
            hbackporch: self.h_back_porch,
            vfrontporch: self.v_front_porch,
            vsync: self.v_sync,
            vbackporch: self.v_back_porch,
            il_vfrontporch: self.il_v_front_porch,
            il_vsync: self.il_v_sync,
            il_vbackporch: self.il_v_back_porch,
            standards: self.standards.bits(),
            flags: self.flags,
            picture_aspect: self.picture_aspect.unwrap_or(Fraction::new(0, 0)).to_raw(),
            cea861_vic: self.cta861_vic,
            hdmi_vic: self.hdmi_vic,
            ..Default::default()
        };
        raw
    }

    fn from_raw(call: Call, raw: &sys::v4l2_dv_timings) -> Result<Self, Error> {
        if raw.type_ != sys::V4L2_DV_BT_656_1120 {
            let value = raw.type_.into();
            let field = "type";
            return Err(Error::Answer { call, field, value });
        }
        // SAFETY: every member is made of plain integers, and all bytes are initialised.
        let bt = unsafe { raw.__bindgen_anon_1.bt };
        let aspect = bt.picture_aspect;
        Ok(Self {
            width: bt.width,
            height: bt.height,
            interlaced: bt.interlaced != sys::V4L2_DV_PROGRESSIVE,
            polarities: bt.polarities,
            pixel_clock_hz: bt.pixelclock,
            h_front_porch: bt.hfrontporch,
            h_sync: bt.hsync,
            h_back_porch: bt.hbackporch,
            v_front_porch: bt.vfrontporch,
            v_sync: bt.vsync,
            v_back_porch: bt.vbackporch,
            il_v_front_porch: bt.il_vfrontporch,
            il_v_sync: bt.il_vsync,
            il_v_back_porch: bt.il_vbackporch,
            standards: DvStandards::from_bits_retain(bt.standards),
            flags: bt.flags,
            picture_aspect: (bt.flags & sys::V4L2_DV_FL_HAS_PICTURE_ASPECT != 0)
                .then(|| Fraction::from_raw(aspect)),
            cta861_vic: bt.cea861_vic,
            hdmi_vic: bt.hdmi_vic,
        })
    }
}

/// `VIDIOC_ENUM_DV_TIMINGS`: returns the timings at `index` of the selected input or output.
///
/// # Errors
/// - `EINVAL`: `index` is past the end.
/// - `ENODATA`: the selected input has no digital timings.
/// - `ENOTTY`: the device has no digital timings.
pub fn enum_dv_timings(fd: BorrowedFd<'_>, index: u32) -> Result<DvTimings, Error> {
    let mut raw = sys::v4l2_enum_dv_timings {
        index,
        ..Default::default()
    };
    call::<EnumDvTimings>(fd, &mut raw)?;
    DvTimings::from_raw(EnumDvTimings::CALL, &raw.timings)
}

/// `VIDIOC_G_DV_TIMINGS`: returns the current timings.
///
/// # Errors
/// Those of [`enum_dv_timings`], except for the index.
pub fn g_dv_timings(fd: BorrowedFd<'_>) -> Result<DvTimings, Error> {
    let mut raw = sys::v4l2_dv_timings::default();
    call::<GDvTimings>(fd, &mut raw)?;
    DvTimings::from_raw(GDvTimings::CALL, &raw)
}

/// `VIDIOC_S_DV_TIMINGS`: sets the timings and returns those that the driver chose; the format
/// changes with them.
///
/// # Errors
/// - `EINVAL`: the device does not support such a signal.
/// - `EBUSY`: buffers are allocated.
/// - `ENODATA`, `ENOTTY`: as for [`enum_dv_timings`].
pub fn s_dv_timings(fd: BorrowedFd<'_>, timings: &DvTimings) -> Result<DvTimings, Error> {
    let mut raw = timings.to_raw();
    call::<SDvTimings>(fd, &mut raw)?;
    DvTimings::from_raw(SDvTimings::CALL, &raw)
}

/// `VIDIOC_QUERY_DV_TIMINGS`: returns the timings of the current signal.
///
/// # Errors
/// - `ENOLINK`: there is no signal.
/// - `ENOLCK`: the device cannot lock to the signal, or the signal is changing.
/// - `ERANGE`: the signal is out of the device's range.
/// - `ENODATA`, `ENOTTY`: as for [`enum_dv_timings`].
pub fn query_dv_timings(fd: BorrowedFd<'_>) -> Result<DvTimings, Error> {
    let mut raw = sys::v4l2_dv_timings::default();
    call::<QueryDvTimings>(fd, &mut raw)?;
    DvTimings::from_raw(QueryDvTimings::CALL, &raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1280x720p60 as CTA-861 defines it.
    const HD: DvTimings = DvTimings {
        width: 1280,
        height: 720,
        interlaced: false,
        polarities: 3,
        pixel_clock_hz: 74_250_000,
        h_front_porch: 110,
        h_sync: 40,
        h_back_porch: 220,
        v_front_porch: 5,
        v_sync: 5,
        v_back_porch: 20,
        il_v_front_porch: 0,
        il_v_sync: 0,
        il_v_back_porch: 0,
        standards: DvStandards::CTA861,
        flags: 0,
        picture_aspect: None,
        cta861_vic: 4,
        hdmi_vic: 0,
    };

    #[test]
    fn blanking_counts_in_the_totals() {
        assert_eq!((HD.total_width(), HD.total_height()), (1650, 750));
    }

    #[test]
    fn timings_survive_the_kernels_struct() {
        let again = DvTimings::from_raw(Call::GDvTimings, &HD.to_raw()).unwrap();
        assert_eq!(again, HD);
        let mut other = HD.to_raw();
        other.type_ = 9;
        assert!(DvTimings::from_raw(Call::GDvTimings, &other).is_err());
    }
}
