//! Between luma and chroma and RGB, and between orders of RGB, with the SIMD routines of the crate `yuv`.
//!
//! The library's routines work on whole rows: they leave out a last row that has no padding behind it. So
//! pictures go through it in bands, the last of which is copied where it is cut short.

use yuv::{
    BufferStoreMut, YuvBiPlanarImage, YuvBiPlanarImageMut, YuvConversionMode, YuvError,
    YuvGrayImage, YuvGrayImageMut, YuvPlanarImage, YuvPlanarImageMut, YuvRange, YuvStandardMatrix,
};

use super::arrange::{arrange, small};
use super::shape::{Kind, RGB, Rgb, Shape, Sub, YUV420, Yuv};
use super::view::{View, ViewMut};

/// Rows that are converted at a time, an even number. What is between two conversions stays in the cache.
const BAND: usize = 16;

const MODE: YuvConversionMode = YuvConversionMode::Balanced;

/// Range and matrix of luma and chroma, as the library names them.
pub(super) type Coding = (YuvRange, YuvStandardMatrix);

/// Memory for a band, kept.
#[derive(Debug, Default)]
pub(super) struct Bands {
    /// The end of a picture that is cut short.
    source_end: Vec<u8>,
    target_end: Vec<u8>,
    /// Colours between two codings.
    rgb: Vec<u8>,
    /// Separate planes on the way to or from the library.
    planar: Vec<u8>,
    /// Pixels whose fourth byte has moved.
    turned: Vec<u8>,
    /// A few rows.
    rows: Vec<u8>,
}

impl Bands {
    /// Converts `s` into `t`, of the same size. When neither is RGB, their codings differ.
    pub(super) fn convert(
        &mut self,
        s: &View<'_>,
        t: &mut ViewMut<'_>,
        from: Coding,
        to: Coding,
    ) -> Result<(), &'static str> {
        let whole = s.is_whole() && t.is_whole();
        let straight = if whole {
            s.height
        } else {
            (s.height - 1) / 2 * 2
        };
        for first in (0..straight).step_by(BAND) {
            let end = (first + BAND).min(straight);
            self.band(&s.band(first, end), &mut t.band(first, end), from, to)?;
        }
        if straight < s.height {
            let (end, rows) = (s.band(straight, s.height), s.height - straight);
            let (mut source, mut target) = (
                std::mem::take(&mut self.source_end),
                std::mem::take(&mut self.target_end),
            );
            let mut source_end = ViewMut::carve(&mut source, s.shape, s.width, rows);
            source_end.copy_from(&end);
            let mut target_end = ViewMut::carve(&mut target, t.shape, t.width, rows);
            let result = self.band(&source_end.as_view(), &mut target_end, from, to);
            t.band(straight, s.height).copy_from(&target_end.as_view());
            (self.source_end, self.target_end) = (source, target);
            result?;
        }
        Ok(())
    }

    fn band(
        &mut self,
        s: &View<'_>,
        t: &mut ViewMut<'_>,
        from: Coding,
        to: Coding,
    ) -> Result<(), &'static str> {
        match (s.shape, t.shape) {
            (Shape::Rgb(rgb), _) => self.rgb_to_yuv(s, rgb, t, to),
            (_, Shape::Rgb(rgb)) => self.yuv_to_rgb(s, t, rgb, from),
            _ => {
                let mut memory = std::mem::take(&mut self.rgb);
                let mut between = ViewMut::carve(&mut memory, Shape::Rgb(RGB), s.width, s.height);
                let result = self
                    .yuv_to_rgb(s, &mut between, RGB, from)
                    .and_then(|()| self.rgb_to_yuv(&between.as_view(), RGB, t, to));
                self.rgb = memory;
                result
            }
        }
    }

    fn yuv_to_rgb(
        &mut self,
        s: &View<'_>,
        t: &mut ViewMut<'_>,
        rgb: Rgb,
        coding: Coding,
    ) -> Result<(), &'static str> {
        match s.shape {
            Shape::Yuv(Yuv {
                kind: Kind::Semi,
                sub: YUV420,
                swapped,
            }) => pairs_to_rgb(s, swapped, t, rgb, coding),
            Shape::Yuv(yuv) if yuv.kind != Kind::Planar => {
                let shape = Shape::planar(yuv.sub);
                let mut planar = ViewMut::carve(&mut self.planar, shape, s.width, s.height);
                arrange(s, &mut planar, &mut self.rows)?;
                planes_to_rgb(&planar.as_view(), yuv.sub, t, rgb, coding)
            }
            Shape::Yuv(yuv) => planes_to_rgb(s, yuv.sub, t, rgb, coding),
            _ => grey_to_rgb(s, t, rgb, coding),
        }?;
        if rgb.first {
            (0..t.height).for_each(|row| turn_right(t.row(0, row)));
        }
        Ok(())
    }

    fn rgb_to_yuv(
        &mut self,
        s: &View<'_>,
        rgb: Rgb,
        t: &mut ViewMut<'_>,
        coding: Coding,
    ) -> Result<(), &'static str> {
        let mut turned;
        let mut s = *s;
        if rgb.first {
            turned = ViewMut::carve(&mut self.turned, s.shape, s.width, s.height);
            for row in 0..s.height {
                turn_left(s.row(0, row), turned.row(0, row));
            }
            s = turned.as_view();
        }
        match t.shape {
            Shape::Yuv(Yuv {
                kind: Kind::Semi,
                sub: YUV420,
                swapped,
            }) => rgb_to_pairs(&s, rgb, t, swapped, coding),
            Shape::Yuv(yuv) if yuv.kind != Kind::Planar => {
                let shape = Shape::planar(yuv.sub);
                let mut planar = ViewMut::carve(&mut self.planar, shape, s.width, s.height);
                rgb_to_planes(&s, rgb, &mut planar, yuv.sub, coding)?;
                arrange(&planar.as_view(), t, &mut self.rows)
            }
            Shape::Yuv(yuv) => rgb_to_planes(&s, rgb, t, yuv.sub, coding),
            _ => rgb_to_grey(&s, rgb, t, coding),
        }
    }
}

