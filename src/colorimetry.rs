//! How Y'CbCr values relate to RGB.

/// The matrix and range of Y'CbCr values.
///
/// The default, BT.601 in limited range, is what UVC cameras and most sensors deliver, and what the test
/// pattern is drawn in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Colorimetry {
    /// The matrix.
    pub matrix: Matrix,
    /// The range of values.
    pub range: Range,
}

/// Matrix coefficients from RGB to Y'CbCr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[doc(alias = "V4L2_YCBCR_ENC_601")]
pub enum Matrix {
    /// ITU-R BT.601, standard definition and most cameras.
    #[default]
    Bt601,
    /// ITU-R BT.709, high definition.
    Bt709,
    /// ITU-R BT.2020 with non-constant luminance.
    Bt2020,
}

/// Range of Y'CbCr values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[doc(alias = "V4L2_QUANTIZATION_LIM_RANGE")]
pub enum Range {
    /// Luma 16 to 235, chroma 16 to 240.
    #[default]
    Limited,
    /// 0 to 255.
    Full,
}

#[cfg(any(feature = "software", feature = "snapshot"))]
impl Colorimetry {
    pub(crate) fn to_yuv(self) -> (yuv::YuvRange, yuv::YuvStandardMatrix) {
        let range = match self.range {
            Range::Limited => yuv::YuvRange::Limited,
            Range::Full => yuv::YuvRange::Full,
        };
        let matrix = match self.matrix {
            Matrix::Bt601 => yuv::YuvStandardMatrix::Bt601,
            Matrix::Bt709 => yuv::YuvStandardMatrix::Bt709,
            Matrix::Bt2020 => yuv::YuvStandardMatrix::Bt2020,
        };
        (range, matrix)
    }
}
