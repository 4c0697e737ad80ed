//! Statistics of copied pictures.

use core::fmt;

use videostream_hal::codec::Misfit;
use videostream_hal::v4l2::Error;

use super::v4l2::Reading;

/// The copies made on the way into an encoder: into a device's memory or, in software, into planes
/// that the encoder can read (none for YU12, the chroma of NV12, everything for other formats).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Copies {
    /// Number of pictures that were copied, as a whole or in part.
    pub pictures: u64,
    /// Number of pixel bytes that were copied.
    pub bytes: u64,
    /// Why pictures in dma-bufs were copied.
    pub why: Option<CopyReason>,
}

/// Why a picture in a dma-buf had to be copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CopyReason {
    /// Its layout differs from what the device needs.
    Misfit(Misfit),
    /// Its memory is not a dma-buf.
    NoDmaBuf,
    /// The driver can't import it.
    Refused(Error),
}

impl fmt::Display for CopyReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misfit(misfit) => misfit.fmt(f),
            Self::NoDmaBuf => f.write_str("the memory is not a dma-buf"),
            Self::Refused(error) => write!(f, "the driver can't import the memory: {error}"),
        }
    }
}

/// A picture submitted in place; see [`Encoder::submit_dmabuf`](super::Encoder::submit_dmabuf).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "the memory must not be written while the encoder reads it"]
pub struct Submitted(pub(super) Option<Reading>);

impl Submitted {
    /// Returns whether it was copied, or encoded at once, so that its memory is free.
    #[must_use]
    pub fn is_copied(&self) -> bool {
        self.0.is_none()
    }
}
