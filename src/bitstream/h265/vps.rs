//! Video parameter sets of H.265.
//!
//! Source: ITU-T H.265, clause 7.3.2.1.

use super::super::bits::Bits;
use super::super::vui::h265_rate;
use super::sps;
use crate::frame_rate::FrameRate;

/// A parsed video parameter set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Vps {
    pub(crate) id: u8,
    pub(crate) rate: Option<FrameRate>,
}

impl Vps {
    /// Parses a NAL unit; `None` if it is invalid.
    pub(crate) fn read(nal: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(nal.get(2..)?);
        let id = bits.bits(4)? as u8;
        // If the rest is truncated, the values read so far are used.
        let rate = rate(&mut bits).flatten();
        Some(Self { id, rate })
    }
}

fn rate(bits: &mut Bits<'_>) -> Option<Option<FrameRate>> {
    bits.skip(2 + 6)?;
    let layers = bits.bits(3)?;
    bits.skip(1 + 16)?;
    sps::read_profile(bits, layers)?;
    sps::read_order(bits, layers)?;
    let highest = bits.bits(6)?;
    let layer_sets: u32 = bits.ue_max(1023)?;
    bits.skip(layer_sets * (highest + 1))?;
    match bits.flag()? {
        true => h265_rate(bits, false),
        false => Some(None),
    }
}
