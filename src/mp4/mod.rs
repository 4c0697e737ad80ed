//! H.264 and H.265 out of MP4 files (ISO base media, QuickTime), as cameras, phones, ffmpeg and
//! GStreamer write them: with tables or in fragments, the index in front or behind. Needs the cargo
//! feature `record`.
//!
//! | read | |
//! |---|---|
//! | tracks | the first one of video; others are left out |
//! | sample entries | `avc1` to `avc4`, `hvc1`, `hev1`, `hvc2`, `hev2`; several of one codec |
//! | edit lists | a delay, and one part of the track; samples that are only decoded are marked |
//! | what else a track says | colours (`nclx`, `nclc`), shape of a pixel (`pasp`) |
//!
//! A file is read from the file, sample by sample; only its index is kept in memory. What comes
//! from outside is checked: sizes and places against the file, each sample against the others.

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
    /// Where its bytes are, and how many.
    at: u64,
    size: u32,
    /// When it is decoded, and how much later it is shown, in units of its track.
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
