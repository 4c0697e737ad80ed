//! A model of formats and colours: pixel by pixel, in floating point.

use videostream::colorimetry::{Colorimetry, Matrix, Range};
use videostream::hal::format::FourCc;
use videostream::picture::{Plane, PlaneMut, extents};
use videostream::{Picture, PictureMut};

/// Where the samples of a pixel are: `(plane, byte)` of each component.
pub(crate) enum Meaning {
    Yuv,
    Rgb,
    Grey,
}

pub(crate) fn meaning(fourcc: FourCc) -> Meaning {
    match fourcc {
        FourCc::GREY => Meaning::Grey,
        fourcc if fourcc.info().unwrap().subsampling.is_some() => Meaning::Yuv,
        _ => Meaning::Rgb,
    }
}

/// Plane, row and byte of each component of the pixel at (x, y); grey has one, all others three.
pub(crate) fn places(fourcc: FourCc, x: usize, y: usize) -> Vec<(usize, usize, usize)> {
    let semi = |columns: usize, rows: usize, swapped: usize| {
        let (at, row) = (2 * (x / columns), y / rows);
        vec![
            (0, y, x),
            (1, row, at + swapped),
            (1, row, at + 1 - swapped),
        ]
    };
    let planar = |columns: usize, rows: usize, swapped: usize| {
        let (at, row) = (x / columns, y / rows);
        vec![(0, y, x), (1 + swapped, row, at), (2 - swapped, row, at)]
    };
    let packed = |luma: usize, cb: usize, cr: usize| {
        let pair = x / 2 * 4;
        vec![
            (0, y, pair + luma + x % 2 * 2),
            (0, y, pair + cb),
            (0, y, pair + cr),
        ]
    };
    let rgb = |bytes: usize, order: [usize; 3]| order.map(|at| (0, y, x * bytes + at)).to_vec();
    match fourcc {
        FourCc::NV12 | FourCc::NM12 => semi(2, 2, 0),
        FourCc::NV21 | FourCc::NM21 => semi(2, 2, 1),
        FourCc::NV16 | FourCc::NM16 => semi(2, 1, 0),
        FourCc::NV61 | FourCc::NM61 => semi(2, 1, 1),
        FourCc::NV24 => semi(1, 1, 0),
        FourCc::NV42 => semi(1, 1, 1),
        FourCc::YU12 | FourCc::YM12 => planar(2, 2, 0),
        FourCc::YV12 | FourCc::YM21 => planar(2, 2, 1),
        FourCc::YUV422P | FourCc::YM16 => planar(2, 1, 0),
        FourCc::YM61 => planar(2, 1, 1),
        FourCc::YM24 => planar(1, 1, 0),
        FourCc::YM42 => planar(1, 1, 1),
        FourCc::YUYV => packed(0, 1, 3),
        FourCc::YVYU => packed(0, 3, 1),
        FourCc::UYVY => packed(1, 0, 2),
        FourCc::VYUY => packed(1, 2, 0),
        FourCc::GREY => vec![(0, y, x)],
        FourCc::RGB3 => rgb(3, [0, 1, 2]),
        FourCc::BGR3 => rgb(3, [2, 1, 0]),
        FourCc::XB24 | FourCc::AB24 => rgb(4, [0, 1, 2]),
        FourCc::XR24 | FourCc::AR24 | FourCc::BGR4 => rgb(4, [2, 1, 0]),
        FourCc::BX24 | FourCc::BA24 | FourCc::RGB4 => rgb(4, [1, 2, 3]),
        FourCc::RX24 | FourCc::RA24 => rgb(4, [3, 2, 1]),
        _ => panic!("{fourcc} is not in the model"),
    }
}

/// Byte of the pixel that is alpha or undefined.
pub(crate) fn fourth_byte(fourcc: FourCc) -> Option<usize> {
    match fourcc {
        FourCc::XB24 | FourCc::AB24 | FourCc::XR24 | FourCc::AR24 | FourCc::BGR4 => Some(3),
        FourCc::BX24 | FourCc::BA24 | FourCc::RX24 | FourCc::RA24 | FourCc::RGB4 => Some(0),
        _ => None,
    }
}

/// An image in memory of its own, with padding that is watched.
pub(crate) struct Image {
    pub(crate) fourcc: FourCc,
    pub(crate) width: usize,
    pub(crate) height: usize,
    planes: Vec<(Vec<u8>, usize)>,
}

/// The fourth byte of RGB pixels.
pub(crate) const ALPHA: u8 = 77;

const PADDING: u8 = 0xa5;

impl Image {
    /// Rows are `padding(plane)` bytes longer than their pixels; the last row has no padding when
    /// `short`.
    pub(crate) fn new(
        fourcc: FourCc,
        width: usize,
        height: usize,
        short: bool,
        padding: impl Fn(usize) -> usize,
    ) -> Self {
        let (all, count) = extents(fourcc, width as u32, height as u32).unwrap();
        let planes = all[..count].iter().enumerate().map(|(at, extent)| {
            let stride = extent.row_bytes + padding(at);
            let behind = if short { padding(at) } else { 0 };
            (vec![PADDING; stride * extent.rows - behind], stride)
        });
        let planes = planes.collect();
        Self {
            fourcc,
            width,
            height,
            planes,
        }
    }

