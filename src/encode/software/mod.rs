//! Encoding on the CPU: H.264 with OpenH264, H.265 with the system's libx265.

mod convert;
mod h264;
mod h265;
mod level;
mod openh264;
mod x265;

use videostream_hal::format::FourCc;

use self::h264::H264;
use self::h265::H265;
use super::{Codec, EncodeError, EncoderConfig, Packet, RateControl};
use crate::frame_rate::FrameRate;
use crate::picture::Picture;

/// The encoder of a codec.
#[derive(Debug)]
pub(super) enum Software {
    H264(Box<H264>),
    H265(Box<H265>),
}

impl Software {
    pub(super) fn new(config: &EncoderConfig) -> Result<Self, EncodeError> {
        Ok(match config.codec {
            Codec::H264 => Self::H264(Box::new(H264::new(config)?)),
            Codec::H265 => Self::H265(Box::new(H265::new(config)?)),
        })
    }

    pub(super) fn parameter_sets(&self) -> &[u8] {
        match self {
            Self::H264(encoder) => encoder.parameter_sets(),
            Self::H265(encoder) => encoder.parameter_sets(),
        }
    }

    pub(super) fn submit(&mut self, picture: &Picture<'_>, pts_ns: u64) -> Result<(), EncodeError> {
        match self {
            Self::H264(encoder) => encoder.submit(picture, pts_ns),
            Self::H265(encoder) => encoder.submit(picture, pts_ns),
        }
    }

    pub(super) fn receive(&mut self) -> Option<Packet<'_>> {
        match self {
            Self::H264(encoder) => encoder.receive(),
            Self::H265(encoder) => encoder.receive(),
        }
    }

    pub(super) fn force_key_frame(&mut self) {
        match self {
            Self::H264(encoder) => encoder.force_key_frame(),
            Self::H265(encoder) => encoder.force_key_frame(),
        }
    }

    pub(super) fn set_bitrate(
        &mut self,
        control: RateControl,
        bits_per_second: u32,
    ) -> Result<(), EncodeError> {
        match self {
            Self::H264(encoder) => encoder.set_bitrate(control, bits_per_second),
            Self::H265(encoder) => encoder.set_rate_control(control),
        }
    }

    pub(super) fn set_frame_rate(&mut self, rate: FrameRate) -> Result<(), EncodeError> {
        match self {
            Self::H264(encoder) => encoder.set_frame_rate(rate),
            Self::H265(encoder) => encoder.set_frame_rate(rate),
        }
    }
}

/// `YU12` for every format whose planes are those of it, and so on.
fn contiguous(fourcc: FourCc) -> FourCc {
    fourcc
        .info()
        .and_then(|info| info.contiguous)
        .unwrap_or(fourcc)
}

/// Whether the crop rectangle begins at even pixels and lies inside the picture.
fn check_crop(config: &EncoderConfig) -> Result<(), EncodeError> {
    let Some(rect) = config.crop else {
        return Ok(());
    };
    let fits = |start: u32, len: u32, whole| {
        start.is_multiple_of(2) && start.checked_add(len).is_some_and(|end| end <= whole)
    };
    if fits(rect.x, rect.width, config.width) && fits(rect.y, rect.height, config.height) {
        return Ok(());
    }
    let (width, height) = (config.width, config.height);
    Err(crate::PictureError::Crop {
        rect,
        width,
        height,
    }
    .into())
}
