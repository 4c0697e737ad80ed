//! Stream properties from parameter sets.

use super::nal::{NalKind, nal_units};
use super::vui::Vui;
use super::{Codec, Level};
use super::{h264, h265};
use crate::colorimetry::Appearance;
use crate::frame_rate::FrameRate;

/// The properties of a stream according to its parameter sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamInfo {
    /// Width of the visible part in pixels.
    pub width: u32,
    /// Height of the visible part in pixels.
    pub height: u32,
    /// The profile number: 66 Baseline, 77 Main, 100 High of H.264; 1 Main of H.265.
    pub profile: u8,
    /// The level.
    pub level: Level,
    /// Chroma format: 0 grey, 1 4:2:0, 2 4:2:2, 3 4:4:4.
    pub chroma_format: u8,
    /// Bits per luma sample and per chroma sample.
    pub depth: (u8, u8),
    /// The frame rate, if the stream carries one.
    pub rate: Option<FrameRate>,
    /// Colours and sample aspect ratio.
    pub appearance: Appearance,
    /// The most pictures that precede another in decoding order and follow it in display order; 0:
    /// the two orders are the same.
    pub reorder: u8,
}

/// Reads the properties of a stream from its parameter sets, an Annex B byte stream. `None` if the
/// sequence parameter set is missing or invalid.
#[must_use]
pub fn stream_info(codec: Codec, sets: &[u8]) -> Option<StreamInfo> {
    let of = |kind| {
        let mut units = nal_units(sets).map(|(_, nal)| nal);
        units.find(|nal| NalKind::of(codec, nal) == kind)
    };
    let sps = of(NalKind::Sps)?;
    match codec {
        Codec::H264 => h264::Sps::read(sps).map(|sps| StreamInfo::from(&sps)),
        Codec::H265 => {
            let mut info = StreamInfo::from(&h265::Sps::read(sps)?);
            let vps = of(NalKind::Vps).and_then(h265::Vps::read);
            info.rate = info.rate.or(vps.and_then(|vps| vps.rate));
            Some(info)
        }
        Codec::Fwht | Codec::Mjpeg => None,
    }
}

impl From<&h264::Sps> for StreamInfo {
    fn from(sps: &h264::Sps) -> Self {
        Self {
            profile: sps.profile,
            level: Level::from_h264_idc(sps.level),
            chroma_format: sps.chroma_format,
            depth: (sps.luma_bits, sps.chroma_bits),
            reorder: sps.reorder() as u8,
            ..Self::new(sps.visible, &sps.vui)
        }
    }
}

impl From<&h265::Sps> for StreamInfo {
    fn from(sps: &h265::Sps) -> Self {
        let level = sps.general[11];
        Self {
            profile: sps.general[0] & 0x1f,
            level: Level::new(level / 30, level % 30 / 3),
            chroma_format: sps.chroma_format,
            depth: (sps.luma_bits, sps.chroma_bits),
            reorder: sps.reorder,
            ..Self::new(sps.visible, &sps.vui)
        }
    }
}

impl StreamInfo {
    fn new((width, height): (u32, u32), vui: &Vui) -> Self {
        Self {
            width,
            height,
            profile: 0,
            level: Level::new(0, 0),
            chroma_format: 1,
            depth: (8, 8),
            rate: vui.rate,
            appearance: vui.appearance(),
            reorder: 0,
        }
    }
}

/// Returns whether an access unit contains B slices, which are predicted from pictures displayed
/// later, so that display order differs from decoding order.
#[must_use]
pub fn has_b_slices(codec: Codec, unit: &[u8]) -> bool {
    codec == Codec::H264
        && nal_units(unit)
            .filter(|(_, nal)| NalKind::of(codec, nal).is_slice())
            .any(|(_, nal)| h264::is_b_slice(nal))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bitstream::{AccessUnits, PictureOrder};

    /// Returns a pseudo-random byte.
    fn noise(state: &mut u64) -> u8 {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state as u8
    }

    #[test]
    fn any_bytes_are_survived() {
        let mut state = 7;
        for len in 0..4000 {
            for (codec, starts) in [
                (Codec::H264, [0x67, 0x68, 0x65, 0x41]),
                (Codec::H265, [0x42, 0x44, 0x26, 0x02]),
            ] {
                let mut bytes = Vec::new();
                for start in starts {
                    bytes.extend([0, 0, 1, start]);
                    bytes.extend((0..len % 60).map(|_| noise(&mut state)));
                }
                let _ = stream_info(codec, &bytes);
                let _ = has_b_slices(codec, &bytes);
                let mut order = PictureOrder::new(codec);
                let mut units = AccessUnits::new(codec, &bytes[..]);
                while let Some(unit) = units.next().unwrap() {
                    let _ = order.add(unit);
                }
            }
        }
    }
}
