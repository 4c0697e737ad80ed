//! Reading H.264 and H.265 from MP4 files (ISO base media, QuickTime), as written by cameras,
//! phones, ffmpeg and GStreamer: with sample tables or in fragments, the index at the start or the
//! end. Needs the cargo feature `record`.
//!
//! | part | support |
//! |---|---|
//! | tracks | the first video track; others are ignored |
//! | sample entries | `avc1` to `avc4`, `hvc1`, `hev1`, `hvc2`, `hev2`; several of one codec |
//! | edit lists | a delay and one part of the track: see [`Mp4Info::shown_ns`] |
//! | other properties | colours (`nclx`, `nclc`), sample aspect ratio (`pasp`) |
//!
//! Samples are read from the file one by one; only its index is kept in memory. Files are not
//! trusted: offsets and sizes, also of all samples together, are checked against the file.

mod boxes;
mod entry;
mod fragments;
mod reader;
mod tables;
mod track;

use std::fmt::Display;
use std::io;

pub use self::reader::{Mp4Info, Mp4Reader};

/// One sample of a track.
#[derive(Debug, Clone, Copy)]
struct Sample {
    /// Offset and size of its bytes.
    at: u64,
    size: u32,
    /// Decoding time, and presentation time minus decoding time, in the track's timescale.
    dts: u64,
    offset: i64,
    is_key: bool,
    /// The number of its sample entry, from 1.
    entry: u32,
}

fn damaged(what: impl Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("no usable MP4: {what}"))
}

fn unsupported(what: impl Display) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, what.to_string())
}

#[cfg(test)]
mod tests;
