//! What a sequence parameter set says of its stream.
//!
//! Source: ITU-T H.264, clause 7.3.2.1 and annex E; ITU-T H.265, clauses 7.3.2.2 and 7.3.3.

use super::annex_b::{NalKind, nal_units};
use super::{Codec, Level};
use crate::frame_rate::FrameRate;

/// What parameter sets say of their stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamInfo {
    /// Width of the visible part in pixels.
    pub width: u32,
    /// Height of the visible part in pixels.
    pub height: u32,
    /// The number of the profile: 66 Baseline, 77 Main, 100 High of H.264; 1 Main of H.265.
    pub profile: u8,
    /// The level.
    pub level: Level,
    /// The rate, where the stream says one.
    pub rate: Option<FrameRate>,
    /// Whether pictures may be shown in another order than they are decoded in; `None` where only the
    /// pictures themselves tell.
    pub reordered: Option<bool>,
}

/// What the parameter sets of a stream, an Annex B byte stream, say of it; `None` if there is no sequence parameter
/// set or it makes no sense.
#[must_use]
pub fn stream_info(codec: Codec, sets: &[u8]) -> Option<StreamInfo> {
    let (_, sps) = nal_units(sets).find(|(_, nal)| NalKind::of(codec, nal) == NalKind::Sps)?;
    match codec {
        Codec::H264 => h264(sps).map(|(info, _)| info),
        Codec::H265 => h265(sps).map(|(info, _)| info),
        Codec::Fwht => None,
    }
}

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

/// What slices of an H.264 stream are read with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Avc {
    /// The number of the parameter set.
    pub(crate) id: u8,
    /// Whether the three colours are coded apart, and whether there is colour.
    pub(crate) colours_apart: bool,
    pub(crate) is_grey: bool,
    /// Bits of a frame's number.
    pub(crate) number_bits: u8,
    /// How pictures are counted in the order of showing: 0 to 2.
    pub(crate) order_type: u8,
    /// Bits of a picture's order count that its slices say.
    pub(crate) order_bits: u8,
    /// Whether all pictures are whole frames.
    pub(crate) frames_only: bool,
}

/// What an H.264 sequence parameter set, a NAL unit, says.
pub(crate) fn avc_info(sps: &[u8]) -> Option<(StreamInfo, Avc)> {
    h264(sps)
}

/// What an H.265 sequence parameter set, a NAL unit, says.
pub(crate) fn hevc_info(sps: &[u8]) -> Option<(StreamInfo, Hevc)> {
    h265(sps)
}

/// Bits of a NAL unit without the bytes that keep start codes out of it.
pub(crate) struct Bits {
    bytes: Vec<u8>,
    at: usize,
}

impl Bits {
    pub(crate) fn new(nal: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(nal.len());
        let mut zeros = 0;
        for &byte in nal {
            if zeros >= 2 && byte == 3 {
                zeros = 0;
                continue;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            bytes.push(byte);
        }
        Self { bytes, at: 0 }
    }

    pub(crate) fn flag(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(bit == 1)
    }

    pub(crate) fn bits(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0, |all, _| Some(all << 1 | u32::from(self.flag()?)))
    }

    pub(crate) fn skip(&mut self, count: usize) {
        self.at = self.at.saturating_add(count);
    }

    /// Exponential-Golomb code without sign.
    pub(crate) fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1 << zeros) - 1 + self.bits(zeros)?)
    }

    /// As [`Bits::ue`], with a sign.
    pub(crate) fn se(&mut self) -> Option<i32> {
        let code = self.ue()?;
        let half = code.div_ceil(2) as i32;
        Some(if code % 2 == 1 { half } else { -half })
    }
}

/// The largest side that either standard allows is below this.
const MAX_SIDE: u32 = 1 << 16;

fn visible(coded: u32, unit: u32, before: u32, behind: u32) -> Option<u32> {
    let cut = before.checked_add(behind)?.checked_mul(unit)?;
    coded
        .checked_sub(cut)
        .filter(|side| (1..MAX_SIDE).contains(side))
}

