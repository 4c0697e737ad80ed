//! Colorimetry in V4L2's numbers.
//!
//! Source: `linux/videodev2.h` (`V4L2_MAP_*_DEFAULT`), and the kernel page
//! `userspace-api/media/v4l/colorspaces-defs.html`.

use videostream_hal::format::{Family, FourCc};

use super::{Colorimetry, Matrix, Primaries, Range, Transfer, family};

/// Numbers of `enum v4l2_colorspace`, each with its primaries, default transfer function
/// (`V4L2_MAP_XFER_FUNC_DEFAULT`) and default encoding (`V4L2_MAP_YCBCR_ENC_DEFAULT`).
const SPACES: [(u8, Primaries, u8, u8); 11] = [
    (space::SMPTE170M, Primaries::BT601, 1, 1),
    (space::SMPTE240M, Primaries(7), 4, 8),
    (space::REC709, Primaries::BT709, 1, 2),
    // BT878: the broken colorspace of one old chip, treated as 170M.
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
    /// Converts V4L2's numbers for pictures of a format. `packed` is
    /// [`FrameDescriptor::colorimetry`](videostream_hal::ring::FrameDescriptor::colorimetry): from
    /// the lowest byte colorspace, transfer function, encoding, quantization.
    ///
    /// A 0 stands for the default of the colorspace in `linux/videodev2.h`. Without a colorspace
    /// the result is unspecified, except for the range of RGB and grey, which is full, and for
    /// JPEG.
    #[must_use]
    pub fn from_v4l2(packed: u32, fourcc: FourCc) -> Self {
        let [space, transfer, encoding, quantization] = packed.to_le_bytes();
        let space = match (space, fourcc) {
            (0, FourCc::MJPG | FourCc::JPEG) => space::JPEG,
            (space, _) => space,
        };
        let row = SPACES.iter().find(|row| row.0 == space);
        let or = |given: u8, usual: Option<u8>| {
            if given == 0 {
                usual.unwrap_or(0)
            } else {
                given
            }
        };
        let transfer = match (or(transfer, row.map(|row| row.2)), space) {
            // The same curve under several names.
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

    /// Converts to V4L2's numbers, the inverse of [`Colorimetry::from_v4l2`]. Values without a
    /// number in V4L2 become 0.
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
}

/// Returns the default range of a format (`V4L2_MAP_QUANTIZATION_DEFAULT`).
pub(crate) fn usual_range(fourcc: FourCc) -> Range {
    match fourcc {
        FourCc::MJPG | FourCc::JPEG => Range::Full,
        _ => match family(fourcc) {
            Some(Family::Rgb | Family::Hsv | Family::Grey | Family::Bayer) => Range::Full,
            _ => Range::Limited,
        },
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
                // A colorspace of V4L2 implies a range; full range implies JPEG's colorspace.
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
}
