//! Why a picture is not converted.

use core::fmt;

use videostream_hal::format::FourCc;

use crate::picture::Rect;

/// Why a picture is not converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConvertError {
    /// Pictures of this format can't be read.
    Source(FourCc),
    /// Pictures of this format can't be made.
    Target(FourCc),
    /// The rectangle is empty, not inside the picture, or begins inside a chroma sample.
    Crop {
        /// The rectangle.
        rect: Rect,
        /// Format of the picture.
        fourcc: FourCc,
        /// Width of the picture.
        width: u32,
        /// Height of the picture.
        height: u32,
        /// Columns and rows that share a chroma sample.
        step: (u32, u32),
    },
    /// A library refuses the picture, for instance since it is too large for it.
    Refused {
        /// What was to be done.
        call: &'static str,
        /// Format, width and height that it was done from.
        from: (FourCc, u32, u32),
        /// Format, width and height that it was to lead to.
        to: (FourCc, u32, u32),
    },
}

impl fmt::Display for ConvertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Source(fourcc) => {
                write!(f, "can't convert from {fourcc}, only from")?;
                list(f)
            }
            Self::Target(fourcc) => {
                write!(f, "can't convert to {fourcc}, only to")?;
                list(f)
            }
            Self::Crop {
                rect,
                fourcc,
                width,
                height,
                step: (columns, rows),
            } => {
                let Rect {
                    x,
                    y,
                    width: w,
                    height: h,
                } = rect;
                write!(
                    f,
                    "rectangle {w}x{h} at ({x}, {y}) must lie inside {fourcc} {width}x{height} and begin at \
                     a multiple of ({columns}, {rows})"
                )
            }
            Self::Refused {
                call,
                from: (source, w, h),
                to: (target, width, height),
            } => write!(
                f,
                "{call} failed from {source} {w}x{h} to {target} {width}x{height}"
            ),
        }
    }
}

/// The formats that are converted, each way.
fn list(f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut formats = super::formats();
    formats.try_for_each(|fourcc| write!(f, " {fourcc}"))
}

impl core::error::Error for ConvertError {}
