//! What the values of a picture mean as colours.
//!
//! Source: ITU-T H.273 (the code points), `linux/videodev2.h` (`V4L2_MAP_*_DEFAULT`), and the kernel page
//! `userspace-api/media/v4l/colorspaces-defs.html`.

use videostream_hal::format::{Family, FourCc};
use videostream_hal::ring::FrameDescriptor;

/// What the values of a picture mean. The default is that nobody said: conversions take BT.601 then, in the range that
/// is usual for the format, and files and streams say nothing either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Colorimetry {
    /// The colours of the three primaries and of white.
    pub primaries: Primaries,
    /// How values grow with light.
    pub transfer: Transfer,
    /// The matrix from RGB to Y'CbCr.
    pub matrix: Matrix,
    /// The range of values.
    pub range: Range,
}

/// How pictures are to be shown, as far as anybody said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Appearance {
    /// What their values mean as colours.
    pub colorimetry: Colorimetry,
    /// Width and height of a sample, neither of them 0: (4, 3) is wider than high.
    pub sample_aspect: Option<(u16, u16)>,
}

impl Appearance {
    /// What is said here, and by `other` of what is not.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let colours = match self.colorimetry.codes() {
            Some(_) => self.colorimetry,
            None => other.colorimetry,
        };
        Self {
            colorimetry: Colorimetry {
                range: match self.colorimetry.range {
                    Range::Unspecified => other.colorimetry.range,
                    range => range,
                },
                ..colours
            },
            sample_aspect: self.sample_aspect.or(other.sample_aspect),
        }
    }

    /// What a frame of a host says.
    #[must_use]
    pub fn of_frame(frame: &FrameDescriptor) -> Self {
        let [low, high] = [
            frame.sample_aspect as u16,
            (frame.sample_aspect >> 16) as u16,
        ];
        Self {
            colorimetry: Colorimetry::from_v4l2(frame.colorimetry, FourCc(frame.fourcc)),
            sample_aspect: Some((low, high)).filter(|_| low > 0 && high > 0),
        }
    }

    /// The shape of samples as [`FrameDescriptor::sample_aspect`] has it.
    pub(crate) fn packed_aspect(&self) -> u32 {
        let (wide, high) = self.sample_aspect.unwrap_or_default();
        u32::from(wide) | u32::from(high) << 16
    }

    /// Of pictures that were scaled from one size to another.
    pub(crate) fn scaled(self, from: (u32, u32), to: (u32, u32)) -> Self {
        let (wide, high) = self.sample_aspect.unwrap_or((1, 1));
        let wide = u128::from(wide) * u128::from(from.0) * u128::from(to.1);
        let high = u128::from(high) * u128::from(from.1) * u128::from(to.0);
        let rate = |number: u128| u64::try_from(number).unwrap_or(u64::MAX);
        // What stays square says no more than before.
        if wide == high && self.sample_aspect.is_none() {
            return self;
        }
        Self {
            sample_aspect: reduced(rate(wide), rate(high)),
            ..self
        }
    }
}

/// A ratio in its lowest terms, if both fit.
pub(crate) fn reduced(wide: u64, high: u64) -> Option<(u16, u16)> {
    let (mut a, mut b) = (wide, high);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    let part = |number: u64| u16::try_from(number.checked_div(a)?).ok();
    let both = (part(wide)?, part(high)?);
    (both.0 > 0 && both.1 > 0).then_some(both)
}

impl From<Colorimetry> for Appearance {
    fn from(colorimetry: Colorimetry) -> Self {
        Self {
            colorimetry,
            sample_aspect: None,
        }
    }
}

impl From<Range> for Appearance {
    fn from(range: Range) -> Self {
        Colorimetry {
            range,
            ..Colorimetry::default()
        }
        .into()
    }
}

/// Colour primaries, by their number in ITU-T H.273, table 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[doc(alias = "V4L2_COLORSPACE_REC709")]
pub struct Primaries(pub u8);

/// Transfer characteristics, by their number in ITU-T H.273, table 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[doc(alias = "V4L2_XFER_FUNC_709")]
pub struct Transfer(pub u8);

