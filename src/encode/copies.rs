//! What an encoder had to copy.

use core::fmt;

use videostream_hal::codec::Misfit;
use videostream_hal::v4l2::Error;

use super::v4l2::Reading;

/// What was copied on the way into an encoder: into a device's memory, or, in software, into planes that the
/// encoder can read (none of YU12, the chroma of NV12, all of other formats).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Copies {
    /// Pictures that were copied, as a whole or in part.
    pub pictures: u64,
    /// Bytes of pixels that were written on the way.
    pub bytes: u64,
    /// Why pictures in dma-bufs are among them.
    pub why: Option<CopyReason>,
}

/// Why a picture in a dma-buf had to be copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CopyReason {
    /// It does not lie as the device wants it.
    Misfit(Misfit),
    /// Its memory is no dma-buf.
    NoDmaBuf,
    /// The driver does not import it.
    Refused(Error),
}

impl fmt::Display for CopyReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misfit(misfit) => misfit.fmt(f),
            Self::NoDmaBuf => f.write_str("the memory is no dma-buf"),
            Self::Refused(error) => write!(f, "the driver does not import the memory: {error}"),
        }
    }
}

/// A picture that was submitted where it lies; see [`Encoder::submit_dmabuf`](super::Encoder::submit_dmabuf).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "the memory must not be written while the encoder reads it"]
pub struct Submitted(pub(super) Option<Reading>);

impl Submitted {
    /// Whether it was copied, or encoded at once, so that its memory is free.
    #[must_use]
    pub fn is_copied(&self) -> bool {
        self.0.is_none()
    }
}
