//! Encoding H.265 with the system's libx265.

use super::check_crop;
use super::convert::Planar;
use super::x265::X265;
use crate::encode::{Codec, EncodeError, EncoderConfig, Packet, Profile, RateControl, stream_info};
use crate::frame_rate::FrameRate;
use crate::picture::Picture;

const LIMITS: &str = "both sides must be even, at least 64, and at most 8192";
/// Kilobits are what x265 counts in.
const BITRATE: (u64, u64) = (10_000, 800_000_000);

/// An x265 encoder without delay, and the picture's memory in the form that it reads.
#[derive(Debug)]
pub(in crate::encode) struct H265 {
    encoder: X265,
    config: EncoderConfig,
    planar: Planar,
    parameter_sets: Vec<u8>,
    waiting: Option<u64>,
    first: bool,
    force_key: bool,
    bytes: Vec<u8>,
}

impl H265 {
    pub(super) fn new(config: &EncoderConfig) -> Result<Self, EncodeError> {
        let visible = config.visible();
        let (width, height) = (visible.width, visible.height);
        let even = width.is_multiple_of(2) && height.is_multiple_of(2);
        if !even || width.min(height) < 64 || width.max(height) > 8192 {
            return Err(EncodeError::Size {
                width,
                height,
                limits: LIMITS,
            });
        }
        check_crop(config)?;
        check(config)?;
        let planar = Planar::new(config.fourcc, width, height, config.colorimetry)?;
        let mut encoder = X265::new(config)?;
        let mut parameter_sets = Vec::new();
        encoder.parameter_sets(&mut parameter_sets)?;
        if let (Some(asked), Some(info)) = (config.level, stream_info(Codec::H265, &parameter_sets))
            && info.level != asked
        {
            return Err(EncodeError::Level {
                asked,
                needs: info.level,
            });
        }
        Ok(Self {
            encoder,
            config: *config,
            planar,
            parameter_sets,
            waiting: None,
            first: true,
            force_key: false,
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
        self.encoder
            .encode(planes, self.force_key, &mut self.bytes)?;
        self.force_key = false;
        self.waiting = Some(pts_ns);
        Ok(())
    }

    pub(super) fn receive(&mut self) -> Option<Packet<'_>> {
        let pts_ns = self.waiting.take()?;
        let packet = Packet::new(Codec::H265, &self.bytes, pts_ns, pts_ns);
        let first = std::mem::take(&mut self.first);
        if first || self.config.repeat_sets {
            return Some(packet);
        }
        Some(Packet::new(Codec::H265, packet.data(), pts_ns, pts_ns))
    }

    pub(super) fn force_key_frame(&mut self) {
        self.force_key = true;
    }

    pub(super) fn set_rate_control(&mut self, control: RateControl) -> Result<(), EncodeError> {
        self.change(EncoderConfig {
            rate_control: control,
            ..self.config
        })
    }

    pub(super) fn set_frame_rate(&mut self, rate: FrameRate) -> Result<(), EncodeError> {
        self.change(EncoderConfig {
            rate,
            ..self.config
        })
    }

    /// Goes on with another configuration and a key frame: what the library changes while it runs shows
    /// late or not at all.
    fn change(&mut self, config: EncoderConfig) -> Result<(), EncodeError> {
        check(&config)?;
        self.encoder = X265::new(&config)?;
        self.config = config;
        Ok(())
    }
}

fn check(config: &EncoderConfig) -> Result<(), EncodeError> {
    if config.profile != Profile::Main {
        return Err(EncodeError::Unsupported {
            what: "this profile of H.265",
            can: "Main",
        });
    }
    let within = |what, value: u32, (min, max): (u64, u64)| {
        if (min..=max).contains(&value.into()) {
            return Ok(());
        }
        Err(EncodeError::Value {
            what,
            value: value.into(),
            min,
            max,
        })
    };
    match config.rate_control {
        RateControl::Quantiser(qp) => within("quantiser", qp.into(), (0, 51))?,
        RateControl::Constant(bits) => within("bitrate in bits per second", bits, BITRATE)?,
        RateControl::Variable { bitrate, peak } => {
            within("bitrate in bits per second", bitrate, BITRATE)?;
            let peak = peak.unwrap_or(bitrate);
            within(
                "peak bitrate in bits per second",
                peak,
                (bitrate.into(), BITRATE.1),
            )?;
        }
    }
    if let Some((finest, coarsest)) = config.quantisers {
        within("finest quantiser", finest.into(), (0, 51))?;
        within("coarsest quantiser", coarsest.into(), (finest.into(), 51))?;
    }
    Ok(())
}
