//! Saves a picture as a PNG or JPEG file, depending on the file's name.
//!
//! It accepts the formats of `convert::formats()` (8-bit YUV, RGB and grey) and the JPEG images of
//! a camera (MJPG, JPEG). Saved as JPEG, those keep their bytes; the Huffman tables that most
//! cameras leave out are added.
//!
//! The file appears complete or not at all: it is written under another name next to it
//! (`.NAME.XXXXXXXX.part`) and renamed at the end. A device, a FIFO or the target of a symbolic
//! link is written in place.
//!
//! Needs the cargo feature `snapshot`; without it [`save`] returns an error.

#[cfg(feature = "snapshot")]
mod rgb;
#[cfg(feature = "snapshot")]
mod write;

use std::path::Path;

use crate::colorimetry::Colorimetry;
#[cfg(feature = "snapshot")]
use crate::jpeg;
use crate::picture::Picture;
pub use crate::record::RecordError;

/// Quality of JPEG files, 1 to 100.
pub const JPEG_QUALITY: u8 = 90;

/// Image formats by file name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Png,
    Jpeg,
}

impl Kind {
    fn of(path: &Path) -> Result<Self, RecordError> {
        let extension = path
            .extension()
            .and_then(|extension| extension.to_str())
            .unwrap_or("");
        match extension.to_ascii_lowercase().as_str() {
            "png" => Ok(Self::Png),
            "jpg" | "jpeg" => Ok(Self::Jpeg),
            _ => Err(RecordError::ImageExtension { path: path.into() }),
        }
    }
}

/// Checks that a file name has a supported extension, before anything is set up.
///
/// # Errors
/// [`RecordError::ImageExtension`].
pub fn check_path(path: impl AsRef<Path>) -> Result<(), RecordError> {
    Kind::of(path.as_ref()).map(drop)
}

/// Writes `picture` to `path`, whose name ends in `.png`, `.jpg` or `.jpeg`. An existing file is
/// replaced.
///
/// # Errors
/// [`RecordError`]: an unsupported extension, a picture that can't be converted, or the system's
/// error. No new file is left behind then, and an existing one stays.
///
/// ```no_run
/// # use videostream::{Colorimetry, Picture};
/// # use videostream::hal::format::{FourCc, Layout};
/// let layout = Layout::new(FourCc::NV12, 640, 480)?;
/// let bytes = vec![128; layout.size as usize];
/// let picture = Picture::new(&bytes, &layout)?;
/// videostream::snapshot::save("grey.png", &picture, Colorimetry::default())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn save(
    path: impl AsRef<Path>,
    picture: &Picture<'_>,
    colorimetry: Colorimetry,
) -> Result<(), RecordError> {
    save_with_quality(path, picture, colorimetry, JPEG_QUALITY)
}

/// Works like [`save`], with the quality of a JPEG file, 1 to 100. It has no effect on PNG, or on
/// the image of a camera, which is kept unchanged.
///
/// # Errors
/// As [`save`]; [`RecordError::Quality`].
pub fn save_with_quality(
    path: impl AsRef<Path>,
    picture: &Picture<'_>,
    colorimetry: Colorimetry,
    quality: u8,
) -> Result<(), RecordError> {
    let path = path.as_ref();
    let kind = Kind::of(path)?;
    if !(1..=100).contains(&quality) {
        return Err(RecordError::Quality(quality));
    }
    #[cfg(feature = "snapshot")]
    {
        let (width, height) = (picture.width(), picture.height());
        if !jpeg::is_jpeg(picture.fourcc()) {
            let rgb = rgb::to_rgb(picture, colorimetry)?;
            return write::save(path, (kind, quality), &rgb, (width, height), colorimetry);
        }
        let bytes = picture.planes().first().map_or(&[][..], |plane| plane.data);
        let image = jpeg::whole(bytes)?;
        // No file is created for an incomplete image.
        let (rgb, width, height) = jpeg::to_rgb(&image, width, height)?;
        match kind {
            Kind::Jpeg => write::save_bytes(path, &image),
            Kind::Png => write::save(path, (kind, quality), &rgb, (width, height), colorimetry),
        }
    }
    #[cfg(not(feature = "snapshot"))]
    {
        let _ = (kind, picture, colorimetry);
        Err(RecordError::NotBuilt {
            path: path.into(),
            feature: "snapshot",
        })
    }
}
