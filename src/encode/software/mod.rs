//! Encoding on the CPU: H.264 with OpenH264, H.265 with the system's libx265.

mod convert;
mod h264;
mod h265;
mod openh264;
mod x265;

use std::ops::RangeInclusive;

use self::convert::Planar;
use self::h264::H264;
use self::h265::H265;
use super::{Codec, EncodeError, EncoderConfig, Packet, RateControl, stream_info};
use crate::frame_rate::FrameRate;
use crate::picture::Picture;

/// An encoder without delay, and the picture's memory in the form that it reads.
#[derive(Debug)]
pub(super) struct Software {
    library: Library,
    /// With later changes.
    config: EncoderConfig,
    planar: Planar,
    parameter_sets: Vec<u8>,
    /// The packet that was not received yet.
    waiting: Option<u64>,
    /// No packet was received yet.
    first: bool,
    bytes: Vec<u8>,
}

/// The encoder of a codec.
#[derive(Debug)]
enum Library {
    H264(Box<H264>),
    H265(Box<H265>),
}

impl Software {
    pub(super) fn new(config: &EncoderConfig) -> Result<Self, EncodeError> {
        match config.codec {
            Codec::H264 => h264::check_size(config)?,
            Codec::H265 => h265::check_size(config)?,
            Codec::Fwht | Codec::Mjpeg => return Err(EncodeError::NoBackend(config.codec)),
        }
        check_crop(config)?;
        let planar = Planar::new(config.fourcc, config.coded_colorimetry())?;
        let mut parameter_sets = Vec::new();
        let library = match config.codec {
            Codec::H264 => Library::H264(Box::new(H264::new(config, &mut parameter_sets)?)),
            Codec::H265 => Library::H265(Box::new(H265::new(config, &mut parameter_sets)?)),
            Codec::Fwht | Codec::Mjpeg => return Err(EncodeError::NoBackend(config.codec)),
        };
        // A library raises the level by itself where its own tables say so.
        if let (Some(asked), Some(info)) =
            (config.level, stream_info(config.codec, &parameter_sets))
            && info.level != asked
        {
            return Err(EncodeError::Level {
                asked,
                needs: info.level,
            });
        }
        Ok(Self {
            library,
            config: *config,
            planar,
            parameter_sets,
            waiting: None,
            first: true,
            bytes: Vec::new(),
        })
    }

    pub(super) fn parameter_sets(&self) -> &[u8] {
        &self.parameter_sets
    }

    /// Whether a packet is there.
    pub(super) fn is_ready(&self) -> bool {
        self.waiting.is_some()
    }

    /// How many bytes of pixels had to be copied or converted.
    pub(super) fn submit(
        &mut self,
        picture: &Picture<'_>,
        pts_ns: u64,
    ) -> Result<u64, EncodeError> {
        if self.waiting.is_some() {
            return Err(EncodeError::PacketWaiting);
        }
        let (planes, bytes) = self.planar.planes(picture)?;
        self.bytes.clear();
        match &mut self.library {
            Library::H264(encoder) => {
                encoder.encode(&self.config, planes, pts_ns, &mut self.bytes)?;
            }
            Library::H265(encoder) => encoder.encode(planes, &mut self.bytes)?,
        }
        self.waiting = Some(pts_ns);
        Ok(bytes)
    }

    pub(super) fn receive(&mut self) -> Option<Packet<'_>> {
        let pts_ns = self.waiting.take()?;
        // Frames are not reordered: decoded when shown.
        let packet = Packet::new(self.config.codec, &self.bytes, pts_ns, pts_ns);
        let first = std::mem::take(&mut self.first);
        if first || self.config.repeat_sets {
            return Some(packet);
        }
        let picture = packet.data();
        Some(Packet::new(self.config.codec, picture, pts_ns, pts_ns))
    }

    pub(super) fn force_key_frame(&mut self) {
        match &mut self.library {
            Library::H264(encoder) => encoder.force_key_frame(),
            Library::H265(encoder) => encoder.force_key_frame(),
        }
    }

    pub(super) fn set_bitrate(
        &mut self,
        control: RateControl,
        bits_per_second: u32,
    ) -> Result<(), EncodeError> {
        let config = EncoderConfig {
            rate_control: control,
            ..self.config
        };
        match &mut self.library {
            Library::H264(encoder) => encoder.set_bitrate(&config, bits_per_second)?,
            Library::H265(encoder) => encoder.change(&config)?,
        }
        self.config = config;
        Ok(())
    }

    pub(super) fn set_frame_rate(&mut self, rate: FrameRate) -> Result<(), EncodeError> {
        let config = EncoderConfig {
            rate,
            ..self.config
        };
        match &mut self.library {
            Library::H264(encoder) => encoder.set_frame_rate(&config)?,
            Library::H265(encoder) => encoder.change(&config)?,
        }
        self.config = config;
        Ok(())
    }
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

/// Whether both sides are even, and the shorter and the longer lie within the limits of a library.
fn check_sides(
    config: &EncoderConfig,
    shorter: RangeInclusive<u32>,
    longest: u32,
    limits: &'static str,
) -> Result<(), EncodeError> {
    let visible = config.visible();
    let (width, height) = (visible.width, visible.height);
    let even = width.is_multiple_of(2) && height.is_multiple_of(2);
    if even && shorter.contains(&width.min(height)) && width.max(height) <= longest {
        return Ok(());
    }
    Err(EncodeError::Size {
        width,
        height,
        limits,
    })
}

/// Whether a setting lies within the limits of a library.
fn check_range(
    what: &'static str,
    value: impl Into<u64>,
    min: impl Into<u64>,
    max: impl Into<u64>,
) -> Result<(), EncodeError> {
    let (value, min, max) = (value.into(), min.into(), max.into());
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(EncodeError::Value {
        what,
        value,
        min,
        max,
    })
}
