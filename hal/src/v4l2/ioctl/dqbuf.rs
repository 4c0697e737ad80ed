//! `VIDIOC_DQBUF`.
#![expect(
    unsafe_code,
    reason = "the buffer points to an array of planes that the kernel fills"
)]

use rustix::fd::BorrowedFd;

use super::buffer::{Buffer, RawBuffer};
use super::request::{DqBuf, Request, call_with_pointers};
use crate::v4l2::{BufType, Error, Memory};

/// `VIDIOC_DQBUF`: takes the buffer that was finished first.
///
/// # Errors
/// - `EAGAIN`: none is finished (the device was opened non-blocking).
/// - `EINVAL`: the queue does not stream or has no buffers.
/// - `EIO`: the driver gave up; stop the stream and start it again.
/// - `EPIPE`: the buffer marked as the last one has been taken.
/// - `ENODEV`: unplugged.
pub fn dqbuf(fd: BorrowedFd<'_>, buf_type: BufType, memory: Memory) -> Result<Buffer, Error> {
    let mut raw = RawBuffer::new(buf_type, memory, 0);
    // SAFETY: `with` points the buffer at its own array, whose length it states.
    raw.with(|buffer| unsafe { call_with_pointers::<DqBuf>(fd, buffer) })?;
    raw.answer(DqBuf::NAME)
}