    pub(crate) fn picture(&self) -> Picture<'_> {
        let planes: Vec<_> = self
            .planes
            .iter()
            .map(|(data, stride)| Plane {
                data,
                stride: *stride,
            })
            .collect();
        Picture::from_planes(self.fourcc, self.width as u32, self.height as u32, &planes).unwrap()
    }

    pub(crate) fn picture_mut(&mut self) -> PictureMut<'_> {
        let planes = self.planes.iter_mut().map(|(data, stride)| PlaneMut {
            data,
            stride: *stride,
        });
        PictureMut::from_planes(self.fourcc, self.width as u32, self.height as u32, planes).unwrap()
    }

    /// The components of a pixel: Y, Cb and Cr, or R, G and B, or Y.
    pub(crate) fn get(&self, x: usize, y: usize) -> Vec<u8> {
        let of = |(plane, row, byte): (usize, usize, usize)| {
            let (data, stride) = &self.planes[plane];
            data[row * stride + byte]
        };
        places(self.fourcc, x, y).into_iter().map(of).collect()
    }

    pub(crate) fn fourth(&self, x: usize, y: usize) -> Option<u8> {
        let (data, stride) = &self.planes[0];
        fourth_byte(self.fourcc).map(|at| data[y * stride + 4 * x + at])
    }

    pub(crate) fn set(&mut self, x: usize, y: usize, components: &[f64]) {
        for ((plane, row, byte), value) in places(self.fourcc, x, y).into_iter().zip(components) {
            let (data, stride) = &mut self.planes[plane];
            data[row * *stride + byte] = value.round().clamp(0.0, 255.0) as u8;
        }
        if let Some(at) = fourth_byte(self.fourcc) {
            let (data, stride) = &mut self.planes[0];
            data[y * *stride + 4 * x + at] = ALPHA;
        }
    }

    /// The colour of a pixel, as the format and `colours` say.
    pub(crate) fn colour(&self, x: usize, y: usize, colours: Colorimetry) -> [f64; 3] {
        let has: Vec<f64> = self.get(x, y).into_iter().map(f64::from).collect();
        match meaning(self.fourcc) {
            Meaning::Rgb => [has[0], has[1], has[2]],
            Meaning::Yuv => to_rgb([has[0], has[1], has[2]], colours),
            Meaning::Grey => to_rgb([has[0], 128.0, 128.0], colours),
        }
    }

    /// The components that stand for a colour in this format.
    pub(crate) fn components(&self, rgb: [f64; 3], colours: Colorimetry) -> Vec<f64> {
        match meaning(self.fourcc) {
            Meaning::Rgb => rgb.to_vec(),
            Meaning::Yuv => from_rgb(rgb, colours).to_vec(),
            Meaning::Grey => from_rgb(rgb, colours)[..1].to_vec(),
        }
    }

    /// Whether nothing was written between rows.
    pub(crate) fn padding_is_intact(&self) -> bool {
        let (all, _) = extents(self.fourcc, self.width as u32, self.height as u32).unwrap();
        self.planes.iter().zip(all).all(|((data, stride), extent)| {
            let rows = data.chunks(*stride).take(extent.rows);
            rows.flat_map(|row| &row[extent.row_bytes..])
                .all(|byte| *byte == PADDING)
        })
    }
}

/// Weights of red and blue in luma.
fn weights(matrix: Matrix) -> (f64, f64) {
    match matrix {
        Matrix::BT601 => (0.299, 0.114),
        Matrix::BT709 => (0.2126, 0.0722),
        Matrix::BT2020 => (0.2627, 0.0593),
        other => panic!("{other:?} is not in the model"),
    }
}

/// Black, and the spans of luma and chroma.
fn spans(range: Range) -> (f64, f64, f64) {
    match range {
        Range::Limited => (16.0, 219.0, 224.0),
        Range::Full => (0.0, 255.0, 255.0),
        Range::Unspecified => panic!("the model has to know the range"),
    }
}

pub(crate) fn from_rgb(rgb: [f64; 3], colours: Colorimetry) -> [f64; 3] {
    let (kr, kb) = weights(colours.matrix);
    let (black, luma, chroma) = spans(colours.range);
    let [r, g, b] = rgb.map(|value| value / 255.0);
    let y = kr * r + (1.0 - kr - kb) * g + kb * b;
    [
        black + luma * y,
        128.0 + chroma * (b - y) / (2.0 * (1.0 - kb)),
        128.0 + chroma * (r - y) / (2.0 * (1.0 - kr)),
    ]
}

pub(crate) fn to_rgb(yuv: [f64; 3], colours: Colorimetry) -> [f64; 3] {
    let (kr, kb) = weights(colours.matrix);
    let (black, luma, chroma) = spans(colours.range);
    let y = (yuv[0] - black) / luma;
    let (cb, cr) = ((yuv[1] - 128.0) / chroma, (yuv[2] - 128.0) / chroma);
    let r = y + 2.0 * (1.0 - kr) * cr;
    let b = y + 2.0 * (1.0 - kb) * cb;
    let g = (y - kr * r - kb * b) / (1.0 - kr - kb);
    [r, g, b].map(|value| (255.0 * value).clamp(0.0, 255.0))
}

/// Numbers without a pattern, the same in every run.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}