/// Matrix coefficients, by their number in ITU-T H.273, table 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[doc(alias = "V4L2_YCBCR_ENC_601")]
pub struct Matrix(pub u8);

/// Range of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[doc(alias = "V4L2_QUANTIZATION_LIM_RANGE")]
pub enum Range {
    /// Nobody said. Usual are full range for RGB, grey and JPEG, and limited range for all else.
    #[default]
    Unspecified,
    /// Luma 16 to 235, chroma 16 to 240.
    Limited,
    /// 0 to 255.
    Full,
}

impl Primaries {
    /// ITU-R BT.709, which are those of sRGB, too.
    pub const BT709: Self = Self(1);
    /// Nobody said.
    pub const UNSPECIFIED: Self = Self(2);
    /// ITU-R BT.601 with 625 lines (PAL).
    pub const BT601_625: Self = Self(5);
    /// ITU-R BT.601 with 525 lines (NTSC).
    pub const BT601: Self = Self(6);
    /// ITU-R BT.2020.
    pub const BT2020: Self = Self(9);
}

impl Transfer {
    /// ITU-R BT.709.
    pub const BT709: Self = Self(1);
    /// Nobody said.
    pub const UNSPECIFIED: Self = Self(2);
    /// ITU-R BT.601: the curve of BT.709.
    pub const BT601: Self = Self(6);
    /// IEC 61966-2-1, sRGB.
    pub const SRGB: Self = Self(13);
    /// ITU-R BT.2020 with 10 bits: the curve of BT.709.
    pub const BT2020: Self = Self(14);
    /// SMPTE ST 2084, of HDR10.
    pub const PQ: Self = Self(16);
}

impl Matrix {
    /// None: the values are R, G and B.
    pub const RGB: Self = Self(0);
    /// ITU-R BT.709, high definition.
    pub const BT709: Self = Self(1);
    /// Nobody said.
    pub const UNSPECIFIED: Self = Self(2);
    /// ITU-R BT.601, by its number for 625 lines, which JPEG and sYCC have, too.
    pub const BT601_625: Self = Self(5);
    /// ITU-R BT.601, standard definition and most cameras.
    pub const BT601: Self = Self(6);
    /// SMPTE 240M.
    pub const SMPTE240M: Self = Self(7);
    /// ITU-R BT.2020 with non-constant luminance.
    pub const BT2020: Self = Self(9);
}

impl Default for Primaries {
    fn default() -> Self {
        Self::UNSPECIFIED
    }
}

impl Default for Transfer {
    fn default() -> Self {
        Self::UNSPECIFIED
    }
}

impl Default for Matrix {
    fn default() -> Self {
        Self::UNSPECIFIED
    }
}

/// Numbers of `enum v4l2_colorspace`, each with its primaries, its default transfer function
/// (`V4L2_MAP_XFER_FUNC_DEFAULT`), encoding (`V4L2_MAP_YCBCR_ENC_DEFAULT`), and range where that is not limited.
const SPACES: [(u8, Primaries, u8, u8); 11] = [
    (space::SMPTE170M, Primaries::BT601, 1, 1),
    (space::SMPTE240M, Primaries(7), 4, 8),
    (space::REC709, Primaries::BT709, 1, 2),
    // BT878: of one old chip, broken, as 170M.
    (4, Primaries::BT601, 1, 1),
    (5, Primaries(4), 1, 1),
    (space::BT470BG, Primaries::BT601_625, 1, 1),
    (space::JPEG, Primaries::BT709, 2, 1),
    (space::SRGB, Primaries::BT709, 2, 1),
    (9, Primaries::UNSPECIFIED, 3, 1),
    (space::BT2020, Primaries::BT2020, 1, 6),
    (12, Primaries(11), 6, 2),
];

mod space {
    pub(super) const SMPTE170M: u8 = 1;
    pub(super) const SMPTE240M: u8 = 2;
    pub(super) const REC709: u8 = 3;
    pub(super) const BT470BG: u8 = 6;
    pub(super) const JPEG: u8 = 7;
    pub(super) const SRGB: u8 = 8;
    pub(super) const BT2020: u8 = 10;
}