/// Puts the bytes of RGB pixels into another order. A fourth byte without meaning becomes 255.
pub(super) fn reorder(
    s: &View<'_>,
    from: Rgb,
    t: &mut ViewMut<'_>,
    to: Rgb,
    memory: &mut Vec<u8>,
) -> Result<(), &'static str> {
    let width = small(s.width)?;
    if from.first && memory.len() < 4 * s.width {
        memory.resize(4 * s.width, 0);
    }
    for row in 0..s.height {
        let mut pixels = s.row(0, row);
        if from.first {
            let turned = &mut memory[..4 * s.width];
            turn_left(pixels, turned);
            pixels = turned;
        }
        let target = t.row(0, row);
        match shuffle(from, to) {
            Some(shuffle) => {
                let (stride, to_stride) = (small(pixels.len())?, small(target.len())?);
                shuffle(pixels, stride, target, to_stride, width, 1)
                    .map_err(|_| "reordering a row")?;
            }
            None => target.copy_from_slice(pixels),
        }
        if to.bytes == 4 && from.bytes == 4 && !(from.alpha && to.alpha) {
            target.chunks_exact_mut(4).for_each(|pixel| pixel[3] = 255);
        }
        if to.first {
            turn_right(target);
        }
    }
    Ok(())
}

type Shuffle = fn(&[u8], u32, &mut [u8], u32, u32, u32) -> Result<(), YuvError>;

/// What reorders pixels whose fourth byte is the last; nothing to do for the same order.
fn shuffle(from: Rgb, to: Rgb) -> Option<Shuffle> {
    Some(match (from.bytes, from.bgr, to.bytes, to.bgr) {
        (3, false, 3, true) => yuv::rgb_to_bgr,
        (3, true, 3, false) => yuv::bgr_to_rgb,
        (3, false, 4, false) => yuv::rgb_to_rgba,
        (3, false, 4, true) => yuv::rgb_to_bgra,
        (3, true, 4, false) => yuv::bgr_to_rgba,
        (3, true, 4, true) => yuv::bgr_to_bgra,
        (4, false, 3, false) => yuv::rgba_to_rgb,
        (4, false, 3, true) => yuv::rgba_to_bgr,
        (4, true, 3, false) => yuv::bgra_to_rgb,
        (4, true, 3, true) => yuv::bgra_to_bgr,
        (4, false, 4, true) => yuv::rgba_to_bgra,
        (4, true, 4, false) => yuv::bgra_to_rgba,
        _ => return None,
    })
}

