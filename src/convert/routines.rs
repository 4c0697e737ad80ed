//! The routines of the crate `yuv` between YUV and RGB, by the shapes of both pictures.
//!
//! There is one for each order of bytes, in tables of four: RGB, BGR, and both with a fourth byte.

use yuv::{
    BufferStoreMut, YuvBiPlanarImage, YuvBiPlanarImageMut, YuvConversionMode, YuvGrayImage,
    YuvGrayImageMut, YuvPlanarImage, YuvPlanarImageMut, YuvRange, YuvStandardMatrix,
};

use super::arrange::small;
use super::shape::{Kind, Rgb, Shape};
use super::view::{View, ViewMut};

/// Range and matrix of YUV, in the crate's terms.
pub(super) type Coding = (YuvRange, YuvStandardMatrix);

const MODE: YuvConversionMode = YuvConversionMode::Balanced;

/// Returns the index of the routine for `rgb` in a table.
fn order(rgb: Rgb) -> usize {
    2 * usize::from(rgb.bytes == 4) + usize::from(rgb.bgr)
}

/// Converts YUV to RGB: luma alone, with planes of chroma, or with a plane of pairs in 4:2:0.
pub(super) fn to_rgb(
    s: &View<'_>,
    t: &mut ViewMut<'_>,
    rgb: Rgb,
    (range, matrix): Coding,
) -> Result<(), &'static str> {
    let (width, height) = (small(s.width)?, small(s.height)?);
    let [y, u, v] = [0, 1, 2].map(|plane| s.plane(plane));
    let [y_stride, u_stride, v_stride] = strides([y.stride, u.stride, v.stride])?;
    let (y_plane, order, pixels) = (y.data, order(rgb), t.plane(0));
    let (rgb, stride) = (pixels.data, small(pixels.stride)?);
    let made = match s.shape {
        Shape::Yuv(yuv) if yuv.kind == Kind::Semi => {
            let routine = match yuv.swapped {
                false => [
                    yuv::yuv_nv12_to_rgb,
                    yuv::yuv_nv12_to_bgr,
                    yuv::yuv_nv12_to_rgba,
                    yuv::yuv_nv12_to_bgra,
                ],
                true => [
                    yuv::yuv_nv21_to_rgb,
                    yuv::yuv_nv21_to_bgr,
                    yuv::yuv_nv21_to_rgba,
                    yuv::yuv_nv21_to_bgra,
                ],
            }[order];
            let image = YuvBiPlanarImage {
                y_plane,
                y_stride,
                uv_plane: u.data,
                uv_stride: u_stride,
                width,
                height,
            };
            routine(&image, rgb, stride, range, matrix, MODE)
        }
        Shape::Yuv(yuv) => {
            let routine = match (yuv.sub.columns, yuv.sub.rows) {
                (2, 2) => [
                    yuv::yuv420_to_rgb,
                    yuv::yuv420_to_bgr,
                    yuv::yuv420_to_rgba,
                    yuv::yuv420_to_bgra,
                ],
                (2, _) => [
                    yuv::yuv422_to_rgb,
                    yuv::yuv422_to_bgr,
                    yuv::yuv422_to_rgba,
                    yuv::yuv422_to_bgra,
                ],
                _ => [
                    yuv::yuv444_to_rgb,
                    yuv::yuv444_to_bgr,
                    yuv::yuv444_to_rgba,
                    yuv::yuv444_to_bgra,
                ],
            }[order];
            let image = YuvPlanarImage {
                y_plane,
                y_stride,
                u_plane: u.data,
                u_stride,
                v_plane: v.data,
                v_stride,
                width,
                height,
            };
            routine(&image, rgb, stride, range, matrix)
        }
        _ => {
            let routine = [
                yuv::yuv400_to_rgb,
                yuv::yuv400_to_bgr,
                yuv::yuv400_to_rgba,
                yuv::yuv400_to_bgra,
            ][order];
            let image = YuvGrayImage {
                y_plane,
                y_stride,
                width,
                height,
            };
            routine(&image, rgb, stride, range, matrix)
        }
    };
    made.map_err(|_| "converting luma and chroma to RGB")
}

/// Converts RGB to YUV, the reverse of [`to_rgb`].
pub(super) fn from_rgb(
    s: &View<'_>,
    rgb: Rgb,
    t: &mut ViewMut<'_>,
    (range, matrix): Coding,
) -> Result<(), &'static str> {
    let (shape, width, height) = (t.shape, small(t.width)?, small(t.height)?);
    let [y, u, v] = t.planes();
    let [y_stride, u_stride, v_stride] = strides([y.stride, u.stride, v.stride])?;
    let [y_plane, u_plane, v_plane] = [y, u, v].map(|plane| BufferStoreMut::Borrowed(plane.data));
    let (order, pixels) = (order(rgb), s.plane(0));
    let (rgb, stride) = (pixels.data, small(pixels.stride)?);
    let made = match shape {
        Shape::Yuv(yuv) if yuv.kind == Kind::Semi => {
            let routine = match yuv.swapped {
                false => [
                    yuv::rgb_to_yuv_nv12,
                    yuv::bgr_to_yuv_nv12,
                    yuv::rgba_to_yuv_nv12,
                    yuv::bgra_to_yuv_nv12,
                ],
                true => [
                    yuv::rgb_to_yuv_nv21,
                    yuv::bgr_to_yuv_nv21,
                    yuv::rgba_to_yuv_nv21,
                    yuv::bgra_to_yuv_nv21,
                ],
            }[order];
            let mut image = YuvBiPlanarImageMut {
                y_plane,
                y_stride,
                uv_plane: u_plane,
                uv_stride: u_stride,
                width,
                height,
            };
            routine(&mut image, rgb, stride, range, matrix, MODE)
        }
        Shape::Yuv(yuv) => {
            let routine = match (yuv.sub.columns, yuv.sub.rows) {
                (2, 2) => [
                    yuv::rgb_to_yuv420,
                    yuv::bgr_to_yuv420,
                    yuv::rgba_to_yuv420,
                    yuv::bgra_to_yuv420,
                ],
                (2, _) => [
                    yuv::rgb_to_yuv422,
                    yuv::bgr_to_yuv422,
                    yuv::rgba_to_yuv422,
                    yuv::bgra_to_yuv422,
                ],
                _ => [
                    yuv::rgb_to_yuv444,
                    yuv::bgr_to_yuv444,
                    yuv::rgba_to_yuv444,
                    yuv::bgra_to_yuv444,
                ],
            }[order];
            let mut image = YuvPlanarImageMut {
                y_plane,
                y_stride,
                u_plane,
                u_stride,
                v_plane,
                v_stride,
                width,
                height,
            };
            routine(&mut image, rgb, stride, range, matrix, MODE)
        }
        _ => {
            let routine = [
                yuv::rgb_to_yuv400,
                yuv::bgr_to_yuv400,
                yuv::rgba_to_yuv400,
                yuv::bgra_to_yuv400,
            ][order];
            let mut image = YuvGrayImageMut {
                y_plane,
                y_stride,
                width,
                height,
            };
            routine(&mut image, rgb, stride, range, matrix)
        }
    };
    made.map_err(|_| "converting RGB to luma and chroma")
}

fn strides(bytes: [usize; 3]) -> Result<[u32; 3], &'static str> {
    let [y, u, v] = bytes.map(small);
    Ok([y?, u?, v?])
}