/// Numbers of `enum v4l2_quantization`.
const FULL_RANGE: u8 = 1;
const LIMITED_RANGE: u8 = 2;

impl Colorimetry {
    /// ITU-R BT.601 with 525 lines in limited range: standard definition.
    pub const BT601: Self = Self {
        primaries: Primaries::BT601,
        transfer: Transfer::BT601,
        matrix: Matrix::BT601,
        range: Range::Limited,
    };
    /// ITU-R BT.709 in limited range: high definition.
    pub const BT709: Self = Self {
        primaries: Primaries::BT709,
        transfer: Transfer::BT709,
        matrix: Matrix::BT709,
        range: Range::Limited,
    };
    /// ITU-R BT.2020 in limited range: ultra-high definition.
    pub const BT2020: Self = Self {
        primaries: Primaries::BT2020,
        transfer: Transfer::BT2020,
        matrix: Matrix::BT2020,
        range: Range::Limited,
    };
    /// JPEG, as JFIF defines it: sRGB by the matrix of BT.601, in full range.
    pub const JPEG: Self = Self {
        primaries: Primaries::BT709,
        transfer: Transfer::SRGB,
        matrix: Matrix::BT601_625,
        range: Range::Full,
    };

    /// What V4L2's numbers mean for pictures of a format: the bytes of
    /// [`FrameDescriptor::colorimetry`](videostream_hal::ring::FrameDescriptor::colorimetry), from the lowest colorspace,
    /// transfer function, encoding, quantization.
    ///
    /// A 0 stands for the default of the colorspace, as `linux/videodev2.h` has it. Where there is no colorspace either,
    /// nobody said, but for the range of RGB and grey, which is full, and for JPEG.
    #[must_use]
    pub fn from_v4l2(packed: u32, fourcc: FourCc) -> Self {
        let [space, transfer, encoding, quantization] = packed.to_le_bytes();
        let space = match (space, fourcc) {
            (0, FourCc::MJPG | FourCc::JPEG) => space::JPEG,
            (space, _) => space,
        };
        let row = SPACES.iter().find(|row| row.0 == space);
        let or = |said: u8, usual: Option<u8>| if said == 0 { usual.unwrap_or(0) } else { said };
        let transfer = match (or(transfer, row.map(|row| row.2)), space) {
            // One curve by several names.
            (1, space::SMPTE170M | space::BT470BG) => Transfer::BT601,
            (1, space::BT2020) => Transfer::BT2020,
            (1, _) => Transfer::BT709,
            (2, _) => Transfer::SRGB,
            // opRGB: a gamma of 2.2.
            (3, _) => Transfer(4),
            (4, _) => Transfer(7),
            // Linear.
            (5, _) => Transfer(8),
            // DCI-P3.
            (6, _) => Transfer(17),
            (7, _) => Transfer::PQ,
            _ => Transfer::UNSPECIFIED,
        };
        let matrix = match (or(encoding, row.map(|row| row.3)), space) {
            (1, space::BT470BG | space::JPEG) => Matrix::BT601_625,
            (1 | 3, _) => Matrix::BT601,
            (2 | 4, _) => Matrix::BT709,
            // sYCC.
            (5, _) => Matrix::BT601_625,
            (6, _) => Matrix::BT2020,
            (7, _) => Matrix(10),
            (8, _) => Matrix::SMPTE240M,
            _ => Matrix::UNSPECIFIED,
        };
        let range = match (quantization, space) {
            (FULL_RANGE, _) => Range::Full,
            (LIMITED_RANGE, _) => Range::Limited,
            (_, space::JPEG) => Range::Full,
            _ if usual_range(fourcc) == Range::Full => Range::Full,
            (_, 0) => Range::Unspecified,
            _ => Range::Limited,
        };
        Self {
            primaries: row.map_or(Primaries::UNSPECIFIED, |row| row.1),
            transfer,
            matrix,
            range,
        }
    }

