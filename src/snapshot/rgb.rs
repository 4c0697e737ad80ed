//! Pictures as packed RGB.

use videostream_hal::format::{FourCc, Layout};

use super::RecordError;
use crate::colorimetry::Colorimetry;
use crate::convert::{self, Convert, Options};
use crate::picture::{Picture, PictureMut};

/// Converts a picture to RGB: three bytes per pixel, rows without padding.
pub(super) fn to_rgb(
    picture: &Picture<'_>,
    colorimetry: Colorimetry,
) -> Result<Vec<u8>, RecordError> {
    if !convert::is_known(picture.fourcc()) {
        return Err(RecordError::ImageFormat(picture.fourcc()));
    }
    let (width, height) = (picture.width(), picture.height());
    let too_large = |_| RecordError::Size { width, height };
    let layout = Layout::new(FourCc::RGB3, width, height).map_err(too_large)?;
    let mut rgb = vec![0; layout.size as usize];
    let mut target = PictureMut::new(&mut rgb, &layout)?;
    let options = Options {
        from: colorimetry,
        ..Options::default()
    };
    Convert::new().convert(picture, &mut target, &options)?;
    Ok(rgb)
}
