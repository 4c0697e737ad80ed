//! The error of this crate: what failed, on what, and what to do about it.

use std::fmt;
use std::io;

use videostream_hal::format::FormatError;
use videostream_hal::memory::allocate::Report;
use videostream_hal::memory::dmabuf::DmaBufError;
use videostream_hal::memory::mapping::MapError;
use videostream_hal::ring::MAX_SLOTS;
use videostream_ipc::Advice;

use crate::camera::CameraError;
use crate::encode::EncodeError;
use crate::pattern::PatternError;
use crate::picture::PictureError;
use crate::record::RecordError;

/// Why a call failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// Between host and client: the socket's name, and what happened.
    Share {
        /// The socket.
        socket: String,
        /// What happened.
        why: videostream_ipc::Error,
    },
    /// A camera.
    Camera(CameraError),
    /// No memory for frames.
    Memory(Report),
    /// Memory could not be mapped.
    Map(MapError),
    /// A dma-buf refused access.
    DmaBuf(DmaBufError),
    /// A format that can't be laid out.
    Format(FormatError),
    /// A picture that does not fit its memory.
    Picture(PictureError),
    /// An encoder.
    Encode(EncodeError),
    /// A conversion.
    #[cfg(feature = "convert")]
    Convert(crate::convert::ConvertError),
    /// A recording.
    Record(RecordError),
    /// A test pattern that is not one.
    Pattern(PatternError),
    /// A system call failed: what was tried.
    Os(&'static str, io::Error),
    /// The source can't lend as many frames as asked: buffers it has, buffers needed.
    Buffers {
        /// Buffers of the source.
        has: u32,
        /// Buffers needed at least.
        needs: u32,
    },
    /// A source can't have so many buffers: from 1 to 1024.
    BufferCount {
        /// Buffers that were asked for.
        count: u32,
    },
    /// The source has ended.
    EndOfStream,
    /// Nothing came before the deadline.
    TimedOut,
}

/// The result of this crate's calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// What happened between host and client, if that is what failed.
    #[must_use]
    pub fn share(&self) -> Option<&videostream_ipc::Error> {
        match self {
            Self::Share { why, .. } => Some(why),
            _ => None,
        }
    }

    /// Whether nothing came in time.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::TimedOut) || self.share() == Some(&videostream_ipc::Error::TimedOut)
    }

    /// Whether the host is gone, by a goodbye or without.
    #[must_use]
    pub fn is_host_gone(&self) -> bool {
        use videostream_ipc::{Error, Goodbye};
        matches!(
            self.share(),
            Some(Error::HostGone | Error::NoHost | Error::Goodbye(Goodbye::Closing))
        )
    }

    /// Whether connecting anew may help.
    #[must_use]
    pub fn is_worth_reconnecting(&self) -> bool {
        self.share()
            .is_some_and(|e| e.advice() == Advice::Reconnect)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share { socket, why } => write!(f, "{socket}: {why}"),
            Self::Camera(e) => e.fmt(f),
            Self::Memory(e) => e.fmt(f),
            Self::Map(e) => e.fmt(f),
            Self::DmaBuf(e) => e.fmt(f),
            Self::Format(e) => e.fmt(f),
            Self::Picture(e) => e.fmt(f),
            Self::Encode(e) => e.fmt(f),
            #[cfg(feature = "convert")]
            Self::Convert(e) => e.fmt(f),
            Self::Record(e) => e.fmt(f),
            Self::Pattern(e) => e.fmt(f),
            Self::Os(what, e) => write!(f, "{what}: {e}"),
            Self::Buffers { has, needs } => write!(
                f,
                "the source has {has} buffers, sharing needs at least {needs}: ask for more buffers"
            ),
            Self::BufferCount { count } => {
                write!(
                    f,
                    "a source can't have {count} buffers: ask for 1 to {MAX_SLOTS}"
                )
            }
            Self::EndOfStream => write!(f, "the stream has ended"),
            Self::TimedOut => write!(f, "timed out waiting for a frame"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Share { why, .. } => Some(why),
            Self::Os(_, e) => Some(e),
            Self::Record(e) => Some(e),
            _ => None,
        }
    }
}

macro_rules! from {
    ($($from:ty => $variant:ident),* $(,)?) => {$(
        impl From<$from> for Error {
            fn from(e: $from) -> Self {
                Self::$variant(e)
            }
        }
    )*};
}

from! {
    CameraError => Camera,
    Report => Memory,
    MapError => Map,
    DmaBufError => DmaBuf,
    FormatError => Format,
    PictureError => Picture,
    EncodeError => Encode,
    PatternError => Pattern,
    RecordError => Record,
}
