//! Encoding on the CPU with OpenH264.

use super::openh264::OpenH264;
use super::{check_range, check_sides};
use crate::bitstream::h264::with_rate;
use crate::encode::level;
use crate::encode::{EncodeError, EncoderConfig, RateControl};
use crate::frame_rate::FrameRate;
use crate::picture::Plane;

const LIMITS: &str = "both sides must be even, at least 16, and fit into 3840x2160 or 2160x3840";
/// Bits per second: the top is what level 5.2 allows in Main profile.
const BITRATE: (u32, u32) = (10_000, 240_000_000);
/// OpenH264 clips what is outside.
const FRAMES_PER_SECOND: (u32, u32) = (1, 60);
const QUANTISER: (u8, u8) = (0, 51);
/// Below, OpenH264's rate control does not go.
const FINEST: u8 = 12;

/// An OpenH264 encoder that survives its failures.
#[derive(Debug)]
pub(super) struct H264 {
    encoder: OpenH264,
    /// Parameter sets as the library writes them, without a rate, and with this one.
    sets: [Vec<u8>; 2],
    rate: FrameRate,
}

impl H264 {
    pub(super) fn new(
        config: &EncoderConfig,
        parameter_sets: &mut Vec<u8>,
    ) -> Result<Self, EncodeError> {
        check_frame_rate(config.rate)?;
        check_rate_control(config)?;
        level::check(config)?;
        let mut encoder = OpenH264::new(config)?;
        encoder.parameter_sets(parameter_sets)?;
        let (without, rate) = (parameter_sets.clone(), config.rate);
        if let Some(sets) = with_rate(parameter_sets, rate) {
            *parameter_sets = sets;
        }
        Ok(Self {
            encoder,
            sets: [without, parameter_sets.clone()],
            rate,
        })
    }

    pub(super) fn encode(
        &mut self,
        config: &EncoderConfig,
        planes: [Plane<'_>; 3],
        pts_ns: u64,
        bytes: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        if let Err(error) = self.encoder.encode(planes, pts_ns, bytes) {
            // After a failure the library has taken itself down; the next picture starts anew.
            self.encoder = OpenH264::new(config)?;
            return Err(error);
        }
        self.add_rate(bytes);
        Ok(())
    }

    /// Adds the rate to the parameter sets in a packet.
    fn add_rate(&self, bytes: &mut Vec<u8>) {
        let [without, with] = &self.sets;
        if bytes.starts_with(without) {
            bytes.splice(..without.len(), with.iter().copied());
        } else if let Some(other) = with_rate(bytes, self.rate) {
            *bytes = other;
        }
    }

    pub(super) fn force_key_frame(&mut self) {
        self.encoder.force_key_frame();
    }

    pub(super) fn set_bitrate(
        &mut self,
        config: &EncoderConfig,
        bits_per_second: u32,
    ) -> Result<(), EncodeError> {
        check_rate_control(config)?;
        level::check(config)?;
        self.encoder.set_bitrate(bits_per_second)
    }

    pub(super) fn set_frame_rate(&mut self, config: &EncoderConfig) -> Result<(), EncodeError> {
        check_frame_rate(config.rate)?;
        level::check(config)?;
        self.encoder.set_frame_rate(config.rate)
    }
}

pub(super) fn check_size(config: &EncoderConfig) -> Result<(), EncodeError> {
    check_sides(config, 16..=2160, 3840, LIMITS)
}

fn check_rate_control(config: &EncoderConfig) -> Result<(), EncodeError> {
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
            check_range("quantiser", qp, QUANTISER.0, QUANTISER.1)?;
            if config.quantisers.is_some() {
                return Err(EncodeError::Unsupported {
                    what: "a range of quantisers with a constant one",
                    can: "a range with `Constant` and `Variable`",
                });
            }
        }
    }
    if let Some((finest, coarsest)) = config.quantisers {
        check_range("finest quantiser", finest, FINEST, QUANTISER.1)?;
        check_range("coarsest quantiser", coarsest, finest, QUANTISER.1)?;
    }
    Ok(())
}

fn check_bitrate(bits: u32) -> Result<(), EncodeError> {
    check_range("bitrate in bits per second", bits, BITRATE.0, BITRATE.1)
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
