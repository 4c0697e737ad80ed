//! Why a pattern can't be made, or a picture is no pattern frame.

use core::fmt;

use videostream_hal::format::FourCc;

use super::geometry::{MAX_SIDE, MIN_HEIGHT, MIN_WIDTH};

/// Why a pattern can't be made, or a picture is no unchanged pattern frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PatternError {
    /// There is no pattern in this pixel format.
    Format(FourCc),
    /// There is no pattern of this size.
    Size {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The picture to draw into is not what the pattern was made for.
    Mismatch {
        /// Format, width and height of the picture.
        has: (FourCc, u32, u32),
        /// Format, width and height of the pattern.
        wants: (FourCc, u32, u32),
    },
    /// The cells hold no code: not a pattern frame, or its code strip is damaged.
    NoCode,
    /// The code is readable, but the strip has a changed byte.
    Strip {
        /// The frame number that the strip says.
        number: u64,
    },
    /// The content is not that of this frame: changed, torn, or of another frame.
    Content {
        /// The frame number that the strip says.
        number: u64,
        /// The checksum that the strip says.
        expected: u32,
        /// The checksum of what is there.
        found: u32,
    },
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Format(fourcc) => {
                write!(
                    f,
                    "no test pattern in {fourcc}: choose NV12, YU12, YUYV or RGB3"
                )
            }
            Self::Size { width, height } => write!(
                f,
                "no test pattern of {width}x{height}: both sides must be even, \
                 from {MIN_WIDTH}x{MIN_HEIGHT} to {MAX_SIDE}x{MAX_SIDE}"
            ),
            Self::Mismatch {
                has: (format, w, h),
                wants: (pattern, width, height),
            } => write!(
                f,
                "picture is {format} {w}x{h}, but the pattern was made for {pattern} {width}x{height}"
            ),
            Self::NoCode => write!(f, "no pattern frame: the code strip holds no valid code"),
            Self::Strip { number } => {
                write!(
                    f,
                    "pattern frame {number} has a changed byte in its code strip"
                )
            }
            Self::Content {
                number,
                expected,
                found,
            } => write!(
                f,
                "pattern frame {number} is damaged or torn: checksum {found:08x}, expected {expected:08x}"
            ),
        }
    }
}

impl core::error::Error for PatternError {}
