//! Why memory is not a picture, with the numbers that show it.

use core::fmt;

use videostream_hal::format::FourCc;

use super::Rect;

/// Why memory is not a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PictureError {
    /// A side is zero.
    Empty {
        /// Width that was given.
        width: u32,
        /// Height that was given.
        height: u32,
    },
    /// The number of planes is not the format's.
    Planes {
        /// The format.
        fourcc: FourCc,
        /// Planes that were given.
        has: usize,
    },
    /// The planes lie in several memory parts, but one slice was given.
    Memories {
        /// The format.
        fourcc: FourCc,
        /// Memory parts that the layout has.
        memories: usize,
    },
    /// A plane ends behind the memory.
    TooShort {
        /// Which plane, from 0.
        plane: usize,
        /// Bytes that are needed.
        needs: usize,
        /// Bytes that are there.
        has: usize,
    },
    /// Rows overlap.
    Stride {
        /// Which plane, from 0.
        plane: usize,
        /// The stride that was given, in bytes.
        stride: usize,
        /// Bytes in a row of pixels.
        row_bytes: usize,
    },
    /// A plane begins before the end of the one before it.
    Overlap {
        /// Which plane, from 0.
        plane: usize,
    },
    /// A rectangle that is not inside the picture, or starts at an odd pixel.
    Crop {
        /// The rectangle that was asked for.
        rect: Rect,
        /// Width of the picture.
        width: u32,
        /// Height of the picture.
        height: u32,
    },
    /// Memory for a picture is for another format or size than the picture's.
    Target {
        /// Format, width and height of the memory.
        has: (FourCc, u32, u32),
        /// Format, width and height of the picture.
        wants: (FourCc, u32, u32),
    },
    /// A format whose rows are not known, or are not linear.
    Format(FourCc),
}

impl fmt::Display for PictureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Empty { width, height } => {
                write!(
                    f,
                    "picture of {width}x{height} pixels: both sides must be at least 1"
                )
            }
            Self::Planes { fourcc, has } => {
                write!(
                    f,
                    "{has} planes given, which is not the number of planes of {fourcc}"
                )
            }
            Self::Memories { fourcc, memories } => write!(
                f,
                "planes of {fourcc} lie in {memories} memory parts: give each plane with from_planes"
            ),
            Self::TooShort { plane, needs, has } => {
                write!(f, "plane {plane} needs {needs} bytes, but there are {has}")
            }
            Self::Stride {
                plane,
                stride,
                row_bytes,
            } => {
                write!(
                    f,
                    "stride {stride} of plane {plane} is less than its row of {row_bytes} bytes"
                )
            }
            Self::Overlap { plane } => {
                write!(
                    f,
                    "plane {plane} begins before the end of plane {}",
                    plane.wrapping_sub(1)
                )
            }
            Self::Crop {
                rect:
                    Rect {
                        x,
                        y,
                        width: w,
                        height: h,
                    },
                width,
                height,
            } => write!(
                f,
                "rectangle {w}x{h} at ({x}, {y}) must begin at even pixels and lie inside {width}x{height}"
            ),
            Self::Target {
                has: (format, w, h),
                wants: (wanted, width, height),
            } => write!(
                f,
                "the memory is for {format} {w}x{h}, but the picture is {wanted} {width}x{height}"
            ),
            Self::Format(fourcc) => {
                write!(
                    f,
                    "the rows of pixel format {fourcc} are not known or not linear"
                )
            }
        }
    }
}

impl core::error::Error for PictureError {}