    /// As V4L2's numbers, the inverse of [`Colorimetry::from_v4l2`]. What V4L2 has no number for is 0 there.
    #[must_use]
    pub fn to_v4l2(self) -> u32 {
        let space = match (self.primaries, self.transfer, self.matrix, self.range) {
            (Primaries::BT709, Transfer::SRGB, Matrix::BT601_625, Range::Full) => space::JPEG,
            (Primaries::BT709, Transfer::SRGB, ..) => space::SRGB,
            (Primaries::BT709, ..) => space::REC709,
            (primaries, ..) => {
                let row = SPACES
                    .iter()
                    .find(|row| row.1 == primaries && primaries != Primaries::UNSPECIFIED);
                row.map_or(0, |row| row.0)
            }
        };
        let transfer = match self.transfer.0 {
            1 | 6 | 14 | 15 => 1,
            13 => 2,
            4 => 3,
            7 => 4,
            8 => 5,
            17 => 6,
            16 => 7,
            _ => 0,
        };
        let encoding = match self.matrix.0 {
            1 => 2,
            5 | 6 => 1,
            7 => 8,
            9 => 6,
            10 => 7,
            _ => 0,
        };
        let quantization = match self.range {
            Range::Unspecified => 0,
            Range::Full => FULL_RANGE,
            Range::Limited => LIMITED_RANGE,
        };
        u32::from_le_bytes([space, transfer, encoding, quantization])
    }

    /// What pictures of format `from` with these colours mean when they have become pictures of format `to`. RGB becomes
    /// Y'CbCr in limited range, since players expect that, and by the matrix that is known, else by BT.601's.
    #[must_use]
    pub fn converted(self, from: FourCc, to: FourCc) -> Self {
        let is_rgb = |fourcc| matches!(family(fourcc), Some(Family::Rgb | Family::Hsv));
        match (is_rgb(from), is_rgb(to)) {
            (false, false) | (true, true) => self,
            (_, true) => Self {
                range: Range::Full,
                ..self
            },
            (true, _) => Self {
                matrix: match self.matrix {
                    Matrix::UNSPECIFIED | Matrix::RGB => Matrix::BT601,
                    matrix => matrix,
                },
                range: match to {
                    FourCc::GREY => Range::Full,
                    _ => Range::Limited,
                },
                ..self
            },
        }
    }

    /// The numbers of primaries, transfer characteristics and matrix in ITU-T H.273, if any of them is known.
    #[must_use]
    pub fn codes(self) -> Option<[u8; 3]> {
        let codes = [self.primaries.0, self.transfer.0, self.matrix.0];
        (codes != [2; 3]).then_some(codes)
    }

    /// With primaries, transfer characteristics and matrix by their numbers in ITU-T H.273.
    #[must_use]
    pub fn with_codes(self, [primaries, transfer, matrix]: [u8; 3]) -> Self {
        Self {
            primaries: Primaries(primaries),
            transfer: Transfer(transfer),
            matrix: Matrix(matrix),
            ..self
        }
    }
}

/// The range of a format where nobody says another one: `V4L2_MAP_QUANTIZATION_DEFAULT`.
pub(crate) fn usual_range(fourcc: FourCc) -> Range {
    match fourcc {
        FourCc::MJPG | FourCc::JPEG => Range::Full,
        _ => match family(fourcc) {
            Some(Family::Rgb | Family::Hsv | Family::Grey | Family::Bayer) => Range::Full,
            _ => Range::Limited,
        },
    }
}

fn family(fourcc: FourCc) -> Option<Family> {
    Some(fourcc.info()?.family)
}

