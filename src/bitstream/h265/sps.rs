//! Sequence parameter sets of H.265.
//!
//! Source: ITU-T H.265, clauses 7.3.2.2, 7.3.3 (profile, tier and level), 7.3.4 (scaling lists) and
//! 7.3.7 (short-term reference picture sets).

use super::super::bits::Bits;
use super::super::visible;
use super::super::vui::Vui;

/// Largest decoded picture buffer of any level.
const MAX_KEPT: u32 = 16;

/// A parsed sequence parameter set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sps {
    pub(crate) id: u8,
    /// The 12 bytes of the general profile, tier and level.
    pub(crate) general: [u8; 12],
    pub(crate) temporal_layers: u8,
    pub(crate) is_nested: bool,
    /// 0 grey, 1 4:2:0, 2 4:2:2, 3 4:4:4.
    pub(crate) chroma_format: u8,
    /// The three colour planes are coded separately.
    pub(crate) colours_apart: bool,
    pub(crate) luma_bits: u8,
    pub(crate) chroma_bits: u8,
    /// Bits of the order count in slices.
    pub(crate) count_bits: u8,
    /// Bits of a slice's address in the picture.
    pub(crate) address_bits: u32,
    /// The most pictures to reorder.
    pub(crate) reorder: u8,
    /// Width and height of the visible part.
    pub(crate) visible: (u32, u32),
    pub(crate) vui: Vui,
}

impl Sps {
    /// Parses a NAL unit; `None` if it is invalid.
    pub(crate) fn read(nal: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(nal.get(2..)?);
        let bits = &mut bits;
        bits.skip(4)?;
        let layers = bits.bits(3)?;
        let is_nested = bits.flag()?;
        let general = read_profile(bits, layers)?;
        let id = bits.ue_max(15)?;
        let chroma_format: u8 = bits.ue_max(3)?;
        let colours_apart = chroma_format == 3 && bits.flag()?;
        let (across, down) = (bits.ue()?, bits.ue()?);
        let window = match bits.flag()? {
            true => [bits.ue()?, bits.ue()?, bits.ue()?, bits.ue()?],
            false => [0; 4],
        };
        let (unit_x, unit_y) = match (colours_apart, chroma_format) {
            (false, 1) => (2, 2),
            (false, 2) => (2, 1),
            _ => (1, 1),
        };
        let width = visible(across, unit_x, window[0], window[1])?;
        let height = visible(down, unit_y, window[2], window[3])?;
        let luma_bits = bits.ue_max::<u8>(8)? + 8;
        let chroma_bits = bits.ue_max::<u8>(8)? + 8;
        let count_bits = bits.ue_max::<u8>(12)? + 4;
        let reorder = read_order(bits, layers)?;
        let block = bits.ue_max::<u32>(3)? + 3;
        let block = block + bits.ue_max::<u32>(3)?;
        let blocks = u64::from(across.div_ceil(1 << block)) * u64::from(down.div_ceil(1 << block));
        Some(Self {
            id,
            general,
            temporal_layers: layers as u8 + 1,
            is_nested,
            chroma_format,
            colours_apart,
            luma_bits,
            chroma_bits,
            count_bits,
            address_bits: blocks.next_power_of_two().ilog2(),
            reorder,
            visible: (width, height),
            // If the rest is truncated, it is ignored; decoding does not depend on it here.
            vui: read_rest(bits, count_bits).unwrap_or_default(),
        })
    }
}

/// Returns the general profile, tier and level. Those of `layers` lower layers are skipped.
pub(super) fn read_profile(bits: &mut Bits<'_>, layers: u32) -> Option<[u8; 12]> {
    let mut general = [0; 12];
    for byte in &mut general {
        *byte = bits.byte()?;
    }
    let mut present = [(false, false); 8];
    for layer in &mut present[..layers as usize] {
        *layer = (bits.flag()?, bits.flag()?);
    }
    if layers > 0 {
        bits.skip(2 * (8 - layers))?;
    }
    for (profile, level) in present {
        bits.skip(if profile { 88 } else { 0 } + if level { 8 } else { 0 })?;
    }
    Some(general)
}

