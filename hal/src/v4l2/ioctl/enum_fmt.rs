//! `VIDIOC_ENUM_FMT`.

use core::fmt;

use bitflags::bitflags;
use rustix::fd::BorrowedFd;
use videostream_sys::v4l2 as sys;

use super::request::{EnumFmt, call};
use super::text;
use crate::Error;
use crate::format::{FourCc, MbusCode};
use crate::v4l2::BufType;

bitflags! {
    /// `V4L2_FMT_FLAG_*`: properties of a format.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct FormatFlags: u32 {
        /// Compressed.
        const COMPRESSED = sys::V4L2_FMT_FLAG_COMPRESSED;
        /// Emulated: a library converts to it.
        const EMULATED = sys::V4L2_FMT_FLAG_EMULATED;
        /// A byte stream that buffers may split anywhere.
        const CONTINUOUS_BYTESTREAM = sys::V4L2_FMT_FLAG_CONTINUOUS_BYTESTREAM;
        /// The picture size may change within the stream.
        const DYN_RESOLUTION = sys::V4L2_FMT_FLAG_DYN_RESOLUTION;
        /// The capture queue has its own frame interval (encoders).
        const ENC_CAP_FRAME_INTERVAL = sys::V4L2_FMT_FLAG_ENC_CAP_FRAME_INTERVAL;
        /// The driver converts to a requested colour space.
        const CSC_COLORSPACE = sys::V4L2_FMT_FLAG_CSC_COLORSPACE;
        /// The driver converts to a requested transfer function.
        const CSC_XFER_FUNC = sys::V4L2_FMT_FLAG_CSC_XFER_FUNC;
        /// The driver converts to a requested Y'CbCr or HSV encoding.
        const CSC_YCBCR_ENC = sys::V4L2_FMT_FLAG_CSC_YCBCR_ENC;
        /// The driver converts to a requested quantization.
        const CSC_QUANTIZATION = sys::V4L2_FMT_FLAG_CSC_QUANTIZATION;
        /// Line-based metadata.
        const META_LINE_BASED = sys::V4L2_FMT_FLAG_META_LINE_BASED;
        /// Bits unknown to this library.
        const _ = !0;
    }
}

/// `struct v4l2_fmtdesc`: a format of a queue.
#[derive(Clone, Copy)]
#[doc(alias = "v4l2_fmtdesc")]
pub struct FormatDescription {
    /// Pixel format.
    pub fourcc: FourCc,
    /// Properties of the format.
    pub flags: FormatFlags,
    description: [u8; 32],
}

impl FormatDescription {
    /// Returns the driver's human-readable description.
    #[must_use]
    pub fn description(&self) -> &str {
        text(&self.description)
    }
}

impl fmt::Debug for FormatDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FormatDescription")
            .field("fourcc", &self.fourcc)
            .field("flags", &self.flags)
            .field("description", &self.description())
            .finish()
    }
}

/// `VIDIOC_ENUM_FMT`: returns the format at `index`.
///
/// # Errors
/// - `EINVAL`: `index` is past the end, or the node has no such queue.
/// - `ENOTTY`: this kind of node has no formats.
pub fn enum_fmt(
    fd: BorrowedFd<'_>,
    buf_type: BufType,
    index: u32,
) -> Result<FormatDescription, Error> {
    enum_fmt_of(fd, buf_type, MbusCode(0), index)
}

/// `VIDIOC_ENUM_FMT`: returns the format at `index` among those that can hold pictures of a bus
/// format; code 0 selects all. Only nodes driven by the media controller
/// ([`Caps::IO_MC`](super::Caps)) filter by it.
///
/// # Errors
/// Those of [`enum_fmt`]; `EINVAL` also if the node does not support the code.
pub fn enum_fmt_of(
    fd: BorrowedFd<'_>,
    buf_type: BufType,
    code: MbusCode,
    index: u32,
) -> Result<FormatDescription, Error> {
    let mut raw = sys::v4l2_fmtdesc {
        index,
        type_: buf_type.raw(),
        mbus_code: code.0,
        ..Default::default()
    };
    call::<EnumFmt>(fd, &mut raw)?;
    Ok(FormatDescription {
        fourcc: FourCc(raw.pixelformat),
        flags: FormatFlags::from_bits_retain(raw.flags),
        description: raw.description,
    })
}
