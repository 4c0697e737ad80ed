//! `VIDIOC_STREAMON` and `VIDIOC_STREAMOFF`.

use core::ffi::c_int;

use rustix::fd::BorrowedFd;
use rustix::io::Errno;

use super::request::{StreamOff, StreamOn, call};
use crate::Error;
use crate::v4l2::BufType;

/// `VIDIOC_STREAMON`: starts a queue.
///
/// # Errors
/// - `EINVAL`: no buffers, or too few are queued.
/// - [`Error::Pipeline`]: the media pipeline behind the node is not set up.
/// - `ENOSPC`: no USB bandwidth left.
/// - `EBUSY`: another handle owns the queue.
pub fn streamon(fd: BorrowedFd<'_>, buf_type: BufType) -> Result<(), Error> {
    let started = call::<StreamOn>(fd, &mut (buf_type.raw() as c_int));
    started.map_err(|error| match error.errno() {
        Some(errno @ (Errno::PIPE | Errno::NOLINK)) => Error::Pipeline { errno },
        _ => error,
    })
}

/// `VIDIOC_STREAMOFF`: stops a queue, which returns all its buffers to the program.
///
/// # Errors
/// - `EBUSY`: another handle owns the queue.
/// - [`Error::Disconnected`][]: the device was unplugged.
pub fn streamoff(fd: BorrowedFd<'_>, buf_type: BufType) -> Result<(), Error> {
    call::<StreamOff>(fd, &mut (buf_type.raw() as c_int))
}
