//! Colours as bytes: how two neighbouring pixels of one colour look in each plane of a format.

use videostream_hal::format::{FourCc, MAX_PLANES};

/// A colour, 0 to 255 per part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rgb(pub(super) u8, pub(super) u8, pub(super) u8);

pub(super) const BLACK: Rgb = Rgb(0, 0, 0);
pub(super) const WHITE: Rgb = Rgb(255, 255, 255);

/// The bars from left to right, 75 % colours and grey.
pub(super) const BARS: [Rgb; 8] = [
    Rgb(191, 191, 191),
    Rgb(191, 191, 0),
    Rgb(0, 191, 191),
    Rgb(0, 191, 0),
    Rgb(191, 0, 191),
    Rgb(191, 0, 0),
    Rgb(0, 0, 191),
    Rgb(64, 64, 64),
];

/// How pixels lie in one plane.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlaneKind {
    /// Bytes that two horizontally neighbouring pixels take.
    pub(super) pair_bytes: usize,
    /// Rows of pixels for each row of the plane.
    pub(super) rows_per_row: usize,
    /// Byte of the first pixel's luma (green for RGB) in the pair and bytes to the next pixel's;
    /// planes without luma have none.
    pub(super) luma: Option<(usize, usize)>,
}

/// Returns the planes of a format, or `None` for a format without a pattern.
pub(super) fn planes(fourcc: FourCc) -> Option<&'static [PlaneKind]> {
    const fn kind(
        pair_bytes: usize,
        rows_per_row: usize,
        luma: Option<(usize, usize)>,
    ) -> PlaneKind {
        PlaneKind {
            pair_bytes,
            rows_per_row,
            luma,
        }
    }
    const Y: PlaneKind = kind(2, 1, Some((0, 1)));
    const NV12: &[PlaneKind] = &[Y, kind(2, 2, None)];
    const YU12: &[PlaneKind] = &[Y, kind(1, 2, None), kind(1, 2, None)];
    const YUYV: &[PlaneKind] = &[kind(4, 1, Some((0, 2)))];
    const RGB3: &[PlaneKind] = &[kind(6, 1, Some((1, 3)))];
    Some(match fourcc {
        FourCc::NV12 => NV12,
        FourCc::YU12 => YU12,
        FourCc::YUYV => YUYV,
        FourCc::RGB3 => RGB3,
        _ => return None,
    })
}

/// Two pixels of one colour, as bytes of each plane; only the first `pair_bytes` count.
pub(super) fn pair(fourcc: FourCc, rgb: Rgb) -> [[u8; 6]; MAX_PLANES] {
    let Rgb(r, g, b) = rgb;
    let (y, u, v) = limited_bt601(rgb);
    let mut planes = [[0; 6]; MAX_PLANES];
    match fourcc {
        FourCc::NV12 => {
            planes[0] = [y, y, 0, 0, 0, 0];
            planes[1] = [u, v, 0, 0, 0, 0];
        }
        FourCc::YU12 => {
            planes[0] = [y, y, 0, 0, 0, 0];
            planes[1][0] = u;
            planes[2][0] = v;
        }
        FourCc::YUYV => planes[0] = [y, u, y, v, 0, 0],
        _ => planes[0] = [r, g, b, r, g, b],
    }
    planes
}

/// ITU-R BT.601 Y'CbCr in limited range: luma 16 to 235, chroma 16 to 240 around 128.
fn limited_bt601(Rgb(r, g, b): Rgb) -> (u8, u8, u8) {
    let (r, g, b) = (i32::from(r), i32::from(g), i32::from(b));
    // 8-bit fixed point; every sum of weights leaves the result inside 16..=240.
    let y = 16 + ((66 * r + 129 * g + 25 * b + 128) >> 8);
    let u = 128 + ((-38 * r - 74 * g + 112 * b + 128) >> 8);
    let v = 128 + ((112 * r - 94 * g - 18 * b + 128) >> 8);
    (y as u8, u as u8, v as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn black_and_white_are_the_ends_of_the_limited_range() {
        assert_eq!(limited_bt601(BLACK), (16, 128, 128));
        assert_eq!(limited_bt601(WHITE), (235, 128, 128));
    }
}
