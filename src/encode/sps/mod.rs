//! What a sequence parameter set says of its stream.
//!
//! Source: ITU-T H.264, clause 7.3.2.1 and annex E, in `h264.rs`; ITU-T H.265, clauses 7.3.2.2 and 7.3.3, in
//! `h265.rs`.

mod h264;
mod h265;

use super::annex_b::{NalKind, nal_units};
use super::{Codec, Level};
use crate::frame_rate::FrameRate;

pub(crate) use h264::{Avc, avc_info};
pub(crate) use h265::{Hevc, hevc_info};

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
        Codec::H264 => avc_info(sps).map(|(info, _)| info),
        Codec::H265 => hevc_info(sps).map(|(info, _)| info),
        Codec::Fwht => None,
    }
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
