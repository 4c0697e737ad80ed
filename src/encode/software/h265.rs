//! Encoding H.265 with the system's libx265.

use super::x265::X265;
use super::{check_range, check_sides};
use crate::codec::CodecError;
use crate::encode::{EncoderConfig, Profile, RateControl};
use crate::picture::Plane;

const LIMITS: &str = "both sides must be even, at least 64, and at most 8192";
/// x265 counts in kilobits.
const BITRATE: (u32, u32) = (10_000, 800_000_000);
const BITS: &str = "bitrate in bits per second";
const QUANTISER: (u8, u8) = (0, 51);

/// An x265 encoder without delay.
#[derive(Debug)]
pub(super) struct H265 {
    encoder: X265,
    force_key: bool,
}

impl H265 {
    pub(super) fn new(
        config: &EncoderConfig,
        parameter_sets: &mut Vec<u8>,
    ) -> Result<Self, CodecError> {
        check(config)?;
        let mut encoder = X265::new(config)?;
        encoder.parameter_sets(parameter_sets)?;
        Ok(Self {
            encoder,
            force_key: false,
        })
    }

    pub(super) fn encode(
        &mut self,
        planes: [Plane<'_>; 3],
        bytes: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        self.encoder.encode(planes, self.force_key, bytes)?;
        self.force_key = false;
        Ok(())
    }

    pub(super) fn force_key_frame(&mut self) {
        self.force_key = true;
    }

    /// Continues with another configuration and a key frame. Changing parameters of a running
    /// library takes effect late or not at all.
    pub(super) fn change(&mut self, config: &EncoderConfig) -> Result<(), CodecError> {
        check(config)?;
        self.encoder = X265::new(config)?;
        Ok(())
    }
}

pub(super) fn check_size(config: &EncoderConfig) -> Result<(), CodecError> {
    check_sides(config, 64..=8192, 8192, LIMITS)
}

fn check(config: &EncoderConfig) -> Result<(), CodecError> {
    if config.profile != Profile::Main {
        return Err(CodecError::Unsupported {
            what: "this profile of H.265",
            can: "Main",
        });
    }
    match config.rate_control {
        RateControl::Quantiser(qp) => check_range("quantiser", qp, QUANTISER.0, QUANTISER.1)?,
        RateControl::Constant(bits) => check_range(BITS, bits, BITRATE.0, BITRATE.1)?,
        RateControl::Variable { bitrate, peak } => {
            check_range(BITS, bitrate, BITRATE.0, BITRATE.1)?;
            let peak = peak.unwrap_or(bitrate);
            check_range("peak bitrate in bits per second", peak, bitrate, BITRATE.1)?;
        }
    }
    if let Some((finest, coarsest)) = config.quantisers {
        check_range("finest quantiser", finest, QUANTISER.0, QUANTISER.1)?;
        check_range("coarsest quantiser", coarsest, finest, QUANTISER.1)?;
    }
    Ok(())
}
