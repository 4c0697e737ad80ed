//! Encoding on the CPU with OpenH264.

use super::openh264::OpenH264;
use super::{check_range, check_sides};
use crate::bitstream::h264::with_rate;
use crate::codec::CodecError;
use crate::encode::level;
use crate::encode::{EncoderConfig, RateControl};
use crate::frame_rate::FrameRate;
use crate::picture::Plane;

const LIMITS: &str = "both sides must be even, at least 16, and fit into 3840x2160 or 2160x3840";
/// Bits per second; the top is the limit of level 5.2 in Main profile.
const BITRATE: (u32, u32) = (10_000, 240_000_000);
/// Frames per second; OpenH264 clips other rates.
const SLOWEST: FrameRate = rate(1);
const FASTEST: FrameRate = rate(60);
const QUANTISER: (u8, u8) = (0, 51);
/// Lower limit of OpenH264's rate control.
const FINEST: u8 = 12;

const fn rate(fps: u32) -> FrameRate {
    match FrameRate::fps(fps) {
        Ok(rate) => rate,
        Err(_) => unreachable!(),
    }
}

/// Adapts a configuration whose rate the library does not support: it gets the nearest rate. With
/// faster rates the bits per picture stay right; with slower ones a picture, of which there are
/// few, gets the bits of a second.
fn paced(config: &EncoderConfig) -> EncoderConfig {
    let has = config.rate.as_f64();
    if has < SLOWEST.as_f64() {
        return EncoderConfig {
            rate: SLOWEST,
            ..*config
        };
    }
    if has <= FASTEST.as_f64() {
        return *config;
    }
    let part = FASTEST.as_f64() / has;
    let scaled = |bits: u32| ((f64::from(bits) * part) as u32).max(BITRATE.0);
    EncoderConfig {
        rate: FASTEST,
        rate_control: match config.rate_control {
            RateControl::Constant(bits) => RateControl::Constant(scaled(bits)),
            RateControl::Variable { bitrate, peak } => RateControl::Variable {
                bitrate: scaled(bitrate),
                peak: peak.map(scaled),
            },
            quantiser @ RateControl::Quantiser(_) => quantiser,
        },
        // Of the true rate.
        level: config.level.or(Some(level::needs(config))),
        ..*config
    }
}

/// Returns the time of a picture on the library's clock, on which pictures come at the rate it was
/// configured for.
fn paced_ns(config: &EncoderConfig, pts_ns: u64) -> u64 {
    let told = paced(config).rate;
    if told == config.rate {
        return pts_ns;
    }
    (pts_ns as f64 * (config.rate.as_f64() / told.as_f64())) as u64
}

/// An OpenH264 encoder that survives failures.
#[derive(Debug)]
pub(super) struct H264 {
    encoder: OpenH264,
    /// Parameter sets as the library writes them, without a rate, and with the rate added.
    sets: [Vec<u8>; 2],
    rate: FrameRate,
}

impl H264 {
    pub(super) fn new(
        config: &EncoderConfig,
        parameter_sets: &mut Vec<u8>,
    ) -> Result<Self, CodecError> {
        check_rate_control(config)?;
        level::check(config)?;
        let mut encoder = OpenH264::new(&paced(config))?;
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
    ) -> Result<(), CodecError> {
        if let Err(error) = self.encoder.encode(planes, paced_ns(config, pts_ns), bytes) {
            // After a failure the library has shut itself down; the next picture starts it again.
            self.encoder = OpenH264::new(&paced(config))?;
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
    ) -> Result<(), CodecError> {
        check_rate_control(config)?;
        level::check(config)?;
        let told = paced(config).rate_control.bitrate();
        self.encoder.set_bitrate(told.unwrap_or(bits_per_second))
    }
}

pub(super) fn check_size(config: &EncoderConfig) -> Result<(), CodecError> {
    check_sides(config, 16..=2160, 3840, LIMITS)
}

fn check_rate_control(config: &EncoderConfig) -> Result<(), CodecError> {
    match config.rate_control {
        RateControl::Constant(bits) => check_bitrate(bits)?,
        RateControl::Variable {
            bitrate,
            peak: None,
        } => check_bitrate(bitrate)?,
        // OpenH264 keeps to a peak only by dropping pictures, but every picture in has to be a
        // packet out.
        RateControl::Variable { peak: Some(_), .. } => {
            return Err(CodecError::Unsupported {
                what: "a peak bitrate",
                can: "`Constant`, `Quantiser`, and `Variable` without a peak",
            });
        }
        RateControl::Quantiser(qp) => {
            check_range("quantiser", qp, QUANTISER.0, QUANTISER.1)?;
            if config.quantisers.is_some() {
                return Err(CodecError::Unsupported {
                    what: "a quantiser range with a constant quantiser",
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

fn check_bitrate(bits: u32) -> Result<(), CodecError> {
    check_range("bitrate in bits per second", bits, BITRATE.0, BITRATE.1)
}

#[cfg(test)]
mod tests {
    use videostream_hal::format::FourCc;

    use super::*;
    use crate::encode::{Codec, Level};

    fn config(rate: &str) -> EncoderConfig {
        let rate = rate.parse().unwrap();
        EncoderConfig::new(Codec::H264, FourCc::NV12, 1280, 720, rate)
            .rate_control(RateControl::Constant(6_000_000))
    }

    #[test]
    fn rates_above_the_librarys_keep_bits_per_picture() {
        let told = |rate| {
            let told = paced(&config(rate));
            (
                told.rate.to_string(),
                told.rate_control.bitrate(),
                told.level,
            )
        };
        let bits = Some(6_000_000);
        assert_eq!(told("30"), ("30/1".to_owned(), bits, None));
        assert_eq!(told("1/2"), ("1/1".to_owned(), bits, None));
        let level = Some(Level::new(4, 2));
        assert_eq!(told("120"), ("60/1".to_owned(), Some(3_000_000), level));
    }

    #[test]
    fn pictures_come_at_the_rate_that_the_library_is_told() {
        let second = 1_000_000_000;
        assert_eq!(paced_ns(&config("30"), 7 * second + 1), 7 * second + 1);
        assert_eq!(paced_ns(&config("1/2"), 8 * second), 4 * second);
        assert_eq!(paced_ns(&config("240"), second), 4 * second);
    }
}
