//! What goes wrong while saving a picture.

use core::fmt;
use std::io;
use std::path::PathBuf;

use videostream_hal::format::FourCc;

use crate::jpeg::JpegError;

/// Why a picture was not saved.
#[derive(Debug)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The file name says no format that can be written.
    Extension {
        /// The file.
        path: PathBuf,
    },
    /// Image formats were left out of this build.
    NotBuilt {
        /// The file.
        path: PathBuf,
    },
    /// Pictures of this pixel format can't be converted.
    Format(FourCc),
    /// The frame, of JPEG, holds no image that is whole. The next one may.
    Jpeg(JpegError),
    /// The picture is larger than the image format allows.
    Size {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// A quality that is not from 1 to 100.
    Quality(u8),
    /// The conversion failed, which a checked picture should not cause.
    Convert {
        /// What the conversion says.
        reason: String,
    },
    /// The file could not be written.
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Extension { path } => {
                write!(
                    f,
                    "{}: the file name must end in .png, .jpg or .jpeg",
                    path.display()
                )
            }
            Self::NotBuilt { path } => write!(
                f,
                "{}: build with the cargo feature `snapshot` to write images",
                path.display()
            ),
            Self::Format(fourcc) => {
                write!(
                    f,
                    "can't save a picture in {fourcc}: it must be MJPG, or 8-bit YUV, RGB or grey, such as NV12, YUYV or RGB3"
                )
            }
            Self::Jpeg(error) => error.fmt(f),
            Self::Quality(quality) => {
                write!(
                    f,
                    "a JPEG file can't have quality {quality}: choose 1 to 100"
                )
            }
            Self::Size { width, height } => {
                write!(
                    f,
                    "can't save a picture of {width}x{height}: JPEG allows up to 65535 a side"
                )
            }
            Self::Convert { reason } => write!(f, "can't convert the picture to RGB: {reason}"),
            Self::Write { path, error } => write!(f, "can't write {}: {error}", path.display()),
        }
    }
}

impl core::error::Error for SnapshotError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Write { error, .. } => Some(error),
            Self::Jpeg(error) => Some(error),
            _ => None,
        }
    }
}
