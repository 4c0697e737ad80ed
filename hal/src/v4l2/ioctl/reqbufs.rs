//! `VIDIOC_REQBUFS`.

use bitflags::bitflags;
use rustix::fd::BorrowedFd;
use videostream_sys::v4l2 as sys;

use super::request::{ReqBufs, call};
use crate::v4l2::{BufType, Error, Memory};

bitflags! {
    /// `V4L2_BUF_CAP_*`: what a queue can do. Empty on kernels before 4.20.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct BufferCapabilities: u32 {
        /// Buffers of the driver.
        const MMAP = sys::V4L2_BUF_CAP_SUPPORTS_MMAP;
        /// Buffers by address.
        const USERPTR = sys::V4L2_BUF_CAP_SUPPORTS_USERPTR;
        /// Buffers by dma-buf.
        const DMABUF = sys::V4L2_BUF_CAP_SUPPORTS_DMABUF;
        /// Requests.
        const REQUESTS = sys::V4L2_BUF_CAP_SUPPORTS_REQUESTS;
        /// Freeing works while buffers are mapped or exported.
        const ORPHANED_BUFS = sys::V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS;
        /// A decoded buffer may be held back for the second field.
        const M2M_HOLD_CAPTURE_BUF = sys::V4L2_BUF_CAP_SUPPORTS_M2M_HOLD_CAPTURE_BUF;
        /// Cache hints are heeded.
        const MMAP_CACHE_HINTS = sys::V4L2_BUF_CAP_SUPPORTS_MMAP_CACHE_HINTS;
        /// `VIDIOC_CREATE_BUFS` reports the largest number of buffers.
        const MAX_NUM_BUFFERS = sys::V4L2_BUF_CAP_SUPPORTS_MAX_NUM_BUFFERS;
        /// Single buffers can be removed.
        const REMOVE_BUFS = sys::V4L2_BUF_CAP_SUPPORTS_REMOVE_BUFS;
        /// Bits that this library has no name for.
        const _ = !0;
    }
}

/// What [`reqbufs`] gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "v4l2_requestbuffers")]
pub struct Reqbufs {
    /// Buffers there are now: more than asked for when the driver needs them, fewer when
    /// memory is short.
    pub count: u32,
    /// What the queue can do.
    pub capabilities: BufferCapabilities,
}

/// `VIDIOC_REQBUFS`: allocates a queue's buffers, or frees them with `count` 0.
///
/// # Errors
/// - `EBUSY`: the queue streams, or another handle owns it; on old kernels also when buffers
///   are mapped or exported.
/// - `EINVAL`: the queue has no such memory type.
/// - `ENOMEM`: not even the driver's minimum could be had.
pub fn reqbufs(
    fd: BorrowedFd<'_>,
    buf_type: BufType,
    memory: Memory,
    count: u32,
) -> Result<Reqbufs, Error> {
    let mut raw = sys::v4l2_requestbuffers {
        count,
        type_: buf_type.raw(),
        memory: memory.raw(),
        ..Default::default()
    };
    call::<ReqBufs>(fd, &mut raw)?;
    Ok(Reqbufs {
        count: raw.count,
        capabilities: BufferCapabilities::from_bits_retain(raw.capabilities),
    })
}
