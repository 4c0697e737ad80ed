//! `VIDIOC_STREAMON` and `VIDIOC_STREAMOFF`.

use core::ffi::c_int;

use rustix::fd::BorrowedFd;

use super::request::{StreamOff, StreamOn, call};
use crate::v4l2::{BufType, Error};

/// `VIDIOC_STREAMON`: starts a queue.
///
/// # Errors
/// - `EINVAL`: no buffers, or too few are queued.
/// - `EPIPE`, `ENOLINK`: the media pipeline behind the node is not set up.
/// - `ENOSPC`: no USB bandwidth left.
/// - `EBUSY`: another handle owns the queue.
pub fn streamon(fd: BorrowedFd<'_>, buf_type: BufType) -> Result<(), Error> {
    call::<StreamOn>(fd, &mut (buf_type.raw() as c_int))
}

/// `VIDIOC_STREAMOFF`: stops a queue and takes all its buffers back.
///
/// # Errors
/// - `EBUSY`: another handle owns the queue.
/// - `ENODEV`: unplugged.
pub fn streamoff(fd: BorrowedFd<'_>, buf_type: BufType) -> Result<(), Error> {
    call::<StreamOff>(fd, &mut (buf_type.raw() as c_int))
}
