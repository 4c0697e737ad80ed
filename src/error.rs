//! The error of this crate: what failed, on which object, and the remedy.

use std::io;

use rustix::io::Errno;
use videostream_hal::Call;
use videostream_hal::format::FormatError;
use videostream_hal::memory::MemoryError;
use videostream_hal::memory::allocate::Report;
use videostream_hal::ring::MAX_SLOTS;
use videostream_ipc::Advice;

use crate::camera::CameraError;
use crate::codec::CodecError;
use crate::picture::PictureError;
use crate::record::RecordError;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An error between host and client.
    #[error("{socket}: {why}")]
    Share {
        /// Name of the socket.
        socket: String,
        /// The error.
        #[source]
        why: videostream_ipc::Error,
    },
    /// An error of a camera.
    #[error(transparent)]
    Camera(#[from] CameraError),
    /// Memory for frames could not be allocated.
    #[error(transparent)]
    Memory(#[from] Report),
    /// Memory could not be mapped, or a dma-buf refused access.
    #[error(transparent)]
    Access(#[from] MemoryError),
    /// A format without a layout in memory.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// An error of a picture, a conversion, a test pattern or a JPEG image.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// An error of an encoder or decoder.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// An error of a recording.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A system call failed.
    #[error("{call}: {errno}")]
    Os {
        /// The call.
        call: Call,
        /// The kernel's error.
        #[source]
        errno: Errno,
    },
    /// A thread could not be started.
    #[error("can't start a thread: {error}")]
    Thread {
        /// The system's error.
        #[source]
        error: io::Error,
    },
    /// An error of the program's own code, which implements a trait for the library, such as a
    /// source.
    #[error(transparent)]
    Program {
        /// The error.
        error: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The source has too few buffers to share.
    #[error("the source has {has} buffers, sharing needs at least {needs}: ask for more buffers")]
    Buffers {
        /// Buffers of the source.
        has: u32,
        /// Least number of buffers.
        needs: u32,
    },
    /// The number of buffers is not between 1 and 1024.
    #[error("a source can't have {count} buffers: ask for 1 to {MAX_SLOTS}")]
    BufferCount {
        /// Requested number of buffers.
        count: u32,
    },
    /// The source has ended.
    #[error("the stream has ended")]
    EndOfStream,
    /// No frame arrived before the deadline.
    #[error("timed out waiting for a frame")]
    TimedOut,
}

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Returns a function for `map_err` that makes the failure of `call`.
    pub(crate) const fn of(call: Call) -> impl Fn(Errno) -> Self {
        move |errno| Self::Os { call, errno }
    }

    /// Returns the error between host and client, if it is one.
    #[must_use]
    pub fn share(&self) -> Option<&videostream_ipc::Error> {
        match self {
            Self::Share { why, .. } => Some(why),
            _ => None,
        }
    }

    /// Returns whether the error is a time-out.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::TimedOut) || self.share() == Some(&videostream_ipc::Error::TimedOut)
    }

    /// Returns whether the host is gone, with or without a goodbye.
    #[must_use]
    pub fn is_host_gone(&self) -> bool {
        use videostream_ipc::{Error, Goodbye};
        matches!(
            self.share(),
            Some(Error::HostGone | Error::NoHost | Error::Goodbye(Goodbye::Closing))
        )
    }

    /// Returns whether connecting again may help.
    #[must_use]
    pub fn is_worth_reconnecting(&self) -> bool {
        self.share()
            .is_some_and(|e| e.advice() == Advice::Reconnect)
    }
}