fn h264(sps: &[u8]) -> Option<(StreamInfo, Avc)> {
    let mut bits = Bits::new(sps.get(1..)?);
    let profile = bits.bits(8)? as u8;
    bits.skip(8);
    let level = bits.bits(8)? as u8;
    let id = bits.ue()?;
    let (mut chroma, mut colours_apart) = (1, false);
    if [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135].contains(&profile) {
        chroma = bits.ue()?;
        if chroma == 3 {
            colours_apart = bits.flag()?;
        }
        bits.ue()?;
        bits.ue()?;
        bits.skip(1);
        if bits.flag()? {
            let lists = if chroma == 3 { 12 } else { 8 };
            for list in 0..lists {
                if bits.flag()? {
                    scaling_list(&mut bits, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
    }
    let number_bits = bits.ue()?.checked_add(4)?;
    let order_type = bits.ue()?;
    let mut order_bits = 0;
    match order_type {
        0 => order_bits = bits.ue()?.checked_add(4)?,
        1 => {
            bits.skip(1);
            bits.se()?;
            bits.se()?;
            for _ in 0..bits.ue()?.min(255) {
                bits.se()?;
            }
        }
        _ => {}
    }
    bits.ue()?;
    bits.skip(1);
    let across = bits.ue()?.checked_add(1)?.checked_mul(16)?;
    let down = bits.ue()?.checked_add(1)?.checked_mul(16)?;
    let frames_only = bits.flag()?;
    let fields = if frames_only { 1 } else { 2 };
    if !frames_only {
        bits.skip(1);
    }
    bits.skip(1);
    let crop = match bits.flag()? {
        true => [bits.ue()?, bits.ue()?, bits.ue()?, bits.ue()?],
        false => [0; 4],
    };
    let (unit_x, unit_y) = match chroma {
        1 => (2, 2),
        2 => (2, 1),
        _ => (1, 1),
    };
    let info = StreamInfo {
        width: visible(across, unit_x, crop[0], crop[1])?,
        height: visible(down.checked_mul(fields)?, unit_y * fields, crop[2], crop[3])?,
        profile,
        level: Level::from_h264_idc(level),
        rate: h264_rate(&mut bits),
        reordered: (profile == 66 || order_type == 2).then_some(false),
    };
    let avc = Avc {
        id: u8::try_from(id).ok()?,
        colours_apart,
        is_grey: chroma == 0,
        number_bits: u8::try_from(number_bits).ok()?,
        order_type: u8::try_from(order_type).ok()?,
        order_bits: u8::try_from(order_bits).ok()?,
        frames_only,
    };
    Some((info, avc))
}

fn scaling_list(bits: &mut Bits, size: u32) -> Option<()> {
    let (mut last, mut next) = (8, 8);
    for _ in 0..size {
        if next != 0 {
            next = (last + bits.se()?).rem_euclid(256);
        }
        if next != 0 {
            last = next;
        }
    }
    Some(())
}

/// The rate in the video usability information that follows.
fn h264_rate(bits: &mut Bits) -> Option<FrameRate> {
    if !bits.flag()? {
        return None;
    }
    // Aspect ratio, with numbers of its own if it is 255.
    if bits.flag()? && bits.bits(8)? == 255 {
        bits.skip(32);
    }
    // Overscan.
    if bits.flag()? {
        bits.skip(1);
    }
    // Video signal type, and colour description.
    if bits.flag()? {
        bits.skip(4);
        if bits.flag()? {
            bits.skip(24);
        }
    }
    // Chroma location.
    if bits.flag()? {
        bits.ue()?;
        bits.ue()?;
    }
    if !bits.flag()? {
        return None;
    }
    // A unit is a field's time.
    let units = bits.bits(32)?.checked_mul(2)?;
    let scale = bits.bits(32)?;
    let divisor = gcd(units, scale);
    FrameRate::new(scale.checked_div(divisor)?, units.checked_div(divisor)?).ok()
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn h265(sps: &[u8]) -> Option<(StreamInfo, Hevc)> {
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

/// Whether an access unit holds slices of pictures that are predicted from later ones (B slices), which are shown
/// in another order than decoded.
#[must_use]
pub fn has_b_slices(codec: Codec, unit: &[u8]) -> bool {
    codec == Codec::H264
        && nal_units(unit)
            .filter(|(_, nal)| matches!(NalKind::of(codec, nal), NalKind::Idr | NalKind::Slice))
            .any(|(_, nal)| {
                let start = &nal[1..nal.len().min(16)];
                let mut bits = Bits::new(start);
                let kind = bits.ue().and_then(|_| bits.ue());
                matches!(kind, Some(1 | 6))
            })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_exponential_golomb_are_read() {
        // 1, 010, 011, 00100, 00101
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        let codes: Vec<_> = (0..5).map(|_| bits.ue().unwrap()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4]);
        assert_eq!(Bits::new(&[0; 9]).ue(), None);
        let mut bits = Bits::new(&[0b0100_1100, 0b1000_0101]);
        let codes: Vec<_> = (0..3).map(|_| bits.se().unwrap()).collect();
        assert_eq!(codes, [1, -1, 2]);
    }

    #[test]
    fn bytes_against_start_codes_are_left_out() {
        assert_eq!(
            Bits::new(&[1, 0, 0, 3, 1, 0, 0, 3]).bytes,
            [1, 0, 0, 1, 0, 0]
        );
    }

    #[test]
    fn any_bytes_are_survived() {
        let mut state = 7_u64;
        for len in 0..2000 {
            let mut bytes = vec![0, 0, 1, 0x67];
            for _ in 0..len % 60 {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                bytes.push(state as u8);
            }
            let _ = stream_info(Codec::H264, &bytes);
            bytes[3] = 0x42;
            let _ = stream_info(Codec::H265, &bytes);
            let _ = has_b_slices(Codec::H264, &bytes);
        }
    }
}
