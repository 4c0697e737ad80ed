//! Rate control and other encoder controls. Drivers implement any subset, so each is queried first.

use core::fmt;

use videostream_sys::v4l2 as sys;

use super::Encoder;
use super::encoder::EncoderState;
use crate::format::FourCc;
use crate::v4l2::{ControlFlags, ControlInfo, ControlType, Device};
use crate::{Call, Error, ErrorKind};

/// Rate control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RateControl {
    /// Constant bitrate, in bits per second.
    Constant(u32),
    /// Variable bitrate.
    Variable {
        /// Average, in bits per second.
        average: u32,
        /// Maximum, in bits per second; `None` leaves it to the driver.
        peak: Option<u32>,
    },
    /// The same quantiser for every picture, on the scale of the codec (H.264 and H.265: 0 is best,
    /// 51 worst); the bitrate varies.
    Quantiser(u32),
}

/// Settings of an encoder; `None` leaves one to the driver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tuning {
    /// Rate control.
    pub rate_control: Option<RateControl>,
    /// Minimum and maximum quantiser.
    pub quantiser_range: Option<(u32, u32)>,
    /// Pictures from one key frame to the next.
    pub gop: Option<u32>,
    /// B-frames between two other pictures; 0 keeps packets in order.
    pub b_frames: Option<u32>,
    /// `enum v4l2_mpeg_video_*_profile` of the codec.
    pub profile: Option<u32>,
    /// `enum v4l2_mpeg_video_*_level` of the codec.
    pub level: Option<u32>,
    /// Whether each key frame carries the parameter sets, joined with it, as far as the driver
    /// supports it.
    pub parameter_sets: bool,
}

/// The driver's handling of settings that it may not support.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuned {
    /// The driver puts the parameter sets before every key frame. If not, keep those of the first
    /// packet and insert them.
    pub repeats_parameter_sets: bool,
}

/// A setting that the driver does not have or refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TuningError {
    /// Name of the control in the kernel's header.
    pub control: &'static str,
    /// Why it failed.
    pub error: Error,
    /// Minimum and maximum value, if the requested one is out of range.
    pub range: Option<(i64, i64)>,
}

impl TuningError {
    /// Returns the kind of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.error.kind()
    }
}

impl fmt::Display for TuningError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.range, self.error) {
            (Some((least, most)), Error::Argument { value, .. }) => write!(
                f,
                "{} = {} is out of range: {least} to {most}",
                self.control,
                value.cast_signed()
            ),
            (None, error) if error.kind() == ErrorKind::NotSupported => {
                write!(f, "{}: the driver does not have this control", self.control)
            }
            _ => write!(f, "{}: {}", self.control, self.error),
        }
    }
}

impl core::error::Error for TuningError {}

/// A control and its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Id(u32, &'static str);

macro_rules! id {
    ($name:ident) => {
        Id(sys::$name, stringify!($name))
    };
}

/// The codec-specific controls.
#[derive(Clone, Copy, Debug, Default)]
struct Own {
    profile: Option<Id>,
    level: Option<Id>,
    /// Minimum and maximum quantiser.
    range: Option<(Id, Id)>,
    /// Quantiser of key frames, P-frames, and B-frames.
    quantisers: [Option<Id>; 3],
}

