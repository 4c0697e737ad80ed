//! Pictures as packed RGB.

use videostream_hal::format::FourCc;
use yuv::{YuvBiPlanarImage, YuvConversionMode, YuvPackedImage, YuvPlanarImage};

use super::SnapshotError;
use crate::colorimetry::Colorimetry;
use crate::picture::Picture;

/// Three bytes a pixel, rows without padding.
pub(super) fn to_rgb(
    picture: &Picture<'_>,
    colorimetry: Colorimetry,
) -> Result<Vec<u8>, SnapshotError> {
    let fourcc = picture.fourcc();
    let (width, height) = (picture.width(), picture.height());
    let (range, matrix) = colorimetry.to_yuv();
    let known = fourcc
        .info()
        .and_then(|info| info.contiguous)
        .unwrap_or(fourcc);
    let mode = YuvConversionMode::Balanced;
    let failed = |reason: String| SnapshotError::Convert { reason };
    let small = |stride: usize| {
        u32::try_from(stride).map_err(|_| failed(format!("stride of {stride} bytes")))
    };
    let size = width as usize * height as usize * 3;
    let row = small(width as usize * 3)?;
    let mut rgb = Vec::new();
    let result = match (known, picture.planes()) {
        (FourCc::RGB3, [_]) => {
            rgb.reserve_exact(size);
            picture.rows(0).for_each(|row| rgb.extend_from_slice(row));
            Ok(())
        }
        (FourCc::NV12, [y, uv]) => {
            rgb.resize(size, 0);
            let image = YuvBiPlanarImage {
                y_plane: y.data,
                y_stride: small(y.stride)?,
                uv_plane: uv.data,
                uv_stride: small(uv.stride)?,
                width,
                height,
            };
            yuv::yuv_nv12_to_rgb(&image, &mut rgb, row, range, matrix, mode)
        }
        (FourCc::YU12, [y, u, v]) => {
            rgb.resize(size, 0);
            let image = YuvPlanarImage {
                y_plane: y.data,
                y_stride: small(y.stride)?,
                u_plane: u.data,
                u_stride: small(u.stride)?,
                v_plane: v.data,
                v_stride: small(v.stride)?,
                width,
                height,
            };
            yuv::yuv420_to_rgb(&image, &mut rgb, row, range, matrix)
        }
        (FourCc::YUYV, [_]) => {
            rgb.resize(size, 0);
            // The library wants whole rows with their padding, which the last may not have.
            let tight: Vec<u8> = picture.rows(0).flatten().copied().collect();
            let yuy_stride = small(tight.len() / height as usize)?;
            let image = YuvPackedImage {
                yuy: &tight,
                yuy_stride,
                width,
                height,
            };
            yuv::yuyv422_to_rgb(&image, &mut rgb, row, range, matrix)
        }
        _ => return Err(SnapshotError::Format(fourcc)),
    };
    result.map_err(|error| failed(error.to_string()))?;
    Ok(rgb)
}
