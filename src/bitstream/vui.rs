//! Video usability information (VUI) of parameter sets.
//!
//! Source: ITU-T H.264, annex E; ITU-T H.265, annex E. Colour codes are those of ITU-T H.273.

use super::bits::Bits;
use crate::colorimetry::{Appearance, ChromaSite, Colorimetry, Range};
use crate::frame_rate::FrameRate;

/// Video usability information; `None` stands for values that the stream leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Vui {
    /// Width and height of a sample (sample aspect ratio).
    pub(crate) aspect: Option<(u16, u16)>,
    pub(crate) is_full_range: Option<bool>,
    /// Codes of primaries, transfer characteristics and matrix coefficients.
    pub(crate) colours: Option<[u8; 3]>,
    pub(crate) chroma: Option<ChromaSite>,
    pub(crate) rate: Option<FrameRate>,
    /// H.264: the number of bits before `timing_info_present_flag`, if that is 0.
    pub(crate) no_timing_at: Option<usize>,
    /// The most pictures to reorder, and the size of the decoded picture buffer.
    pub(crate) reorder: Option<(u8, u8)>,
}

/// Sample aspect ratios by `aspect_ratio_idc` (table E-1).
const ASPECTS: [(u16, u16); 17] = [
    (0, 0),
    (1, 1),
    (12, 11),
    (10, 11),
    (16, 11),
    (40, 33),
    (24, 11),
    (20, 11),
    (32, 11),
    (80, 33),
    (18, 11),
    (15, 11),
    (64, 33),
    (160, 99),
    (4, 3),
    (3, 2),
    (2, 1),
];
/// `EXTENDED_SAR`: the ratio follows.
const EXTENDED: u8 = 255;
/// Largest decoded picture buffer of any level.
const MAX_KEPT: u32 = 16;

impl Vui {
    /// Reads the VUI of H.264. A truncated one yields the values read so far; players accept such
    /// streams.
    pub(crate) fn h264(bits: &mut Bits<'_>) -> Self {
        let mut vui = Self::default();
        let _ = vui.read_h264(bits);
        vui
    }

    /// Reads the VUI of H.265.
    pub(crate) fn h265(bits: &mut Bits<'_>) -> Self {
        let mut vui = Self::default();
        let _ = vui.read_h265(bits);
        vui
    }

    fn read_h264(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        self.read_picture(bits)?;
        let timing_at = bits.count();
        if !bits.flag()? {
            self.no_timing_at = Some(timing_at);
        } else {
            // One tick is the duration of a field.
            let units = u64::from(bits.bits(32)?) * 2;
            let scale = bits.bits(32)?;
            self.rate = FrameRate::nearest(scale.into(), units);
            bits.skip(1)?;
        }
        let has_nal = bits.flag()?;
        if has_nal {
            skip_h264_hrd(bits)?;
        }
        let has_vcl = bits.flag()?;
        if has_vcl {
            skip_h264_hrd(bits)?;
        }
        // Low delay flag and picture structure flag.
        bits.skip(if has_nal || has_vcl { 2 } else { 1 })?;
        if bits.flag()? {
            bits.skip(1)?;
            for _ in 0..4 {
                bits.ue()?;
            }
            let (reorder, kept) = (bits.ue_max(MAX_KEPT)?, bits.ue_max(MAX_KEPT)?);
            self.reorder = Some((reorder, kept)).filter(|(reorder, kept)| reorder <= kept);
        }
        Some(())
    }

    fn read_h265(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        self.read_picture(bits)?;
        bits.skip(1)?;
        let is_fields = bits.flag()?;
        bits.skip(1)?;
        if bits.flag()? {
            // Default display window.
            for _ in 0..4 {
                bits.ue()?;
            }
        }
        if bits.flag()? {
            self.rate = h265_rate(bits, is_fields)?;
        }
        Some(())
    }

    pub(crate) fn appearance(&self) -> Appearance {
        let colorimetry = Colorimetry {
            range: match self.is_full_range {
                None => Range::Unspecified,
                Some(false) => Range::Limited,
                Some(true) => Range::Full,
            },
            ..Colorimetry::default()
        };
        Appearance {
            colorimetry: match self.colours {
                Some(codes) => colorimetry.with_codes(codes),
                None => colorimetry,
            },
            sample_aspect: self.aspect,
            chroma: self.chroma,
        }
    }

    /// Reads what both standards share: aspect ratio up to chroma sample locations.
    fn read_picture(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        if bits.flag()? {
            let (wide, high) = match bits.byte()? {
                EXTENDED => (bits.bits(16)? as u16, bits.bits(16)? as u16),
                number => *ASPECTS.get(usize::from(number)).unwrap_or(&(0, 0)),
            };
            self.aspect = (wide > 0 && high > 0).then_some((wide, high));
        }
        // Overscan.
        if bits.flag()? {
            bits.skip(1)?;
        }
        if bits.flag()? {
            // Video format (component, PAL, NTSC, …).
            bits.skip(3)?;
            self.is_full_range = Some(bits.flag()?);
            if bits.flag()? {
                self.colours = Some([bits.byte()?, bits.byte()?, bits.byte()?]);
            }
        }
        // Chroma sample locations in the top and the bottom field.
        if bits.flag()? {
            self.chroma = match bits.ue()? {
                0 => Some(ChromaSite::Left),
                1 => Some(ChromaSite::Center),
                2 => Some(ChromaSite::TopLeft),
                _ => None,
            };
            bits.ue()?;
        }
        Some(())
    }
}

/// Returns the frame rate in timing information of H.265, of a VPS or SPS.
pub(crate) fn h265_rate(bits: &mut Bits<'_>, is_fields: bool) -> Option<Option<FrameRate>> {
    let units = u64::from(bits.bits(32)?) * if is_fields { 2 } else { 1 };
    let scale = bits.bits(32)?;
    Some(FrameRate::nearest(scale.into(), units))
}

/// Skips the parameters of a hypothetical reference decoder (clause E.1.2).
fn skip_h264_hrd(bits: &mut Bits<'_>) -> Option<()> {
    let buffers: u32 = bits.ue_max(31)?;
    bits.skip(8)?;
    for _ in 0..=buffers {
        bits.ue()?;
        bits.ue()?;
        bits.skip(1)?;
    }
    bits.skip(20)
}
