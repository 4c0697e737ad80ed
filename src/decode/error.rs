//! What goes wrong while decoding.

use core::fmt;

use crate::encode::{BACKEND_VARIABLE, Codec};
use crate::library::LibraryMissing;
use crate::picture::PictureError;

/// Why a decoder can't be made, or a packet not decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// No decoder for the codec was built in or found.
    NoBackend(Codec),
    /// The library that decodes is not installed, or can't be used.
    Library(LibraryMissing),
    /// The stream is of a kind that the backend does not decode.
    Unsupported {
        /// What the stream is.
        what: &'static str,
    },
    /// The environment variable [`BACKEND_VARIABLE`] names no backend.
    UnknownBackend(String),
    /// A packet of another codec than the decoder's.
    Codec {
        /// Codec of the packet.
        has: Codec,
        /// Codec of the decoder.
        wants: Codec,
    },
    /// Nothing can be decoded before the next key frame.
    KeyFrameNeeded,
    /// The packet is damaged, or refers to what was lost. Go on with the next key frame.
    Corrupt {
        /// When the picture was to be shown, in nanoseconds.
        pts_ns: u64,
        /// What the backend says.
        code: i64,
    },
    /// A packet was submitted before the picture of the one before was received.
    FrameWaiting,
    /// A packet was submitted after the end.
    Finished,
    /// The memory that a picture was to be written into.
    Target(PictureError),
    /// The backend failed.
    Backend {
        /// The call that failed.
        call: &'static str,
        /// What it returned.
        code: i64,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBackend(codec) => write!(
                f,
                "no decoder for {codec}: build with the cargo feature `software` to decode on the CPU"
            ),
            Self::Library(missing) => missing.fmt(f),
            Self::Unsupported { what } => write!(f, "{what} can't be decoded"),
            Self::UnknownBackend(name) => write!(
                f,
                "{BACKEND_VARIABLE}={name}: no such decoder backend, choose `auto` or `software`"
            ),
            Self::Codec { has, wants } => {
                write!(f, "packet is {has}, but the decoder is for {wants}")
            }
            Self::KeyFrameNeeded => f.write_str("nothing can be decoded before the next key frame"),
            Self::Corrupt { pts_ns, code } => write!(
                f,
                "the picture at {pts_ns} ns is damaged or refers to one that is (decoder state {code:#x}): \
                 go on with the next key frame"
            ),
            Self::FrameWaiting => f.write_str(
                "a picture is waiting: call `receive` until it gives none before the next `submit`",
            ),
            Self::Finished => f.write_str("the decoder was finished: make a new one"),
            Self::Target(error) => error.fmt(f),
            Self::Backend { call, code } => write!(f, "decoder failed: {call} returned {code}"),
        }
    }
}

impl core::error::Error for DecodeError {}
