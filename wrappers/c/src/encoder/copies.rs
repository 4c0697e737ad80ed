//! What was copied on the way into an encoder.

use std::fmt;

use videostream::encode::CopyReason;
use videostream::hal::format::FourCc;

use super::Encoder;

/// Bytes of the reason, with the NUL at its end.
const WHY: usize = 232;

/// `VSLXEncoderCopies`: counts since the encoder was created.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct EncoderCopies {
    /// Pictures submitted.
    pub pictures: u64,
    /// Of these, those that were copied, wholly or in part.
    pub copied: u64,
    /// Bytes of pixels that were written for the copies.
    pub bytes: u64,
    /// Why hardware could not read them in place: a NUL-terminated string.
    pub why: [u8; WHY],
}

impl Default for EncoderCopies {
    fn default() -> Self {
        Self {
            pictures: 0,
            copied: 0,
            bytes: 0,
            why: [0; WHY],
        }
    }
}

/// Why pictures are copied before hardware gets them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reason {
    /// The encoder accepts this format, not theirs.
    Converted { from: FourCc, to: FourCc },
    /// Something about their memory.
    Memory(CopyReason),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Converted { from, to } => {
                write!(f, "the encoder does not take {from}: converted to {to}")
            }
            Self::Memory(reason) => reason.fmt(f),
        }
    }
}

impl Encoder {
    /// What was copied.
    pub(crate) fn copies(&self) -> EncoderCopies {
        let Some(running) = &self.running else {
            return EncoderCopies::default();
        };
        let copies = running.codec.copies();
        let reason = running.copying.or(copies.why.map(Reason::Memory));
        let mut why = [0; WHY];
        if let Some(reason) = reason {
            let text = reason.to_string();
            let mut end = text.len().min(WHY - 1);
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            why[..end].copy_from_slice(&text.as_bytes()[..end]);
        }
        EncoderCopies {
            pictures: running.count,
            copied: copies.pictures,
            bytes: copies.bytes,
            why,
        }
    }
}