/// The last byte of each pixel becomes the first.
fn turn_right(pixels: &mut [u8]) {
    for pixel in pixels.chunks_exact_mut(4) {
        let [a, b, c, d] = [pixel[0], pixel[1], pixel[2], pixel[3]];
        pixel.copy_from_slice(&[d, a, b, c]);
    }
}

fn turn_left(from: &[u8], to: &mut [u8]) {
    for (to, from) in to.chunks_exact_mut(4).zip(from.chunks_exact(4)) {
        to.copy_from_slice(&[from[1], from[2], from[3], from[0]]);
    }
}

fn pairs_to_rgb(
    s: &View<'_>,
    swapped: bool,
    t: &mut ViewMut<'_>,
    rgb: Rgb,
    (range, matrix): Coding,
) -> Result<(), &'static str> {
    let (y, uv) = (s.plane(0), s.plane(1));
    let image = YuvBiPlanarImage {
        y_plane: y.data,
        y_stride: small(y.stride)?,
        uv_plane: uv.data,
        uv_stride: small(uv.stride)?,
        width: small(s.width)?,
        height: small(s.height)?,
    };
    let call = match (swapped, rgb.bytes, rgb.bgr) {
        (false, 3, false) => yuv::yuv_nv12_to_rgb,
        (false, 3, true) => yuv::yuv_nv12_to_bgr,
        (false, _, false) => yuv::yuv_nv12_to_rgba,
        (false, _, true) => yuv::yuv_nv12_to_bgra,
        (true, 3, false) => yuv::yuv_nv21_to_rgb,
        (true, 3, true) => yuv::yuv_nv21_to_bgr,
        (true, _, false) => yuv::yuv_nv21_to_rgba,
        (true, _, true) => yuv::yuv_nv21_to_bgra,
    };
    let pixels = t.plane(0);
    call(
        &image,
        pixels.data,
        small(pixels.stride)?,
        range,
        matrix,
        MODE,
    )
    .map_err(|_| "converting chroma pairs to RGB")
}

fn rgb_to_pairs(
    s: &View<'_>,
    rgb: Rgb,
    t: &mut ViewMut<'_>,
    swapped: bool,
    (range, matrix): Coding,
) -> Result<(), &'static str> {
    let (width, height) = (small(t.width)?, small(t.height)?);
    let [y, uv, _] = t.planes();
    let mut image = YuvBiPlanarImageMut {
        y_stride: small(y.stride)?,
        y_plane: BufferStoreMut::Borrowed(y.data),
        uv_stride: small(uv.stride)?,
        uv_plane: BufferStoreMut::Borrowed(uv.data),
        width,
        height,
    };
    let call = match (swapped, rgb.bytes, rgb.bgr) {
        (false, 3, false) => yuv::rgb_to_yuv_nv12,
        (false, 3, true) => yuv::bgr_to_yuv_nv12,
        (false, _, false) => yuv::rgba_to_yuv_nv12,
        (false, _, true) => yuv::bgra_to_yuv_nv12,
        (true, 3, false) => yuv::rgb_to_yuv_nv21,
        (true, 3, true) => yuv::bgr_to_yuv_nv21,
        (true, _, false) => yuv::rgba_to_yuv_nv21,
        (true, _, true) => yuv::bgra_to_yuv_nv21,
    };
    let pixels = s.plane(0);
    call(
        &mut image,
        pixels.data,
        small(pixels.stride)?,
        range,
        matrix,
        MODE,
    )
    .map_err(|_| "converting RGB to chroma pairs")
}

fn planes_to_rgb(
    s: &View<'_>,
    sub: Sub,
    t: &mut ViewMut<'_>,
    rgb: Rgb,
    (range, matrix): Coding,
) -> Result<(), &'static str> {
    let [y, u, v] = [0, 1, 2].map(|plane| s.plane(plane));
    let image = YuvPlanarImage {
        y_plane: y.data,
        y_stride: small(y.stride)?,
        u_plane: u.data,
        u_stride: small(u.stride)?,
        v_plane: v.data,
        v_stride: small(v.stride)?,
        width: small(s.width)?,
        height: small(s.height)?,
    };
    let call = match (sub.columns, sub.rows, rgb.bytes, rgb.bgr) {
        (2, 2, 3, false) => yuv::yuv420_to_rgb,
        (2, 2, 3, true) => yuv::yuv420_to_bgr,
        (2, 2, _, false) => yuv::yuv420_to_rgba,
        (2, 2, _, true) => yuv::yuv420_to_bgra,
        (2, _, 3, false) => yuv::yuv422_to_rgb,
        (2, _, 3, true) => yuv::yuv422_to_bgr,
        (2, _, _, false) => yuv::yuv422_to_rgba,
        (2, _, _, true) => yuv::yuv422_to_bgra,
        (_, _, 3, false) => yuv::yuv444_to_rgb,
        (_, _, 3, true) => yuv::yuv444_to_bgr,
        (_, _, _, false) => yuv::yuv444_to_rgba,
        (_, _, _, true) => yuv::yuv444_to_bgra,
    };
    let pixels = t.plane(0);
    call(&image, pixels.data, small(pixels.stride)?, range, matrix)
        .map_err(|_| "converting planes to RGB")
}

