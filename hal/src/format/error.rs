//! Why a picture has no layout.

use core::fmt;

use super::FourCc;

/// Why there is no layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FormatError {
    /// The format table does not know the code.
    Unknown {
        /// The code asked for.
        fourcc: FourCc,
    },
    /// Compressed data has no planes.
    Compressed {
        /// The code asked for.
        fourcc: FourCc,
    },
    /// A picture without pixels.
    EmptyPicture {
        /// Pixels per line asked for.
        width: u32,
        /// Lines asked for.
        height: u32,
    },
    /// A size does not fit 32 bits, the width of V4L2's `sizeimage`.
    TooLarge {
        /// The format.
        fourcc: FourCc,
        /// Pixels per line asked for.
        width: u32,
        /// Lines asked for.
        height: u32,
        /// Stride of the first plane asked for in bytes; 0 if none was.
        stride: u32,
    },
    /// A line does not fit the stride.
    StrideTooSmall {
        /// The format.
        fourcc: FourCc,
        /// Pixels per line asked for.
        width: u32,
        /// Stride of the plane, in bytes.
        stride: u32,
        /// The plane whose line does not fit.
        plane: u32,
    },
    /// The memory is smaller than the picture.
    BufferTooSmall {
        /// The format.
        fourcc: FourCc,
        /// Bytes there are.
        size: u32,
        /// Bytes that the lines take.
        need: u32,
    },
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Unknown { fourcc } => {
                write!(
                    f,
                    "format {fourcc} is not known; its layout is the driver's"
                )
            }
            Self::Compressed { fourcc } => write!(
                f,
                "format {fourcc} is compressed and has no planes; use the size the driver states"
            ),
            Self::EmptyPicture { width, height } => {
                write!(f, "a picture of {width}x{height} has no pixels")
            }
            Self::TooLarge {
                fourcc,
                width,
                height,
                stride,
            } => {
                write!(f, "a picture of {width}x{height} in {fourcc}")?;
                if stride != 0 {
                    write!(f, " with {stride} bytes per line")?;
                }
                f.write_str(" takes more than 4 GiB")
            }
            Self::StrideTooSmall {
                fourcc,
                width,
                stride,
                plane,
            } => write!(
                f,
                "{stride} bytes per line are too few for {width} pixels of {fourcc} (plane {plane})"
            ),
            Self::BufferTooSmall { fourcc, size, need } => write!(
                f,
                "{size} bytes do not hold a picture of {fourcc} that takes {need}"
            ),
        }
    }
}

impl core::error::Error for FormatError {}
