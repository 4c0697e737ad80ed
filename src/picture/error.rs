//! Errors of creating, converting or reading pictures.

use videostream_hal::format::FourCc;

use super::Rect;
#[cfg(feature = "convert")]
use crate::joined::joined;

/// An error of creating, converting, drawing or checking a picture.
///
/// Variants with `Jpeg` in the name concern one frame: the next one of the same camera may be
/// complete.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// A side is zero.
    #[error("picture of {width}x{height} pixels: both sides must be at least 1")]
    Empty {
        /// Width that was given.
        width: u32,
        /// Height that was given.
        height: u32,
    },
    /// The number of planes is not the format's.
    #[error("{has} planes given, which is not the number of planes of {fourcc}")]
    Planes {
        /// The format.
        fourcc: FourCc,
        /// Planes that were given.
        has: usize,
    },
    /// The planes lie in several memory parts, but one slice was given.
    #[error("planes of {fourcc} lie in {memories} memory parts: give each plane with from_planes")]
    Memories {
        /// The format.
        fourcc: FourCc,
        /// Memory parts that the layout has.
        memories: usize,
    },
    /// A plane ends after the end of the memory.
    #[error("plane {plane} needs {needs} bytes, but has {has}")]
    TooShort {
        /// Which plane, from 0.
        plane: usize,
        /// Bytes that are needed.
        needs: usize,
        /// Bytes that are there.
        has: usize,
    },
    /// Rows overlap.
    #[error("stride {stride} of plane {plane} is less than its row of {row_bytes} bytes")]
    Stride {
        /// Which plane, from 0.
        plane: usize,
        /// The stride that was given, in bytes.
        stride: usize,
        /// Bytes in a row of pixels.
        row_bytes: usize,
    },
    /// A plane begins before the end of the one before it.
    #[error("plane {plane} begins before the end of plane {}", plane.wrapping_sub(1))]
    Overlap {
        /// Which plane, from 0.
        plane: usize,
    },
    /// A rectangle that is empty, not inside the picture, or begins inside a chroma sample.
    #[error(
        "rectangle {}x{} at ({}, {}) must lie inside {width}x{height} and begin at a multiple of \
         ({}, {})",
        rect.width, rect.height, rect.x, rect.y, step.0, step.1
    )]
    Crop {
        /// The rectangle that was asked for.
        rect: Rect,
        /// Width of the picture.
        width: u32,
        /// Height of the picture.
        height: u32,
        /// Columns and rows that share a chroma sample.
        step: (u32, u32),
    },
    /// Memory for a picture is for another format or size than the picture's.
    #[error(
        "the memory is for {} {}x{}, but the picture is {} {}x{}",
        has.0, has.1, has.2, wants.0, wants.1, wants.2
    )]
    Target {
        /// Format, width and height of the memory.
        has: (FourCc, u32, u32),
        /// Format, width and height of the picture.
        wants: (FourCc, u32, u32),
    },
    /// A format whose rows are not known, or are not linear.
    #[error("the rows of pixel format {0} are not known or not linear")]
    Format(FourCc),
    /// Pictures of this format can't be converted.
    #[cfg(feature = "convert")]
    #[error("can't convert from {fourcc}, only from {}", joined(known, " "))]
    ConvertFrom {
        /// The picture's format.
        fourcc: FourCc,
        /// The formats that can be converted.
        known: Vec<FourCc>,
    },
    /// Pictures can't be converted to this format.
    #[cfg(feature = "convert")]
    #[error("can't convert to {fourcc}, only to {}", joined(known, " "))]
    ConvertTo {
        /// The format that was asked for.
        fourcc: FourCc,
        /// The formats that can be converted to.
        known: Vec<FourCc>,
    },
    /// A library rejects the picture, for instance because it is too large for it.
    #[cfg(feature = "convert")]
    #[error("{call} failed from {} {}x{} to {} {}x{}", from.0, from.1, from.2, to.0, to.1, to.2)]
    Convert {
        /// The operation.
        call: &'static str,
        /// Format, width and height of its input.
        from: (FourCc, u32, u32),
        /// Format, width and height of its output.
        to: (FourCc, u32, u32),
    },
    /// There is no test pattern in this pixel format.
    #[error("no test pattern in {0}: choose NV12, YU12, YUYV or RGB3")]
    PatternFormat(FourCc),
    /// There is no test pattern of this size.
    #[error(
        "no test pattern of {width}x{height}: both sides must be even, from \
         {}x{} to {}x{}", smallest.0, smallest.1, largest.0, largest.1
    )]
    PatternSize {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Least width and height in pixels.
        smallest: (u32, u32),
        /// Largest width and height in pixels.
        largest: (u32, u32),
    },
    /// The cells hold no code: not a pattern frame, or its code strip is damaged.
    #[error("not a pattern frame: the code strip holds no valid code")]
    NoPattern,
    /// The pattern's code is readable, but its strip has a changed byte.
    #[error("pattern frame {number} has a changed byte in its code strip")]
    PatternStrip {
        /// The frame number in the strip.
        number: u64,
    },
    /// The content is not that of this pattern frame: changed, torn, or of another frame.
    #[error(
        "pattern frame {number} is damaged or torn: checksum {found:08x}, expected {expected:08x}"
    )]
    PatternContent {
        /// The frame number in the strip.
        number: u64,
        /// The checksum in the strip.
        expected: u32,
        /// The checksum of the content.
        found: u32,
    },
    /// A source that is to be decoded does not deliver JPEG.
    #[error("the source's frames are {fourcc}, expected JPEG (MJPG or JPEG)")]
    NotJpeg {
        /// The source's format.
        fourcc: FourCc,
    },
    /// The frame does not begin with a JPEG image.
    #[error("{}", without_jpeg(*bytes))]
    NoJpeg {
        /// Its bytes.
        bytes: usize,
    },
    /// The JPEG image has no end: the camera or the bus lost a part.
    #[error("the JPEG image is truncated: no end (marker EOI) in {bytes} bytes")]
    JpegCut {
        /// Bytes that are there.
        bytes: usize,
    },
    /// The JPEG image is damaged, or of an unsupported kind.
    #[error("can't decode the JPEG image: {reason}")]
    JpegDamaged {
        /// The decoder's message.
        reason: String,
    },
    /// The JPEG image has another size than its frame.
    #[error("the JPEG image is {}x{}, but its frame {}x{}", has.0, has.1, wants.0, wants.1)]
    JpegSize {
        /// Width and height of the image.
        has: (u32, u32),
        /// Those of the frame.
        wants: (u32, u32),
    },
}

impl PictureError {
    /// Returns whether a frame's JPEG image is incomplete. The next one of the same camera may be
    /// complete.
    #[must_use]
    pub fn is_broken_jpeg(&self) -> bool {
        matches!(
            self,
            Self::NoJpeg { .. }
                | Self::JpegCut { .. }
                | Self::JpegDamaged { .. }
                | Self::JpegSize { .. }
        )
    }
}

fn without_jpeg(bytes: usize) -> String {
    match bytes {
        0 => "the frame is empty: it holds no JPEG image".to_owned(),
        bytes => format!("the {bytes} bytes of the frame hold no JPEG image"),
    }
}
