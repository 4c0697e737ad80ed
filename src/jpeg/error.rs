//! What is wrong with an image.

use core::fmt;

/// Why a frame is no JPEG image that can be used. The next one of the same camera may be whole.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum JpegError {
    /// It does not begin as one.
    NoImage {
        /// Its bytes.
        bytes: usize,
    },
    /// It has no end: the camera or the bus has lost a part.
    Cut {
        /// Bytes that are there.
        bytes: usize,
    },
    /// It is damaged, or of a kind that is not decoded.
    Damaged {
        /// What the decoder says.
        reason: String,
    },
    /// It is of another size than its frame says.
    Size {
        /// Width and height of the image.
        has: (u32, u32),
        /// Those of the frame.
        wants: (u32, u32),
    },
}

impl fmt::Display for JpegError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoImage { bytes: 0 } => f.write_str("the frame is empty: it holds no JPEG image"),
            Self::NoImage { bytes } => {
                write!(f, "the {bytes} bytes of the frame hold no JPEG image")
            }
            Self::Cut { bytes } => write!(
                f,
                "the JPEG image is cut: no end (marker EOI) in {bytes} bytes"
            ),
            Self::Damaged { reason } => write!(f, "can't decode the JPEG image: {reason}"),
            Self::Size { has, wants } => write!(
                f,
                "the JPEG image is {}x{}, but its frame {}x{}",
                has.0, has.1, wants.0, wants.1
            ),
        }
    }
}

impl core::error::Error for JpegError {}
