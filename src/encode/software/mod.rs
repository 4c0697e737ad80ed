//! Encoding on the CPU: H.264 with OpenH264, H.265 with the system's libx265.

mod convert;
mod h264;
mod h265;
mod openh264;
mod x265;

use std::ops::RangeInclusive;

use videostream_hal::v4l2::NodeKind;

use self::convert::Planar;
use self::h264::H264;
use self::h265::H265;
use super::{Codec, CodecError, EncoderConfig, Packet, RateControl, stream_info};
use crate::picture::Picture;

/// An encoder without delay, and memory for pictures in the form that it reads.
#[derive(Debug)]
pub(super) struct Software {
    library: Library,
    /// Includes later changes.
    config: EncoderConfig,
    planar: Planar,
    parameter_sets: Vec<u8>,
    /// Time of the packet that was not received yet.
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
    pub(super) fn new(config: &EncoderConfig) -> Result<Self, CodecError> {
        match config.codec {
            Codec::H264 => h264::check_size(config)?,
            Codec::H265 => h265::check_size(config)?,
            Codec::Fwht | Codec::Mjpeg => {
                return Err(CodecError::NoBackend {
                    kind: NodeKind::Encoder,
                    codec: config.codec,
                });
            }
        }
        check_crop(config)?;
        let planar = Planar::new(config.fourcc, config.coded_colorimetry())?;
        let mut parameter_sets = Vec::new();
        let library = match config.codec {
            Codec::H264 => Library::H264(Box::new(H264::new(config, &mut parameter_sets)?)),
            Codec::H265 => Library::H265(Box::new(H265::new(config, &mut parameter_sets)?)),
            Codec::Fwht | Codec::Mjpeg => {
                return Err(CodecError::NoBackend {
                    kind: NodeKind::Encoder,
                    codec: config.codec,
                });
            }
        };
        // A library raises the level on its own where its tables differ.
        if let (Some(asked), Some(info)) =
            (config.level, stream_info(config.codec, &parameter_sets))
            && info.level != asked
        {
            return Err(CodecError::Level {
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

    /// Returns whether a packet is ready.
    pub(super) fn is_ready(&self) -> bool {
        self.waiting.is_some()
    }

    /// Encodes a picture. Returns the number of pixel bytes that were copied or converted.
    pub(super) fn submit(&mut self, picture: &Picture<'_>, pts_ns: u64) -> Result<u64, CodecError> {
        if self.waiting.is_some() {
            return Err(CodecError::OutputWaiting);
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
        // Frames are not reordered, so both times are equal.
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
    ) -> Result<(), CodecError> {
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
}

/// Checks that the crop rectangle starts at even pixels and lies inside the picture.
fn check_crop(config: &EncoderConfig) -> Result<(), CodecError> {
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
        step: (2, 2),
    }
    .into())
}

/// Checks that both sides are even and within the limits of a library for the shorter and the
/// longer one.
fn check_sides(
    config: &EncoderConfig,
    shorter: RangeInclusive<u32>,
    longest: u32,
    limits: &'static str,
) -> Result<(), CodecError> {
    let visible = config.visible();
    let (width, height) = (visible.width, visible.height);
    let even = width.is_multiple_of(2) && height.is_multiple_of(2);
    if even && shorter.contains(&width.min(height)) && width.max(height) <= longest {
        return Ok(());
    }
    Err(CodecError::Size {
        width,
        height,
        limits,
    })
}

/// Checks that a setting is within the limits of a library.
fn check_range(
    what: &'static str,
    value: impl Into<u64>,
    min: impl Into<u64>,
    max: impl Into<u64>,
) -> Result<(), CodecError> {
    let (value, min, max) = (value.into(), min.into(), max.into());
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(CodecError::Value {
        what,
        value,
        min,
        max,
    })
}