impl Own {
    fn of(codec: FourCc) -> Self {
        match codec {
            FourCc::H264 | FourCc::AVC1 => Self {
                profile: Some(id!(V4L2_CID_MPEG_VIDEO_H264_PROFILE)),
                level: Some(id!(V4L2_CID_MPEG_VIDEO_H264_LEVEL)),
                range: Some((
                    id!(V4L2_CID_MPEG_VIDEO_H264_MIN_QP),
                    id!(V4L2_CID_MPEG_VIDEO_H264_MAX_QP),
                )),
                quantisers: [
                    Some(id!(V4L2_CID_MPEG_VIDEO_H264_I_FRAME_QP)),
                    Some(id!(V4L2_CID_MPEG_VIDEO_H264_P_FRAME_QP)),
                    Some(id!(V4L2_CID_MPEG_VIDEO_H264_B_FRAME_QP)),
                ],
            },
            FourCc::HEVC => Self {
                profile: Some(id!(V4L2_CID_MPEG_VIDEO_HEVC_PROFILE)),
                level: Some(id!(V4L2_CID_MPEG_VIDEO_HEVC_LEVEL)),
                range: Some((
                    id!(V4L2_CID_MPEG_VIDEO_HEVC_MIN_QP),
                    id!(V4L2_CID_MPEG_VIDEO_HEVC_MAX_QP),
                )),
                quantisers: [
                    Some(id!(V4L2_CID_MPEG_VIDEO_HEVC_I_FRAME_QP)),
                    Some(id!(V4L2_CID_MPEG_VIDEO_HEVC_P_FRAME_QP)),
                    Some(id!(V4L2_CID_MPEG_VIDEO_HEVC_B_FRAME_QP)),
                ],
            },
            FourCc::VP80 => Self {
                profile: Some(id!(V4L2_CID_MPEG_VIDEO_VP8_PROFILE)),
                range: Some((
                    id!(V4L2_CID_MPEG_VIDEO_VPX_MIN_QP),
                    id!(V4L2_CID_MPEG_VIDEO_VPX_MAX_QP),
                )),
                quantisers: [
                    Some(id!(V4L2_CID_MPEG_VIDEO_VPX_I_FRAME_QP)),
                    Some(id!(V4L2_CID_MPEG_VIDEO_VPX_P_FRAME_QP)),
                    None,
                ],
                ..Self::default()
            },
            FourCc::FWHT => Self {
                quantisers: [
                    Some(id!(V4L2_CID_FWHT_I_FRAME_QP)),
                    Some(id!(V4L2_CID_FWHT_P_FRAME_QP)),
                    None,
                ],
                ..Self::default()
            },
            _ => Self::default(),
        }
    }
}

impl Encoder {
    /// Sets rate control and other controls. Call it before the start: most drivers refuse many of
    /// them later.
    ///
    /// # Errors
    /// [`TuningError`] with the first control that the driver does not have
    /// ([`ErrorKind::NotSupported`]), whose value is out of range ([`ErrorKind::InvalidArgument`]),
    /// or that it refuses ([`ErrorKind::Busy`]: not while streaming). Earlier ones are set then.
    pub fn tune(&self, tuning: &Tuning) -> Result<Tuned, TuningError> {
        let device = self.m2m().device();
        let own = Own::of(self.coded_format().fourcc);
        let missing = |name| TuningError {
            control: name,
            error: MISSING,
            range: None,
        };
        if let Some(profile) = tuning.profile {
            let id = own.profile.ok_or(missing("profile"))?;
            set(device, id, profile)?;
        }
        if let Some(level) = tuning.level {
            let id = own.level.ok_or(missing("level"))?;
            set(device, id, level)?;
        }
        if let Some(gop) = tuning.gop {
            set(device, id!(V4L2_CID_MPEG_VIDEO_GOP_SIZE), gop)?;
        }
        match tuning.b_frames {
            // A driver without the control makes no B-frames.
            Some(0) => optional(device, id!(V4L2_CID_MPEG_VIDEO_B_FRAMES), 0).map(drop)?,
            Some(count) => set(device, id!(V4L2_CID_MPEG_VIDEO_B_FRAMES), count).map(drop)?,
            None => {}
        }
        if let Some((least, most)) = tuning.quantiser_range {
            let (min, max) = own.range.ok_or(missing("range of the quantiser"))?;
            set(device, min, least)?;
            set(device, max, most)?;
        }
        match tuning.rate_control {
            None => {}
            Some(RateControl::Quantiser(value)) => {
                optional(device, id!(V4L2_CID_MPEG_VIDEO_FRAME_RC_ENABLE), 0)?;
                let [key, others @ ..] = own.quantisers;
                set(device, key.ok_or(missing("quantiser"))?, value)?;
                for id in others.into_iter().flatten() {
                    optional(device, id, value)?;
                }
            }
            Some(RateControl::Constant(bits)) => {
                optional(device, id!(V4L2_CID_MPEG_VIDEO_FRAME_RC_ENABLE), 1)?;
                // Constant bitrate is the only mode of a driver without this control.
                let mode = sys::V4L2_MPEG_VIDEO_BITRATE_MODE_CBR;
                optional(device, id!(V4L2_CID_MPEG_VIDEO_BITRATE_MODE), mode)?;
                set(device, id!(V4L2_CID_MPEG_VIDEO_BITRATE), bits)?;
            }
            Some(RateControl::Variable { average, peak }) => {
                optional(device, id!(V4L2_CID_MPEG_VIDEO_FRAME_RC_ENABLE), 1)?;
                let mode = sys::V4L2_MPEG_VIDEO_BITRATE_MODE_VBR;
                set(device, id!(V4L2_CID_MPEG_VIDEO_BITRATE_MODE), mode)?;
                set(device, id!(V4L2_CID_MPEG_VIDEO_BITRATE), average)?;
                if let Some(peak) = peak {
                    set(device, id!(V4L2_CID_MPEG_VIDEO_BITRATE_PEAK), peak)?;
                }
            }
        }
        let mut repeats = false;
        if tuning.parameter_sets {
            let joined = sys::V4L2_MPEG_VIDEO_HEADER_MODE_JOINED_WITH_1ST_FRAME;
            optional(device, id!(V4L2_CID_MPEG_VIDEO_HEADER_MODE), joined)?;
            // Two controls have the same effect; drivers have one or the other.
            repeats |= optional(device, id!(V4L2_CID_MPEG_VIDEO_REPEAT_SEQ_HEADER), 1)?;
            repeats |= optional(device, id!(V4L2_CID_MPEG_VIDEO_PREPEND_SPSPPS_TO_IDR), 1)?;
        }
        Ok(Tuned {
            repeats_parameter_sets: repeats,
        })
    }

