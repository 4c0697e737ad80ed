//! What can go wrong between host and client, and what to do about it.

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
        /// What the kernel answered.
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
        /// The most bytes that a name may have.
        max: usize,
    },
    /// Another host serves on this name.
    #[error("another host serves on this socket: end that one, or use another name")]
    AddressInUse,
    /// Another program keeps a lock on the folder of the socket.
    #[error("another program holds a lock (flock) on the socket's folder: end it")]
    FolderLocked,
    /// There is a file of this name and it is no socket.
    #[error("a file of this name exists and is not a socket")]
    NotASocket,
    /// A listening socket that was passed in can't be served.
    #[error("the socket that was given can't be served: {why}")]
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
    /// The host is gone without a word.
    #[error("the host is gone")]
    HostGone,
    /// The host has evicted this client; [`Client::pump`](crate::client::Client::pump) tells why.
    #[error("the host has thrown this client out")]
    Evicted,
    /// The deadline passed.
    #[error("timed out")]
    TimedOut,
    /// This client holds as many frames as it said it would.
    #[error(
        "this client already holds {limit} frames, as many as it said it would: \
         release one, or connect with a higher number"
    )]
    HoldLimit {
        /// That number.
        limit: u32,
    },
    /// A client asks to hold more frames than any may.
    #[error("asked to hold {asked} frames at once, expected 0 to {max}")]
    HoldTooLarge {
        /// Frames that it asks for.
        asked: u32,
        /// The most that a client may hold.
        max: u32,
    },
    /// A message from the other side is wrong.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A security module has taken a descriptor out of a message.
    #[error(
        "a security module (SELinux, AppArmor or another) has taken a descriptor out of the \
         host's message: allow this process to use the host's memory"
    )]
    DescriptorDenied,
    /// The other side sent a message that does not belong here.
    #[error("unexpected message: {what}")]
    Unexpected {
        /// The message.
        what: &'static str,
    },
    /// The ring, its memory or a frame's description is wrong.
    #[error(transparent)]
    Ring(#[from] RingError),
    /// A frame names a buffer or fence that is not registered at the host, or that has not come to
    /// this client. The next frame may be fine.
    #[error(
        "a frame names buffer {id}, which is not registered or has not come yet: \
         take the next frame"
    )]
    UnknownBuffer {
        /// The id that it names.
        id: u32,
    },
    /// What is said to be a fence is no sync file.
    #[error(
        "fence {id} is no sync file: hosts share what \
         DMA_BUF_IOCTL_EXPORT_SYNC_FILE or a device driver gives"
    )]
    BadFence {
        /// Its id.
        id: u32,
    },
    /// A plane is said to lie in a fence.
    #[error("a plane lies in {id}, which is a fence and no buffer")]
    NotMemory {
        /// The fence's id.
        id: u32,
    },
    /// The work behind a frame's fence failed: the contents are not what they should be.
    #[error("the work behind the frame's fence failed ({errno}): take the next frame")]
    FenceFailed {
        /// The fence's status.
        errno: Errno,
    },
    /// A buffer from the host may be cut short under a mapping, may lose its (huge) pages, or is
    /// shorter than it says.
    #[error(
        "buffer {id} is shorter than stated or could be cut short: \
         hosts share dma-bufs and memfds sealed against shrinking, those of huge pages \
         with all their pages and sealed with F_SEAL_FUTURE_WRITE as well"
    )]
    BadBuffer {
        /// Its id.
        id: u32,
    },
    /// A buffer that clients may only read could not be opened again for reading.
    #[error("can't open a buffer again for reading, through /proc/self/fd: {errno}")]
    Reopen {
        /// What the kernel answered.
        errno: Errno,
    },
    /// As many buffers as fit are registered.
    #[error("{count} buffers are registered, the maximum")]
    TooManyBuffers {
        /// That number.
        count: usize,
    },
    /// Parameter sets of no or too many bytes.
    #[error("parameter sets of {bytes} bytes, expected 1 to {max}")]
    ParameterSize {
        /// Their length.
        bytes: usize,
        /// The most bytes that they may have.
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
            f.write_str("the socket's folder is not there: make it first")
        }
        (_, errno) => write!(f, "{call}: {errno}"),
    }
}

/// What to do after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// The same call may work a moment later, or give the next frame.
    Retry,
    /// Reconnecting may work.
    Reconnect,
    /// Something has to be changed first.
    GiveUp,
}

impl Error {
    /// Whether to repeat the call, reconnect, or give up.
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
    /// The failure of a system call.
    pub(crate) const fn os(call: Call, errno: Errno) -> Self {
        Self::Os { call, errno }
    }

    /// What a fence's own error is here; `id` is the fence's.
    pub fn of_fence(error: MemoryError, id: u32) -> Self {
        match error {
            MemoryError::TimedOut => Self::TimedOut,
            MemoryError::FenceFailed { errno } => Self::FenceFailed { errno },
            MemoryError::System { call, errno } => Self::os(call, errno),
            // `NotASyncFile`: the others are not those of fences.
            _ => Self::BadFence { id },
        }
    }
}
