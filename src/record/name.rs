//! Formats by file name.

use std::path::Path;

use super::RecordError;
use crate::bitstream::Codec;

/// The format of a file, by its name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    AnnexB,
    #[cfg(feature = "record")]
    Mp4,
}

impl Kind {
    pub(super) fn of(path: &Path, codec: Codec) -> Result<Self, RecordError> {
        let extension = path
            .extension()
            .and_then(|extension| extension.to_str())
            .unwrap_or("");
        if annex_b(path) == Some(codec) || (is_mjpeg(path) && codec == Codec::Mjpeg) {
            return Ok(Self::AnnexB);
        }
        if !extension.eq_ignore_ascii_case("mp4") {
            return Err(RecordError::Extension { path: path.into() });
        }
        #[cfg(feature = "record")]
        return Ok(Self::Mp4);
        #[cfg(not(feature = "record"))]
        Err(RecordError::NotBuilt {
            path: path.into(),
            feature: "record",
        })
    }
}

/// Returns the codec of the byte stream in a file, according to its name: `.h264`, `.264`, `.h265`,
/// `.265`, `.hevc`.
#[must_use]
pub fn annex_b(path: impl AsRef<Path>) -> Option<Codec> {
    let extension = path.as_ref().extension()?.to_str()?;
    match &*extension.to_ascii_lowercase() {
        "h264" | "264" => Some(Codec::H264),
        "h265" | "265" | "hevc" => Some(Codec::H265),
        _ => None,
    }
}

/// Returns whether a file contains JPEG images one after the other, according to its name:
/// `.mjpeg`, `.mjpg`.
#[must_use]
pub fn is_mjpeg(path: impl AsRef<Path>) -> bool {
    let extension = path.as_ref().extension().and_then(|e| e.to_str());
    extension.is_some_and(|e| ["mjpeg", "mjpg"].iter().any(|m| e.eq_ignore_ascii_case(m)))
}

/// Returns whether a file contains raw pictures, according to its name; a
/// [`Recorder`](super::Recorder) does not write those.
#[must_use]
pub fn is_raw(path: impl AsRef<Path>) -> bool {
    let extension = path.as_ref().extension();
    extension.is_some_and(|extension| extension.eq_ignore_ascii_case("y4m"))
}

/// Checks that a file name selects a format that can be written, before anything is set up.
///
/// # Errors
/// [`RecordError::Extension`], [`RecordError::NotBuilt`].
pub fn check_path(path: impl AsRef<Path>, codec: Codec) -> Result<(), RecordError> {
    Kind::of(path.as_ref(), codec).map(drop)
}