    /// Changes the bitrate, in bits per second, also while encoding. Returns the value that the
    /// driver rounded it to. The driver decides at which picture the change takes effect.
    ///
    /// # Errors
    /// Those of [`Encoder::tune`].
    pub fn set_bitrate(&self, bits_per_second: u32) -> Result<u32, TuningError> {
        let id = id!(V4L2_CID_MPEG_VIDEO_BITRATE);
        let set = set(self.m2m().device(), id, bits_per_second)?;
        Ok(u32::try_from(set).unwrap_or(bits_per_second))
    }

    /// Makes the next submitted picture a key frame.
    ///
    /// # Errors
    /// - [`Error::State`]: not encoding; some drivers would forget the request.
    /// - [`ErrorKind::NotSupported`]: the driver cannot; [`Encoder::reset`] begins a new stream,
    ///   which has the same effect.
    pub fn force_key_frame(&self) -> Result<(), TuningError> {
        let id = id!(V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME);
        if self.state() != EncoderState::Encoding {
            let error = Error::State {
                action: "force a key frame",
                state: self.state().name(),
            };
            return Err(TuningError {
                control: id.1,
                error,
                range: None,
            });
        }
        set(self.m2m().device(), id, 1).map(drop)
    }
}

const MISSING: Error = Error::Missing {
    ability: "such control",
};

/// Returns the control, if the driver has it.
fn query(device: &Device, id: Id) -> Result<Option<ControlInfo>, TuningError> {
    let info = device.node().control(id.0).map_err(|error| TuningError {
        control: id.1,
        error,
        range: None,
    })?;
    Ok(info.filter(|info| !info.flags.contains(ControlFlags::DISABLED)))
}

/// Sets a required control and returns the value that the driver rounded it to.
fn set(device: &Device, id: Id, value: u32) -> Result<i64, TuningError> {
    let failed = |error| TuningError {
        control: id.1,
        error,
        range: None,
    };
    let info = query(device, id)?
        .ok_or_else(|| failed(Error::system(Call::QueryExtCtrl, rustix::io::Errno::NOTTY)))?;
    let value = i64::from(value);
    // Drivers clamp silently, so check the range here.
    let is_menu = info.control_type == ControlType::Menu;
    let inside = info.control_type == ControlType::Button
        || (info.minimum..=info.maximum).contains(&value)
            && (!is_menu
                || device
                    .node()
                    .menu(&info)
                    .flatten()
                    .any(|item| i64::from(item.index) == value));
    if !inside {
        let error = Error::Argument {
            name: id.1,
            value: value.cast_unsigned(),
        };
        return Err(TuningError {
            range: Some((info.minimum, info.maximum)),
            ..failed(error)
        });
    }
    device.node().set_control(&info, value).map_err(failed)
}

/// Sets a control if the driver has it; returns whether it does.
fn optional(device: &Device, id: Id, value: u32) -> Result<bool, TuningError> {
    if query(device, id)?.is_none() {
        return Ok(false);
    }
    set(device, id, value).map(|_| true)
}