#[cfg(feature = "convert")]
impl Colorimetry {
    /// Range and matrix for conversions.
    pub(crate) fn to_yuv(self, fourcc: FourCc) -> (yuv::YuvRange, yuv::YuvStandardMatrix) {
        let range = match self.range {
            Range::Unspecified => usual_range(fourcc),
            range => range,
        };
        let range = match range {
            Range::Full => yuv::YuvRange::Full,
            _ => yuv::YuvRange::Limited,
        };
        let matrix = match self.matrix {
            Matrix::BT709 => yuv::YuvStandardMatrix::Bt709,
            Matrix::SMPTE240M => yuv::YuvStandardMatrix::Smpte240,
            Matrix::BT2020 => yuv::YuvStandardMatrix::Bt2020,
            _ => yuv::YuvStandardMatrix::Bt601,
        };
        (range, matrix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: [u8; 4], fourcc: FourCc) -> Colorimetry {
        Colorimetry::from_v4l2(u32::from_le_bytes(bytes), fourcc)
    }

    #[test]
    fn defaults_are_those_of_the_colorspace() {
        let nv12 = |bytes| of(bytes, FourCc::NV12);
        assert_eq!(nv12([0; 4]), Colorimetry::default());
        assert_eq!(nv12([1, 0, 0, 0]), Colorimetry::BT601);
        assert_eq!(nv12([3, 0, 0, 0]), Colorimetry::BT709);
        assert_eq!(nv12([10, 0, 0, 0]), Colorimetry::BT2020);
        assert_eq!(nv12([7, 0, 0, 0]), Colorimetry::JPEG);
        assert_eq!(nv12([3, 0, 1, 0]).matrix, Matrix::BT601);
        assert_eq!(nv12([7, 0, 0, 2]).range, Range::Limited);
        assert_eq!(nv12([0, 0, 0, 1]).range, Range::Full);
        // A webcam's YUV.
        let webcam = nv12([8, 0, 0, 0]);
        assert_eq!(
            (webcam.transfer, webcam.matrix),
            (Transfer::SRGB, Matrix::BT601)
        );
        assert_eq!(webcam.range, Range::Limited);
    }

    #[test]
    fn rgb_grey_and_jpeg_are_full_range_by_default() {
        for fourcc in [FourCc::RGB3, FourCc::GREY, FourCc::MJPG] {
            assert_eq!(of([8, 0, 0, 0], fourcc).range, Range::Full, "{fourcc}");
            assert_eq!(of([0; 4], fourcc).range, Range::Full, "{fourcc}");
            assert_eq!(of([8, 0, 0, 2], fourcc).range, Range::Limited, "{fourcc}");
        }
        assert_eq!(of([0; 4], FourCc::MJPG), Colorimetry::JPEG);
    }

    #[test]
    fn numbers_of_v4l2_come_back() {
        let pal = Colorimetry::BT601.with_codes([5, 6, 5]);
        let pq = Colorimetry::BT2020.with_codes([9, 16, 9]);
        let srgb = Colorimetry::BT709.with_codes([1, 13, 6]);
        let matrix_alone = Colorimetry::default().with_codes([2, 2, 1]);
        for colours in [
            Colorimetry::default(),
            Colorimetry::BT601,
            Colorimetry::BT709,
            Colorimetry::BT2020,
            Colorimetry::JPEG,
            pal,
            pq,
            srgb,
            matrix_alone,
        ] {
            for range in [Range::Limited, Range::Full, Range::Unspecified] {
                // A colorspace of V4L2 has a range, and one in full range is JPEG's.
                let has_space = colours.primaries != Primaries::UNSPECIFIED;
                let is_jpeg = colours == Colorimetry::JPEG;
                if range == Range::Unspecified && has_space || range != Range::Full && is_jpeg {
                    continue;
                }
                let colours = Colorimetry { range, ..colours };
                let packed = colours.to_v4l2();
                assert_eq!(Colorimetry::from_v4l2(packed, FourCc::NV12), colours);
            }
        }
    }

    #[test]
    fn rgb_becomes_limited_and_the_other_way_round() {
        let webcam = of([8, 0, 0, 0], FourCc::RGB3);
        let coded = webcam.converted(FourCc::RGB3, FourCc::NV12);
        assert_eq!((coded.matrix, coded.range), (Matrix::BT601, Range::Limited));
        let back = coded.converted(FourCc::NV12, FourCc::RGB3);
        assert_eq!(
            (back.primaries, back.range),
            (Primaries::BT709, Range::Full)
        );
        let grey = of([0; 4], FourCc::GREY);
        assert_eq!(
            grey.converted(FourCc::GREY, FourCc::NV12).range,
            Range::Full
        );
    }
}