/// Reads the limits of the decoded picture buffer; those of all layers come last. Returns the most
/// pictures to reorder.
pub(super) fn read_order(bits: &mut Bits<'_>, layers: u32) -> Option<u8> {
    let for_each = bits.flag()?;
    let mut reorder = 0;
    for _ in 0..if for_each { layers + 1 } else { 1 } {
        bits.ue_max::<u32>(MAX_KEPT - 1)?;
        reorder = bits.ue_max(MAX_KEPT - 1)?;
        bits.ue()?;
    }
    Some(reorder)
}

/// Reads from after the block sizes to the end of the usability information.
fn read_rest(bits: &mut Bits<'_>, count_bits: u8) -> Option<Vui> {
    // Transform sizes and hierarchy depths.
    for _ in 0..4 {
        bits.ue()?;
    }
    if bits.flag()? && bits.flag()? {
        skip_scaling_lists(bits)?;
    }
    bits.skip(2)?;
    // Pulse code modulation (PCM).
    if bits.flag()? {
        bits.skip(8)?;
        bits.ue()?;
        bits.ue()?;
        bits.skip(1)?;
    }
    skip_reference_sets(bits)?;
    if bits.flag()? {
        let long: u32 = bits.ue_max(32)?;
        bits.skip(long * (u32::from(count_bits) + 1))?;
    }
    bits.skip(2)?;
    match bits.flag()? {
        true => Some(Vui::h265(bits)),
        false => Some(Vui::default()),
    }
}

fn skip_scaling_lists(bits: &mut Bits<'_>) -> Option<()> {
    for size in 0..4_u32 {
        for _ in 0..if size == 3 { 2 } else { 6 } {
            if !bits.flag()? {
                bits.ue()?;
                continue;
            }
            let numbers = 64.min(1 << (4 + 2 * size)) + u32::from(size > 1);
            for _ in 0..numbers {
                bits.se()?;
            }
        }
    }
    Some(())
}

/// Distances to reference pictures: first to earlier ones, nearest first, then to later ones.
type Distances = Vec<i32>;

/// The most reference pictures of a set.
const MAX_REFERENCES: usize = 16;

fn skip_reference_sets(bits: &mut Bits<'_>) -> Option<()> {
    let sets: u32 = bits.ue_max(64)?;
    let mut before = Distances::new();
    for set in 0..sets {
        before = match set > 0 && bits.flag()? {
            true => predicted(bits, &before)?,
            false => explicit(bits)?,
        };
    }
    Some(())
}

/// Reads a set with explicit distances.
fn explicit(bits: &mut Bits<'_>) -> Option<Distances> {
    let (negative, positive): (u32, u32) = (bits.ue_max(MAX_KEPT)?, bits.ue_max(MAX_KEPT)?);
    let mut distances = Distances::new();
    for (count, sign) in [(negative, -1), (positive, 1)] {
        let mut distance = 0_i32;
        for _ in 0..count {
            distance += sign * (bits.ue_max::<i32>(0x7fff)? + 1);
            distances.push(distance);
            bits.skip(1)?;
        }
    }
    Some(distances)
}

/// Reads a set predicted from another one. Only its number of distances matters to the next one.
fn predicted(bits: &mut Bits<'_>, before: &Distances) -> Option<Distances> {
    let is_negative = bits.flag()?;
    let by = bits.ue_max::<i32>(0x7fff)? + 1;
    let by = if is_negative { -by } else { by };
    let mut distances = Distances::new();
    for distance in before.iter().copied().chain([0]) {
        let is_used = bits.flag()?;
        let is_there = is_used || bits.flag()?;
        if is_there && distance + by != 0 {
            distances.push(distance + by);
        }
    }
    distances.sort_by_key(|distance| (*distance > 0, distance.abs()));
    (distances.len() <= MAX_REFERENCES).then_some(distances)
}
