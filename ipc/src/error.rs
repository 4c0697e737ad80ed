//! Errors of hosts and clients, and how to react to them.

use core::fmt;

use rustix::io::Errno;
use videostream_hal::Call;
use videostream_hal::memory::MemoryError;
use videostream_hal::ring::RingError;

use crate::wire::{Goodbye, Refusal, WireError};

/// Why a call of this crate failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A system call failed.
    #[error(fmt = os)]
    Os {
        /// The call.
        call: Call,
        /// The kernel's error.
        errno: Errno,
    },
    /// The socket's name is empty or holds a zero byte.
    #[error("the socket's name is empty or has a zero byte")]
    AddressInvalid,
    /// The socket's name is too long.
    #[error("the socket's name has {bytes} bytes, the system allows {max}")]
    AddressTooLong {
        /// Its length.
        bytes: usize,
        /// Maximum length in bytes.
        max: usize,
    },
    /// Another host serves on this name.
    #[error("another host serves on this socket: end that one, or use another name")]
    AddressInUse,
    /// Another program holds a lock on the folder of the socket.
    #[error("another program holds a lock (flock) on the socket's folder: end it")]
    FolderLocked,
    /// A file of this name exists and is not a socket.
    #[error("a file of this name exists and is not a socket")]
    NotASocket,
    /// The given listening socket can't be served.
    #[error("the given socket can't be served: {why}")]
    Listener {
        /// What is wrong with it.
        why: &'static str,
    },
    /// Nobody serves on this name.
    #[error("no host serves on this socket")]
    NoHost,
    /// The host refused this client.
    #[error(transparent)]
    Refused(Refusal),
    /// The host said goodbye.
    #[error(transparent)]
    Goodbye(Goodbye),
    /// The host is gone without a goodbye.
    #[error("the host is gone")]
    HostGone,
    /// The host has evicted this client; [`Client::pump`](crate::client::Client::pump) returns why.
    #[error("the host has evicted this client")]
    Evicted,
    /// The deadline passed.
    #[error("timed out")]
    TimedOut,
    /// This client already holds as many frames as it asked for when connecting.
    #[error(
        "this client already holds {limit} frames, as many as it asked for: \
         release one, or connect with a higher number"
    )]
    HoldLimit {
        /// That number.
        limit: u32,
    },
    /// A client asks to hold more frames than allowed.
    #[error("asked to hold {asked} frames at once, expected 0 to {max}")]
    HoldTooLarge {
        /// Frames that it asks for.
        asked: u32,
        /// Maximum that a client may hold.
        max: u32,
    },
    /// A message from the other side is wrong.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A security module has removed a descriptor from a message.
    #[error(
        "a security module (SELinux, AppArmor or another) has removed a descriptor from the \
         host's message: allow this process to use the host's memory"
    )]
    DescriptorDenied,
    /// The other side sent an unexpected message.
    #[error("unexpected message: {what}")]
    Unexpected {
        /// The message.
        what: &'static str,
    },
    /// The ring, its memory or a frame's description is wrong.
    #[error(transparent)]
    Ring(#[from] RingError),
    /// A frame names a buffer or fence that is not registered at the host, or that this client has
    /// not received. The next frame may be fine.
    #[error(
        "a frame names buffer {id}, which is not registered or has not arrived yet: \
         take the next frame"
    )]
    UnknownBuffer {
        /// The id that it names.
        id: u32,
    },
    /// The descriptor of a fence is not a sync file.
    #[error(
        "fence {id} is not a sync file: hosts share those of \
         DMA_BUF_IOCTL_EXPORT_SYNC_FILE or of a device driver"
    )]
    BadFence {
        /// Its id.
        id: u32,
    },
    /// A plane names a fence as its buffer.
    #[error("a plane names buffer {id}, which is a fence")]
    NotMemory {
        /// The fence's id.
        id: u32,
    },
    /// The work behind a frame's fence failed: the contents are invalid.
    #[error("the work behind the frame's fence failed ({errno}): take the next frame")]
    FenceFailed {
        /// The fence's status.
        errno: Errno,
    },
    /// A buffer from the host can be truncated under a mapping, can lose its (huge) pages, or is
    /// shorter than stated.
    #[error(
        "buffer {id} is shorter than stated or could be truncated: \
         hosts share dma-bufs and memfds sealed against shrinking, those of huge pages \
         with all their pages and sealed with F_SEAL_FUTURE_WRITE as well"
    )]
    BadBuffer {
        /// Its id.
        id: u32,
    },
    /// A buffer that clients may only read could not be reopened for reading.
    #[error("can't reopen a buffer for reading, through /proc/self/fd: {errno}")]
    Reopen {
        /// The kernel's error.
        errno: Errno,
    },
    /// The maximum number of buffers is registered.
    #[error("{count} buffers are registered, the maximum")]
    TooManyBuffers {
        /// That number.
        count: usize,
    },
    /// The parameter sets are empty or too large.
    #[error("parameter sets of {bytes} bytes, expected 1 to {max}")]
    ParameterSize {
        /// Their length.
        bytes: usize,
        /// Maximum length in bytes.
        max: usize,
    },
    /// The wait was cancelled by another thread.
    #[error("cancelled")]
    Cancelled,
    /// All slots hold frames that clients have not released.
    #[error("clients hold all {held} frames")]
    WouldBlock {
        /// Number of those frames.
        held: u32,
    },
}

fn os(call: &Call, errno: &Errno, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match (call, *errno) {
        (_, Errno::ACCESS | Errno::PERM) => write!(f, "{call}: no permission"),
        (Call::Bind, Errno::NOENT) => {
            f.write_str("the socket's folder does not exist: create it first")
        }
        (_, errno) => write!(f, "{call}: {errno}"),
    }
}

/// What to do after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// The same call may succeed later, or return the next frame.
    Retry,
    /// Reconnecting may work.
    Reconnect,
    /// Something has to be changed first.
    GiveUp,
}

impl Error {
    /// Returns whether to repeat the call, reconnect, or give up.
    pub fn advice(&self) -> Advice {
        match self {
            Self::TimedOut
            | Self::HoldLimit { .. }
            | Self::WouldBlock { .. }
            | Self::UnknownBuffer { .. }
            | Self::FenceFailed { .. } => Advice::Retry,
            Self::NoHost
            | Self::HostGone
            | Self::Evicted
            | Self::Goodbye(_)
            | Self::Refused(
                Refusal::Full { .. } | Refusal::Resources { .. } | Refusal::Silent { .. },
            ) => Advice::Reconnect,
            _ => Advice::GiveUp,
        }
    }
}

impl Error {
    /// Returns the error of a system call.
    pub(crate) const fn os(call: Call, errno: Errno) -> Self {
        Self::Os { call, errno }
    }

    /// Converts an error of fence `id`.
    pub fn of_fence(error: MemoryError, id: u32) -> Self {
        match error {
            MemoryError::TimedOut => Self::TimedOut,
            MemoryError::FenceFailed { errno } => Self::FenceFailed { errno },
            MemoryError::System { call, errno } => Self::os(call, errno),
            // `NotASyncFile`: fences have no other errors.
            _ => Self::BadFence { id },
        }
    }
}
