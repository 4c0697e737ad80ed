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
use crate::v4l2::{BufType, Error, Memory, PixFormat};

/// What [`create_bufs`] gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "v4l2_create_buffers")]
pub struct Created {
    /// The first new buffer; with `count` 0 the number of buffers that there are.
    pub index: u32,
    /// New buffers; fewer than asked for when memory is short.
    pub count: u32,
    /// What the queue can do.
    pub capabilities: BufferCapabilities,
}

/// `VIDIOC_CREATE_BUFS`: adds buffers to a queue, for a format that may be larger than the
/// present one. With `count` 0 nothing is added: a question for the capabilities.
///
/// # Errors
/// - `ENOTTY`: the driver cannot add buffers.
/// - `EINVAL`: the memory type differs from that of the buffers there are, or the format is not
///   one of the driver's or smaller than the present.
/// - `EBUSY`: another handle owns the queue.
/// - `ENOMEM`: none could be had.
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
