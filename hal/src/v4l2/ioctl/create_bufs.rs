//! `VIDIOC_CREATE_BUFS`.
#![expect(
    unsafe_code,
    reason = "the argument holds a format, a union in which overlays have pointers"
)]

use rustix::fd::BorrowedFd;
use videostream_sys::v4l2 as sys;

use super::BufferCapabilities;
use super::fmt::to_raw;
use super::request::{CreateBufs, call_with_pointers};
use crate::Error;
use crate::v4l2::{BufType, Memory, PixFormat};

/// The result of [`create_bufs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "v4l2_create_buffers")]
pub struct Created {
    /// The first new buffer; with `count` 0 the number of existing buffers.
    pub index: u32,
    /// Number of new buffers; fewer than requested when memory is short.
    pub count: u32,
    /// Capabilities of the queue.
    pub capabilities: BufferCapabilities,
}

/// `VIDIOC_CREATE_BUFS`: adds buffers to a queue, for a format that may be larger than the current
/// one. A `count` of 0 adds nothing and only queries the capabilities.
///
/// # Errors
/// - `ENOTTY`: the driver cannot add buffers.
/// - `EINVAL`: the memory type differs from that of the existing buffers, or the format is unknown
///   to the driver or smaller than the current one.
/// - `EBUSY`: another handle owns the queue.
/// - `ENOMEM`: no buffer could be allocated.
pub fn create_bufs(
    fd: BorrowedFd<'_>,
    buf_type: BufType,
    memory: Memory,
    count: u32,
    format: &PixFormat,
) -> Result<Created, Error> {
    let mut raw = sys::v4l2_create_buffers {
        count,
        memory: memory.raw(),
        format: to_raw(buf_type, format),
        ..Default::default()
    };
    // SAFETY: only overlay formats (`win`) hold pointers that the kernel follows, and `BufType`
    // has no overlay queue.
    unsafe { call_with_pointers::<CreateBufs>(fd, &mut raw) }?;
    Ok(Created {
        index: raw.index,
        count: raw.count,
        capabilities: BufferCapabilities::from_bits_retain(raw.capabilities),
    })
}