fn rgb_to_planes(
    s: &View<'_>,
    rgb: Rgb,
    t: &mut ViewMut<'_>,
    sub: Sub,
    (range, matrix): Coding,
) -> Result<(), &'static str> {
    let (width, height) = (small(t.width)?, small(t.height)?);
    let [y, u, v] = t.planes();
    let mut image = YuvPlanarImageMut {
        y_stride: small(y.stride)?,
        y_plane: BufferStoreMut::Borrowed(y.data),
        u_stride: small(u.stride)?,
        u_plane: BufferStoreMut::Borrowed(u.data),
        v_stride: small(v.stride)?,
        v_plane: BufferStoreMut::Borrowed(v.data),
        width,
        height,
    };
    let call = match (sub.columns, sub.rows, rgb.bytes, rgb.bgr) {
        (2, 2, 3, false) => yuv::rgb_to_yuv420,
        (2, 2, 3, true) => yuv::bgr_to_yuv420,
        (2, 2, _, false) => yuv::rgba_to_yuv420,
        (2, 2, _, true) => yuv::bgra_to_yuv420,
        (2, _, 3, false) => yuv::rgb_to_yuv422,
        (2, _, 3, true) => yuv::bgr_to_yuv422,
        (2, _, _, false) => yuv::rgba_to_yuv422,
        (2, _, _, true) => yuv::bgra_to_yuv422,
        (_, _, 3, false) => yuv::rgb_to_yuv444,
        (_, _, 3, true) => yuv::bgr_to_yuv444,
        (_, _, _, false) => yuv::rgba_to_yuv444,
        (_, _, _, true) => yuv::bgra_to_yuv444,
    };
    let pixels = s.plane(0);
    call(
        &mut image,
        pixels.data,
        small(pixels.stride)?,
        range,
        matrix,
        MODE,
    )
    .map_err(|_| "converting RGB to planes")
}

fn grey_to_rgb(
    s: &View<'_>,
    t: &mut ViewMut<'_>,
    rgb: Rgb,
    (range, matrix): Coding,
) -> Result<(), &'static str> {
    let y = s.plane(0);
    let image = YuvGrayImage {
        y_plane: y.data,
        y_stride: small(y.stride)?,
        width: small(s.width)?,
        height: small(s.height)?,
    };
    let call = match (rgb.bytes, rgb.bgr) {
        (3, false) => yuv::yuv400_to_rgb,
        (3, true) => yuv::yuv400_to_bgr,
        (_, false) => yuv::yuv400_to_rgba,
        (_, true) => yuv::yuv400_to_bgra,
    };
    let pixels = t.plane(0);
    call(&image, pixels.data, small(pixels.stride)?, range, matrix)
        .map_err(|_| "converting grey to RGB")
}

fn rgb_to_grey(
    s: &View<'_>,
    rgb: Rgb,
    t: &mut ViewMut<'_>,
    (range, matrix): Coding,
) -> Result<(), &'static str> {
    let (width, height) = (small(t.width)?, small(t.height)?);
    let y = t.plane(0);
    let mut image = YuvGrayImageMut {
        y_stride: small(y.stride)?,
        y_plane: BufferStoreMut::Borrowed(y.data),
        width,
        height,
    };
    let call = match (rgb.bytes, rgb.bgr) {
        (3, false) => yuv::rgb_to_yuv400,
        (3, true) => yuv::bgr_to_yuv400,
        (_, false) => yuv::rgba_to_yuv400,
        (_, true) => yuv::bgra_to_yuv400,
    };
    let pixels = s.plane(0);
    call(
        &mut image,
        pixels.data,
        small(pixels.stride)?,
        range,
        matrix,
    )
    .map_err(|_| "converting RGB to grey")
}
