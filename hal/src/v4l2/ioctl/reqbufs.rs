//! `VIDIOC_REQBUFS`.

use bitflags::bitflags;
use rustix::fd::BorrowedFd;
use videostream_sys::v4l2 as sys;

use super::request::{ReqBufs, call};
use crate::Error;
use crate::v4l2::{BufType, Memory};

bitflags! {
    /// `V4L2_BUF_CAP_*`: the capabilities of a queue; empty on kernels before 4.20.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct BufferCapabilities: u32 {
        /// Buffers in the driver's memory.
        const MMAP = sys::V4L2_BUF_CAP_SUPPORTS_MMAP;
        /// Buffers by address.
        const USERPTR = sys::V4L2_BUF_CAP_SUPPORTS_USERPTR;
        /// Buffers by dma-buf.
        const DMABUF = sys::V4L2_BUF_CAP_SUPPORTS_DMABUF;
        /// Media requests.
        const REQUESTS = sys::V4L2_BUF_CAP_SUPPORTS_REQUESTS;
        /// Buffers can be freed while they are mapped or exported.
        const ORPHANED_BUFS = sys::V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS;
        /// A decoded buffer may be held back for the second field.
        const M2M_HOLD_CAPTURE_BUF = sys::V4L2_BUF_CAP_SUPPORTS_M2M_HOLD_CAPTURE_BUF;
        /// Cache hints are supported.
        const MMAP_CACHE_HINTS = sys::V4L2_BUF_CAP_SUPPORTS_MMAP_CACHE_HINTS;
        /// `VIDIOC_CREATE_BUFS` reports the maximum number of buffers.
        const MAX_NUM_BUFFERS = sys::V4L2_BUF_CAP_SUPPORTS_MAX_NUM_BUFFERS;
        /// Single buffers can be removed.
        const REMOVE_BUFS = sys::V4L2_BUF_CAP_SUPPORTS_REMOVE_BUFS;
        /// Bits unknown to this library.
        const _ = !0;
    }
}

/// The result of [`reqbufs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "v4l2_requestbuffers")]
pub struct Reqbufs {
    /// Number of buffers: more than requested if the driver needs them, fewer if memory is short.
    pub count: u32,
    /// Capabilities of the queue.
    pub capabilities: BufferCapabilities,
}

/// `VIDIOC_REQBUFS`: allocates a queue's buffers, or frees them with `count` 0.
///
/// # Errors
/// - `EBUSY`: the queue is streaming, or another handle owns it; on old kernels also when buffers
///   are mapped or exported.
/// - `EINVAL`: the queue does not support the memory type.
/// - `ENOMEM`: not even the driver's minimum could be allocated.
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
