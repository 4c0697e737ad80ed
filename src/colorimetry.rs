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

impl Colorimetry {
    /// What V4L2's numbers mean for the conversion from Y'CbCr: the bytes of
    /// [`FrameDescriptor::colorimetry`](videostream_hal::ring::FrameDescriptor::colorimetry),
    /// from the lowest colorspace, transfer function, encoding, quantization.
    ///
    /// A 0 stands for the default, which is resolved as `linux/videodev2.h` has it; encodings
    /// without a matrix here count as BT.601.
    #[must_use]
    pub fn from_v4l2(packed: u32) -> Self {
        const SPACE_REC709: u8 = 3;
        const SPACE_JPEG: u8 = 7;
        const SPACE_BT2020: u8 = 10;
        const SPACE_DCI_P3: u8 = 12;
        let [space, _, encoding, quantization] = packed.to_le_bytes();
        let matrix = match (encoding, space) {
            // V4L2_YCBCR_ENC_709 and _XV709, V4L2_YCBCR_ENC_BT2020.
            (2 | 4, _) | (0, SPACE_REC709 | SPACE_DCI_P3) => Matrix::Bt709,
            (6, _) | (0, SPACE_BT2020) => Matrix::Bt2020,
            _ => Matrix::Bt601,
        };
        let range = match (quantization, space) {
            // V4L2_QUANTIZATION_FULL_RANGE.
            (1, _) | (0, SPACE_JPEG) => Range::Full,
            _ => Range::Limited,
        };
        Self { matrix, range }
    }
}

#[cfg(feature = "convert")]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_of_the_colorspace() {
        let of = |bytes| Colorimetry::from_v4l2(u32::from_le_bytes(bytes));
        assert_eq!(of([0; 4]), Colorimetry::default());
        assert_eq!(of([3, 0, 0, 0]).matrix, Matrix::Bt709);
        assert_eq!(of([3, 0, 1, 0]).matrix, Matrix::Bt601);
        assert_eq!(of([10, 0, 0, 2]).matrix, Matrix::Bt2020);
        assert_eq!(of([7, 0, 0, 0]).range, Range::Full);
        assert_eq!(of([7, 0, 0, 2]).range, Range::Limited);
        assert_eq!(of([0, 0, 0, 1]).range, Range::Full);
    }
}
