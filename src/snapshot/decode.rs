//! JPEG to RGB.

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::SnapshotError;

/// An image of at most `width` x `height`: three bytes a pixel, rows without padding, and its own size.
pub(super) fn to_rgb(
    jpeg: &[u8],
    width: u32,
    height: u32,
) -> Result<(Vec<u8>, u32, u32), SnapshotError> {
    let failed = |reason: String| SnapshotError::Decode { reason };
    let options = DecoderOptions::default()
        .set_max_width(width as usize)
        .set_max_height(height as usize)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg), options);
    let rgb = decoder
        .decode()
        .map_err(|error| failed(error.to_string()))?;
    let info = decoder
        .info()
        .ok_or_else(|| failed("no header".to_owned()))?;
    let (width, height) = (u32::from(info.width), u32::from(info.height));
    if rgb.len() as u64 != u64::from(width) * u64::from(height) * 3 {
        return Err(failed(format!("{} bytes of pixels", rgb.len())));
    }
    Ok((rgb, width, height))
}
