//! `VIDIOC_ENUM_FMT`.

use core::fmt;

use bitflags::bitflags;
use rustix::fd::BorrowedFd;
use videostream_sys::v4l2 as sys;

use super::request::{EnumFmt, call};
use super::text;
use crate::format::FourCc;
use crate::media::MbusCode;
use crate::v4l2::{BufType, Error};

bitflags! {
    /// `V4L2_FMT_FLAG_*`: what the driver says of a format.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct FormatFlags: u32 {
        /// Compressed.
        const COMPRESSED = sys::V4L2_FMT_FLAG_COMPRESSED;
        /// Not the device's own: a library converts.
        const EMULATED = sys::V4L2_FMT_FLAG_EMULATED;
        /// A whole stream, not one picture per buffer.
        const CONTINUOUS_BYTESTREAM = sys::V4L2_FMT_FLAG_CONTINUOUS_BYTESTREAM;
        /// The picture size may change inside the stream.
        const DYN_RESOLUTION = sys::V4L2_FMT_FLAG_DYN_RESOLUTION;
        /// The capture queue takes a frame interval (encoders).
        const ENC_CAP_FRAME_INTERVAL = sys::V4L2_FMT_FLAG_ENC_CAP_FRAME_INTERVAL;
        /// The driver converts to the colour space that is asked for.
        const CSC_COLORSPACE = sys::V4L2_FMT_FLAG_CSC_COLORSPACE;
        /// The driver converts to the transfer function that is asked for.
        const CSC_XFER_FUNC = sys::V4L2_FMT_FLAG_CSC_XFER_FUNC;
        /// The driver converts to the Y'CbCr or HSV encoding that is asked for.
        const CSC_YCBCR_ENC = sys::V4L2_FMT_FLAG_CSC_YCBCR_ENC;
        /// The driver converts to the quantization that is asked for.
        const CSC_QUANTIZATION = sys::V4L2_FMT_FLAG_CSC_QUANTIZATION;
        /// Metadata in lines.
        const META_LINE_BASED = sys::V4L2_FMT_FLAG_META_LINE_BASED;
        /// Bits that this library has no name for.
        const _ = !0;
    }
}

/// `struct v4l2_fmtdesc`: a format that a queue offers.
#[derive(Clone, Copy)]
#[doc(alias = "v4l2_fmtdesc")]
pub struct FormatDescription {
    /// Pixel format.
    pub fourcc: FourCc,
    /// What the driver says of it.
    pub flags: FormatFlags,
    description: [u8; 32],
}

impl FormatDescription {
    /// The driver's words for people.
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

/// `VIDIOC_ENUM_FMT`: the format at `index`.
///
/// # Errors
/// - `EINVAL`: `index` is past the last format, or the node has no such queue.
/// - `ENOTTY`: no formats on this kind of node.
pub fn enum_fmt(
    fd: BorrowedFd<'_>,
    buf_type: BufType,
    index: u32,
) -> Result<FormatDescription, Error> {
    enum_fmt_of(fd, buf_type, MbusCode(0), index)
}

/// `VIDIOC_ENUM_FMT`: the format at `index` among those that pictures of a format on the bus can
/// be written in; code 0 for any. Only nodes that are driven by the media controller
/// ([`Caps::IO_MC`](super::Caps)) heed it.
///
/// # Errors
/// As for [`enum_fmt`]; `EINVAL` also where the node takes nothing of that code.
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
