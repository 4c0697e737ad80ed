//! Sequence parameter sets of H.264.
//!
//! Source: ITU-T H.264, clauses 7.3.2.1.1 and 7.4.2.1.1, table A-1 (limits of levels).

use super::super::bits::Bits;
use super::super::visible;
use super::super::vui::Vui;

/// Profiles whose sets carry chroma format and bit depth.
const HIGH: [u8; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];
/// Largest decoded picture buffer of any level.
const MAX_KEPT: u32 = 16;

/// A parsed sequence parameter set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sps {
    pub(crate) id: u8,
    pub(crate) profile: u8,
    /// `constraint_set0_flag` is the highest bit.
    pub(crate) constraints: u8,
    pub(crate) level: u8,
    /// 0 grey, 1 4:2:0, 2 4:2:2, 3 4:4:4.
    pub(crate) chroma_format: u8,
    /// The three colour planes are coded separately.
    pub(crate) colours_apart: bool,
    pub(crate) luma_bits: u8,
    pub(crate) chroma_bits: u8,
    /// Bits of a frame number.
    pub(crate) number_bits: u8,
    pub(crate) count: Count,
    /// The most reference frames.
    pub(crate) references: u8,
    /// Frame numbers may have gaps, as when frames were dropped on purpose.
    pub(crate) has_gaps: bool,
    /// All pictures are whole frames.
    pub(crate) frames_only: bool,
    /// Width and height in macroblocks.
    pub(crate) macroblocks: (u32, u32),
    /// Width and height of the visible part.
    pub(crate) visible: (u32, u32),
    pub(crate) vui: Vui,
}

/// How order counts are coded (`pic_order_cnt_type`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Count {
    /// Slices carry this number of low bits.
    Coded { bits: u8 },
    /// Derived from a cycle of reference frames.
    Cycle(Box<Cycle>),
    /// Equal to the decoding order.
    AsDecoded,
}

/// Counts of `pic_order_cnt_type` 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cycle {
    /// Slices carry no offsets.
    pub(crate) always_zero: bool,
    pub(crate) not_referred: i32,
    pub(crate) bottom: i32,
    pub(crate) offsets: Vec<i32>,
}

impl Sps {
    /// Parses a NAL unit; `None` if it is invalid.
    pub(crate) fn read(nal: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(nal.get(1..)?);
        let bits = &mut bits;
        let (profile, constraints, level) = (bits.byte()?, bits.byte()?, bits.byte()?);
        let id = bits.ue_max(31)?;
        let colour = match HIGH.contains(&profile) {
            true => Colour::read(bits)?,
            false => Colour::DEFAULT,
        };
        let number_bits = bits.ue_max::<u8>(12)? + 4;
        let count = Count::read(bits)?;
        let references = bits.ue_max(MAX_KEPT)?;
        let has_gaps = bits.flag()?;
        let across = bits.ue()?.checked_add(1)?;
        let down = bits.ue()?.checked_add(1)?;
        let frames_only = bits.flag()?;
        let fields = if frames_only { 1 } else { 2 };
        // Adaptive frame/field coding, and direct inference.
        bits.skip(if frames_only { 1 } else { 2 })?;
        let crop = match bits.flag()? {
            true => [bits.ue()?, bits.ue()?, bits.ue()?, bits.ue()?],
            false => [0; 4],
        };
        let (unit_x, unit_y) = match (colour.apart, colour.format) {
            (false, 1) => (2, 2),
            (false, 2) => (2, 1),
            _ => (1, 1),
        };
        let macroblocks = (across, down.checked_mul(fields)?);
        let side = |macroblocks: u32| macroblocks.checked_mul(16);
        let width = visible(side(macroblocks.0)?, unit_x, crop[0], crop[1])?;
        let height = visible(side(macroblocks.1)?, unit_y * fields, crop[2], crop[3])?;
        // Sets that end here are accepted, too.
        let vui = match bits.flag() {
            Some(true) => Vui::h264(bits),
            _ => Vui::default(),
        };
        Some(Self {
            id,
            profile,
            constraints,
            level,
            chroma_format: colour.format,
            colours_apart: colour.apart,
            luma_bits: colour.luma_bits,
            chroma_bits: colour.chroma_bits,
            number_bits,
            count,
            references,
            has_gaps,
            frames_only,
            macroblocks,
            visible: (width, height),
            vui,
        })
    }

