//! The meaning of a picture's values as colours.
//!
//! Source: ITU-T H.273 (the code points).

mod appearance;
mod v4l2;

use videostream_hal::format::{Family, FourCc};

pub(crate) use self::appearance::reduced;
pub use self::appearance::{Appearance, ChromaSite};
#[cfg(feature = "convert")]
pub(crate) use self::v4l2::usual_range;

/// The meaning of a picture's values. By default nothing is specified: conversions use BT.601 in
/// the format's default range, and nothing is written to files and streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Colorimetry {
    /// Colours of the three primaries and of white.
    pub primaries: Primaries,
    /// Transfer function from light to values.
    pub transfer: Transfer,
    /// Matrix from RGB to Y'CbCr.
    pub matrix: Matrix,
    /// Range of values.
    pub range: Range,
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
    /// Unspecified. The default is full range for RGB, grey and JPEG, and limited range for others.
    #[default]
    Unspecified,
    /// Luma 16 to 235, chroma 16 to 240.
    Limited,
    /// 0 to 255.
    Full,
}

impl Primaries {
    /// ITU-R BT.709, also those of sRGB.
    pub const BT709: Self = Self(1);
    /// Unspecified.
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
    /// Unspecified.
    pub const UNSPECIFIED: Self = Self(2);
    /// ITU-R BT.601: the curve of BT.709.
    pub const BT601: Self = Self(6);
    /// IEC 61966-2-1, sRGB.
    pub const SRGB: Self = Self(13);
    /// ITU-R BT.2020 with 10 bits: the curve of BT.709.
    pub const BT2020: Self = Self(14);
    /// SMPTE ST 2084, as in HDR10.
    pub const PQ: Self = Self(16);
}

impl Matrix {
    /// Identity: the values are R, G and B.
    pub const RGB: Self = Self(0);
    /// ITU-R BT.709, high definition.
    pub const BT709: Self = Self(1);
    /// Unspecified.
    pub const UNSPECIFIED: Self = Self(2);
    /// ITU-R BT.601, by its number for 625 lines, also that of JPEG and sYCC.
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
    /// JPEG as in JFIF: sRGB with the matrix of BT.601, in full range.
    pub const JPEG: Self = Self {
        primaries: Primaries::BT709,
        transfer: Transfer::SRGB,
        matrix: Matrix::BT601_625,
        range: Range::Full,
    };

    /// Returns the colorimetry after a conversion from format `from` to format `to`. RGB becomes
    /// Y'CbCr in limited range, which players expect, with the known matrix or else that of BT.601.
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

    /// Returns the numbers of primaries, transfer characteristics and matrix in ITU-T H.273, if any
    /// of them is specified.
    #[must_use]
    pub fn codes(self) -> Option<[u8; 3]> {
        let codes = [self.primaries.0, self.transfer.0, self.matrix.0];
        (codes != [2; 3]).then_some(codes)
    }

    /// Sets primaries, transfer characteristics and matrix by their numbers in ITU-T H.273.
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

fn family(fourcc: FourCc) -> Option<Family> {
    Some(fourcc.info()?.family)
}

#[cfg(feature = "convert")]
impl Colorimetry {
    /// Returns range and matrix for conversions.
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

    #[test]
    fn rgb_becomes_limited_and_the_other_way_round() {
        let webcam = Colorimetry::from_v4l2(8, FourCc::RGB3);
        let coded = webcam.converted(FourCc::RGB3, FourCc::NV12);
        assert_eq!((coded.matrix, coded.range), (Matrix::BT601, Range::Limited));
        let back = coded.converted(FourCc::NV12, FourCc::RGB3);
        assert_eq!(
            (back.primaries, back.range),
            (Primaries::BT709, Range::Full)
        );
        let grey = Colorimetry::from_v4l2(0, FourCc::GREY);
        assert_eq!(
            grey.converted(FourCc::GREY, FourCc::NV12).range,
            Range::Full
        );
    }
}
