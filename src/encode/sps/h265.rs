//! Sequence parameter sets of H.265.
//!
//! Source: ITU-T H.265, clauses 7.3.2.2 and 7.3.3.

use super::{Bits, StreamInfo, visible};
use crate::encode::Level;

/// What a decoder or an MP4 file has to know of an H.265 stream besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Hevc {
    /// The number of the parameter set.
    pub(crate) id: u8,
    /// The 12 bytes of the general profile, tier and level.
    pub(crate) general: [u8; 12],
    pub(crate) chroma_format: u8,
    pub(crate) luma_bits: u8,
    pub(crate) chroma_bits: u8,
    pub(crate) temporal_layers: u8,
    pub(crate) nested: bool,
    /// Bits of a picture's order count that its slices say.
    pub(crate) order_bits: u8,
    /// Pictures that may be decoded before one and shown after it.
    pub(crate) reorder: u8,
}

/// What an H.265 sequence parameter set, a NAL unit, says.
pub(crate) fn hevc_info(sps: &[u8]) -> Option<(StreamInfo, Hevc)> {
    let mut bits = Bits::new(sps.get(2..)?);
    bits.skip(4);
    let layers = bits.bits(3)?;
    let nested = bits.flag()?;
    let mut general = [0; 12];
    for byte in &mut general {
        *byte = bits.bits(8)? as u8;
    }
    let mut present = Vec::new();
    for _ in 0..layers {
        present.push((bits.flag()?, bits.flag()?));
    }
    if layers > 0 {
        bits.skip(2 * (8 - layers as usize));
    }
    for (profile, level) in present {
        bits.skip(if profile { 88 } else { 0 } + if level { 8 } else { 0 });
    }
    let id = bits.ue()?;
    let chroma = bits.ue()?;
    if chroma == 3 {
        bits.skip(1);
    }
    let (across, down) = (bits.ue()?, bits.ue()?);
    let window = match bits.flag()? {
        true => [bits.ue()?, bits.ue()?, bits.ue()?, bits.ue()?],
        false => [0; 4],
    };
    let (luma_bits, chroma_bits) = (bits.ue()?.checked_add(8)?, bits.ue()?.checked_add(8)?);
    let order_bits = bits.ue()?.checked_add(4)?;
    let all_layers = bits.flag()?;
    // The last is that of all layers together.
    let mut reorder = 0;
    for _ in 0..if all_layers { layers + 1 } else { 1 } {
        bits.ue()?;
        reorder = bits.ue()?;
        bits.ue()?;
    }
    let (unit_x, unit_y) = match chroma {
        1 => (2, 2),
        2 => (2, 1),
        _ => (1, 1),
    };
    let level = general[11];
    let info = StreamInfo {
        width: visible(across, unit_x, window[0], window[1])?,
        height: visible(down, unit_y, window[2], window[3])?,
        profile: general[0] & 0x1f,
        level: Level::new(level / 30, level % 30 / 3),
        rate: None,
        reordered: Some(reorder > 0),
    };
    let hevc = Hevc {
        id: u8::try_from(id).ok()?,
        general,
        chroma_format: u8::try_from(chroma).ok()?,
        luma_bits: u8::try_from(luma_bits).ok()?,
        chroma_bits: u8::try_from(chroma_bits).ok()?,
        temporal_layers: layers as u8 + 1,
        nested,
        order_bits: u8::try_from(order_bits).ok()?,
        reorder: u8::try_from(reorder).ok()?,
    };
    Some((info, hevc))
}