    /// Returns whether sets of this profile carry chroma format and bit depth.
    #[cfg(feature = "record")]
    pub(crate) fn is_high(&self) -> bool {
        HIGH.contains(&self.profile)
    }

    /// Returns the most pictures to reorder.
    pub(crate) fn reorder(&self) -> usize {
        if self.profile == 66 || self.count == Count::AsDecoded {
            return 0;
        }
        if let Some((reorder, _)) = self.vui.reorder {
            return reorder.into();
        }
        // Intra-only profiles.
        let is_intra =
            matches!(self.profile, 44 | 86 | 100 | 110 | 122 | 244) && self.constraints & 0x10 != 0;
        if is_intra { 0 } else { self.kept() }
    }

    /// Returns the size of the decoded picture buffer in frames (clause A.3.1), as far as the level
    /// tells.
    fn kept(&self) -> usize {
        let macroblocks: u64 = match self.level {
            // Level 1b is coded in two ways.
            9 | 10 => 396,
            11 if self.constraints & 0x10 != 0 && self.profile < 100 => 396,
            11 => 900,
            12 | 13 | 20 => 2_376,
            21 => 4_752,
            22 | 30 => 8_100,
            31 => 18_000,
            32 => 20_480,
            40 | 41 => 32_768,
            42 => 34_816,
            50 => 110_400,
            51 | 52 => 184_320,
            _ => 696_320,
        };
        let (across, down) = self.macroblocks;
        let kept = macroblocks / (u64::from(across) * u64::from(down)).max(1);
        // Streams whose level is too low refer to more.
        kept.clamp(u64::from(self.references.max(1)), u64::from(MAX_KEPT)) as usize
    }
}

/// Chroma format and bit depth.
struct Colour {
    format: u8,
    apart: bool,
    luma_bits: u8,
    chroma_bits: u8,
}

impl Colour {
    const DEFAULT: Self = Self {
        format: 1,
        apart: false,
        luma_bits: 8,
        chroma_bits: 8,
    };

    fn read(bits: &mut Bits<'_>) -> Option<Self> {
        let format = bits.ue_max(3)?;
        let apart = format == 3 && bits.flag()?;
        let (luma, chroma): (u8, u8) = (bits.ue_max(6)?, bits.ue_max(6)?);
        // Lossless transform bypass.
        bits.skip(1)?;
        if bits.flag()? {
            for list in 0..if format == 3 { 12 } else { 8 } {
                if bits.flag()? {
                    skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
        Some(Self {
            format,
            apart,
            luma_bits: luma + 8,
            chroma_bits: chroma + 8,
        })
    }
}

impl Count {
    fn read(bits: &mut Bits<'_>) -> Option<Self> {
        Some(match bits.ue_max::<u8>(2)? {
            0 => Self::Coded {
                bits: bits.ue_max::<u8>(12)? + 4,
            },
            1 => {
                let (always_zero, not_referred) = (bits.flag()?, bits.se()?);
                let bottom = bits.se()?;
                let frames: u8 = bits.ue_max(255)?;
                Self::Cycle(Box::new(Cycle {
                    always_zero,
                    not_referred,
                    bottom,
                    offsets: (0..frames).map(|_| bits.se()).collect::<Option<_>>()?,
                }))
            }
            _ => Self::AsDecoded,
        })
    }
}

fn skip_scaling_list(bits: &mut Bits<'_>, size: u32) -> Option<()> {
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
