//! Why a picture has no layout.

use core::fmt;

use super::FourCc;

/// Why a picture has no layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The format table does not know the code.
    #[error("format {fourcc} is unknown; only the driver knows its layout")]
    Unknown {
        /// The requested code.
        fourcc: FourCc,
    },
    /// Compressed data has no planes.
    #[error("format {fourcc} is compressed and has no planes; use the driver's size")]
    Compressed {
        /// The requested code.
        fourcc: FourCc,
    },
    /// A picture without pixels.
    #[error("a picture of {width}x{height} has no pixels")]
    EmptyPicture {
        /// Requested width in pixels.
        width: u32,
        /// Requested height in lines.
        height: u32,
    },
    /// A size does not fit 32 bits, the width of V4L2's `sizeimage`.
    #[error(fmt = too_large)]
    TooLarge {
        /// The format.
        fourcc: FourCc,
        /// Requested width in pixels.
        width: u32,
        /// Requested height in lines.
        height: u32,
        /// Requested stride of the first plane in bytes; 0 if none was requested.
        stride: u32,
    },
    /// A line does not fit the stride.
    #[error("{stride} bytes per line are too few for {width} pixels of {fourcc} (plane {plane})")]
    StrideTooSmall {
        /// The format.
        fourcc: FourCc,
        /// Requested width in pixels.
        width: u32,
        /// Stride of the plane, in bytes.
        stride: u32,
        /// The plane whose line does not fit.
        plane: u32,
    },
    /// The memory is smaller than the picture.
    #[error("{size} bytes are too few for a picture in {fourcc}, which needs {need}")]
    BufferTooSmall {
        /// The format.
        fourcc: FourCc,
        /// Size of the memory in bytes.
        size: u32,
        /// Bytes that the lines need.
        need: u32,
    },
}

fn too_large(
    fourcc: &FourCc,
    width: &u32,
    height: &u32,
    stride: &u32,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    write!(f, "a picture of {width}x{height} in {fourcc}")?;
    if *stride != 0 {
        write!(f, " with {stride} bytes per line")?;
    }
    f.write_str(" needs more than 4 GiB")
}
