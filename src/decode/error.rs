//! What goes wrong while decoding.

use core::fmt;
use std::path::PathBuf;

use videostream_hal::format::FourCc;

use crate::encode::{BACKEND_VARIABLE, Codec};
use crate::hardware::NoDevice;
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
    /// No device decodes this codec.
    NoDevice(NoDevice),
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
    /// The backend gives no pictures of this format.
    Format {
        /// The format.
        fourcc: FourCc,
        /// The formats that it gives.
        gives: &'static str,
    },
    /// A packet with more bytes than the device takes at once.
    TooLarge {
        /// Bytes of the packet.
        bytes: usize,
        /// The most that the device takes.
        limit: usize,
    },
    /// The device failed, or was unplugged.
    Device {
        /// The device.
        path: PathBuf,
        /// What the driver says.
        error: videostream_hal::v4l2::Error,
    },
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

impl DecodeError {
    /// Whether a device for the codec is there, and says this.
    pub(super) fn is_of_a_device(&self) -> bool {
        !matches!(self, Self::NoDevice(none) if none.unknown.is_empty())
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBackend(codec) => write!(
                f,
                "no decoder for {codec}: build with the cargo feature `software` to decode on the CPU"
            ),
            Self::Library(missing) => missing.fmt(f),
            Self::Unsupported { what } => write!(f, "{what} is not supported by the decoder"),
            Self::NoDevice(none) => none.fmt(f),
            Self::UnknownBackend(name) => write!(
                f,
                "{BACKEND_VARIABLE}={name}: no such decoder backend, choose `auto`, `v4l2` or `software`"
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
            Self::Format { fourcc, gives } => {
                write!(f, "can't decode to {fourcc}: the decoder gives {gives}")
            }
            Self::TooLarge { bytes, limit } => write!(
                f,
                "the packet has {bytes} bytes, but the device takes {limit} at most"
            ),
            Self::Device { path, error } => write!(f, "decoder {}: {error}", path.display()),
            Self::Finished => f.write_str("the decoder was finished: make a new one"),
            Self::Target(error) => error.fmt(f),
            Self::Backend { call, code } => write!(f, "decoder failed: {call} returned {code}"),
        }
    }
}

impl core::error::Error for DecodeError {}
