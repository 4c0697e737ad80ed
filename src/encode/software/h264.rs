//! Encoding on the CPU with OpenH264.

use super::convert::Planar;
use super::openh264::OpenH264;
use super::{check_crop, level};
use crate::encode::annex_b::{NalKind, nal_units};
use crate::encode::{Codec, EncodeError, EncoderConfig, Level, Packet, RateControl};
use crate::frame_rate::FrameRate;
use crate::picture::Picture;

const LIMITS: &str = "both sides must be even, at least 16, and fit into 3840x2160 or 2160x3840";
/// Bits per second: the top is what level 5.2 allows in Main profile.
const BITRATE: (u32, u32) = (10_000, 240_000_000);
/// OpenH264 clips what is outside.
const FRAMES_PER_SECOND: (u32, u32) = (1, 60);
const QUANTISER: (u8, u8) = (0, 51);
/// Below, OpenH264's rate control does not go.
const FINEST: u8 = 12;

/// An OpenH264 encoder and the picture's memory in the form that it reads.
#[derive(Debug)]
pub(in crate::encode) struct H264 {
    encoder: OpenH264,
    /// With later changes, to make the encoder anew.
    config: EncoderConfig,
    planar: Planar,
    parameter_sets: Vec<u8>,
    /// The packet that was not received yet.
    waiting: Option<u64>,
    /// No packet was received yet.
    first: bool,
    bytes: Vec<u8>,
}

impl H264 {
    pub(super) fn new(config: &EncoderConfig) -> Result<Self, EncodeError> {
        let visible = config.visible();
        let (width, height) = (visible.width, visible.height);
        let even = width.is_multiple_of(2) && height.is_multiple_of(2);
        if !even || width.min(height) < 16 || width.max(height) > 3840 || width.min(height) > 2160 {
            return Err(EncodeError::Size {
                width,
                height,
                limits: LIMITS,
            });
        }
        check_crop(config)?;
        let planar = Planar::new(config.fourcc, width, height, config.colorimetry)?;
        check_frame_rate(config.rate)?;
        check_rate_control(config)?;
        level::check(config)?;
        let mut encoder = OpenH264::new(config)?;
        let mut parameter_sets = Vec::new();
        encoder.parameter_sets(&mut parameter_sets)?;
        // The library raises the level by itself where its own tables say so.
        let written = sps_level(&parameter_sets);
        if let (Some(asked), Some(needs)) = (config.level, written)
            && needs != asked
        {
            return Err(EncodeError::Level { asked, needs });
        }
        Ok(Self {
            encoder,
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

    pub(super) fn submit(&mut self, picture: &Picture<'_>, pts_ns: u64) -> Result<(), EncodeError> {
        if self.waiting.is_some() {
            return Err(EncodeError::PacketWaiting);
        }
        let planes = self.planar.planes(picture)?;
        self.bytes.clear();
        if let Err(error) = self.encoder.encode(planes, pts_ns, &mut self.bytes) {
            // After a failure the library has taken itself down; the next picture starts anew.
            self.encoder = OpenH264::new(&self.config)?;
            return Err(error);
        }
        self.waiting = Some(pts_ns);
        Ok(())
    }

    pub(super) fn receive(&mut self) -> Option<Packet<'_>> {
        let pts_ns = self.waiting.take()?;
        // Frames are not reordered: decoded when shown.
        let packet = Packet::new(Codec::H264, &self.bytes, pts_ns, pts_ns);
        let first = std::mem::take(&mut self.first);
        if first || self.config.repeat_sets {
            return Some(packet);
        }
        Some(Packet::new(Codec::H264, packet.data(), pts_ns, pts_ns))
    }

    pub(super) fn force_key_frame(&mut self) {
        self.encoder.force_key_frame();
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
        check_rate_control(&config)?;
        level::check(&config)?;
        self.encoder.set_bitrate(bits_per_second)?;
        self.config = config;
        Ok(())
    }

    pub(super) fn set_frame_rate(&mut self, rate: FrameRate) -> Result<(), EncodeError> {
        let config = EncoderConfig {
            rate,
            ..self.config
        };
        check_frame_rate(rate)?;
        level::check(&config)?;
        self.encoder.set_frame_rate(rate)?;
        self.config = config;
        Ok(())
    }
}

/// The level in a sequence parameter set.
fn sps_level(sets: &[u8]) -> Option<Level> {
    let (_, sps) =
        nal_units(sets).find(|(_, nal)| NalKind::of(Codec::H264, nal) == NalKind::Sps)?;
    sps.get(3).copied().map(Level::from_h264_idc)
}

fn check_rate_control(config: &EncoderConfig) -> Result<(), EncodeError> {
    let range =
        |what, value: u8, min: u8, max: u8| check(what, value.into(), min.into(), max.into());
    match config.rate_control {
        RateControl::Constant(bits) => check_bitrate(bits)?,
        RateControl::Variable {
            bitrate,
            peak: None,
        } => check_bitrate(bitrate)?,
        // It holds a peak only by leaving pictures out, and every picture in is to be a packet out.
        RateControl::Variable { peak: Some(_), .. } => {
            return Err(EncodeError::Unsupported {
                what: "a peak bitrate",
                can: "`Constant`, `Quantiser`, and `Variable` without a peak",
            });
        }
        RateControl::Quantiser(qp) => {
            range("quantiser", qp, QUANTISER.0, QUANTISER.1)?;
            if config.quantisers.is_some() {
                return Err(EncodeError::Unsupported {
                    what: "a range of quantisers with a constant one",
                    can: "a range with `Constant` and `Variable`",
                });
            }
        }
    }
    if let Some((finest, coarsest)) = config.quantisers {
        range("finest quantiser", finest, FINEST, QUANTISER.1)?;
        range("coarsest quantiser", coarsest, finest, QUANTISER.1)?;
    }
    Ok(())
}

fn check_bitrate(bits: u32) -> Result<(), EncodeError> {
    check(
        "bitrate in bits per second",
        bits.into(),
        BITRATE.0.into(),
        BITRATE.1.into(),
    )
}

fn check_frame_rate(rate: FrameRate) -> Result<(), EncodeError> {
    let (min, max) = FRAMES_PER_SECOND;
    let (frames, seconds) = (u64::from(rate.frames()), u64::from(rate.seconds()));
    if frames < u64::from(min) * seconds || frames > u64::from(max) * seconds {
        let what = "frame rate in frames per second";
        return Err(EncodeError::Value {
            what,
            value: frames / seconds,
            min: min.into(),
            max: max.into(),
        });
    }
    Ok(())
}

fn check(what: &'static str, value: u64, min: u64, max: u64) -> Result<(), EncodeError> {
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
