//! A finished buffer, out of the capture queue until it is dropped.

use core::ops::Deref;

use super::M2m;
use crate::v4l2::{Buffer, BufferFlags};

/// A finished buffer of the capture queue: a packet of an encoder, or a picture of a decoder or
/// converter. Dereferences to its [`Buffer`]; dropping it returns it to the driver.
///
/// # Shape
/// The content is bytes `data_offset..bytes_used` of each memory plane. A decoder may still read a
/// picture as a reference: do not write to it.
#[derive(Debug)]
#[must_use = "dropping it returns the buffer to the driver"]
pub struct FinishedBuffer<'m> {
    m2m: &'m M2m,
    buffer: Buffer,
    armed: bool,
}

impl<'m> FinishedBuffer<'m> {
    pub(super) const fn new(m2m: &'m M2m, buffer: Buffer) -> Self {
        Self {
            m2m,
            buffer,
            armed: true,
        }
    }

    /// Returns whether decoding can start here.
    #[must_use]
    pub const fn is_key(&self) -> bool {
        self.buffer.flags.contains(BufferFlags::KEYFRAME)
    }

    /// Returns whether the driver marked the content as corrupted; the stream continues.
    #[must_use]
    pub const fn is_corrupted(&self) -> bool {
        self.buffer.flags.contains(BufferFlags::ERROR)
    }

    /// Returns whether it is the last buffer before the end or a change of format.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        self.buffer.flags.contains(BufferFlags::LAST)
    }

    /// Returns whether it has no content, as the end of a stream may be an empty buffer.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let planes = self.buffer.planes();
        planes.iter().all(|p| p.bytes_used <= p.data_offset)
    }

    /// Keeps the buffer; [`M2m::give_back`] returns it.
    #[must_use]
    pub fn into_index(mut self) -> u32 {
        self.armed = false;
        self.buffer.index
    }
}

impl Deref for FinishedBuffer<'_> {
    type Target = Buffer;

    fn deref(&self) -> &Buffer {
        &self.buffer
    }
}

impl Drop for FinishedBuffer<'_> {
    fn drop(&mut self) {
        if self.armed {
            // A failed device reports itself at the next call.
            let _ = self.m2m.give_back(self.buffer.index);
        }
    }
}
