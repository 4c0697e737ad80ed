//! `VIDIOC_QUERYBUF`.
#![expect(
    unsafe_code,
    reason = "the buffer points to an array of planes that the kernel fills"
)]

use rustix::fd::BorrowedFd;

use super::buffer::{Buffer, RawBuffer};
use super::request::{QueryBuf, Request, call_with_pointers};
use crate::Error;
use crate::v4l2::{BufType, Memory};

/// `VIDIOC_QUERYBUF`: returns sizes, offsets, and state of a buffer, at any time after allocation.
///
/// # Errors
/// - `EINVAL`: no such buffer.
pub fn querybuf(
    fd: BorrowedFd<'_>,
    buf_type: BufType,
    memory: Memory,
    index: u32,
) -> Result<Buffer, Error> {
    let mut raw = RawBuffer::new(buf_type, memory, index);
    // SAFETY: `with` points the buffer at its own array, whose length it states.
    raw.with(|buffer| unsafe { call_with_pointers::<QueryBuf>(fd, buffer) })?;
    raw.answer(QueryBuf::CALL)
}
