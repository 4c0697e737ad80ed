//! `VIDIOC_DQBUF`.
#![expect(
    unsafe_code,
    reason = "the buffer points to an array of planes that the kernel fills"
)]

use rustix::fd::BorrowedFd;
use rustix::io::Errno;

use super::buffer::{Buffer, RawBuffer};
use super::request::{DqBuf, Request, call_with_pointers};
use crate::Error;
use crate::v4l2::{BufType, Memory};

/// `VIDIOC_DQBUF`: dequeues the buffer that finished first.
///
/// # Errors
/// - [`Error::NotReady`]: no buffer is finished (the device was opened non-blocking).
/// - `EINVAL`: the queue is not streaming or has no buffers.
/// - `EIO`: the driver failed; stop the stream and start it again.
/// - [`Error::EndOfStream`]: the buffer flagged as the last one has been dequeued.
/// - [`Error::Disconnected`][]: the device was unplugged.
pub fn dqbuf(fd: BorrowedFd<'_>, buf_type: BufType, memory: Memory) -> Result<Buffer, Error> {
    let mut raw = RawBuffer::new(buf_type, memory, 0);
    // SAFETY: `with` points the buffer at its own array, whose length it states.
    let taken = raw.with(|buffer| unsafe { call_with_pointers::<DqBuf>(fd, buffer) });
    taken.map_err(|error| match error.errno() {
        Some(Errno::AGAIN) => Error::NotReady,
        Some(Errno::PIPE) => Error::EndOfStream,
        _ => error,
    })?;
    raw.answer(DqBuf::CALL)
}
