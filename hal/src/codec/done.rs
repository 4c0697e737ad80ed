//! A finished buffer, out of the capture queue until it is dropped.

use core::ops::Deref;

use super::M2m;
use crate::v4l2::{Buffer, BufferFlags};

/// A finished buffer of the capture queue: a packet of an encoder, a picture of a decoder or a
/// converter. Reads as its [`Buffer`]; the driver has it again when it is dropped.
///
/// # Shape
/// The content is bytes `data_offset..bytes_used` of each memory plane. A decoder may still read
/// a picture as reference: do not write into it.
#[derive(Debug)]
#[must_use = "dropping it gives the buffer back"]
pub struct Done<'m> {
    m2m: &'m M2m,
    buffer: Buffer,
    armed: bool,
}

impl<'m> Done<'m> {
    pub(super) const fn new(m2m: &'m M2m, buffer: Buffer) -> Self {
        Self {
            m2m,
            buffer,
            armed: true,
        }
    }

    /// Whether decoding can start here.
    #[must_use]
    pub const fn is_key(&self) -> bool {
        self.buffer.flags.contains(BufferFlags::KEYFRAME)
    }

    /// Whether the driver says that the content is suspect; the stream goes on.
    #[must_use]
    pub const fn is_corrupted(&self) -> bool {
        self.buffer.flags.contains(BufferFlags::ERROR)
    }

    /// Whether it is the last before the end or a change of format.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        self.buffer.flags.contains(BufferFlags::LAST)
    }

    /// Whether there is no content, as in the mark of an end.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let planes = self.buffer.planes();
        planes.iter().all(|p| p.bytes_used <= p.data_offset)
    }

    /// Keeps the buffer; [`M2m::give_back`] brings it back.
    #[must_use]
    pub fn into_index(mut self) -> u32 {
        self.armed = false;
        self.buffer.index
    }
}

impl Deref for Done<'_> {
    type Target = Buffer;

    fn deref(&self) -> &Buffer {
        &self.buffer
    }
}

impl Drop for Done<'_> {
    fn drop(&mut self) {
        if self.armed {
            // A device that failed reports itself at the next call.
            let _ = self.m2m.give_back(self.buffer.index);
        }
    }
}
