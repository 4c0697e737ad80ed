//! What can go wrong between host and client, and what to do about it.

use core::fmt;

use rustix::io::Errno;
use videostream_hal::memory::sync_file::SyncFileError;
use videostream_hal::ring::RingError;

use crate::wire::{Goodbye, Refusal, WireError};

/// Why a call of this crate failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A system call failed: its name and errno.
    Os(&'static str, Errno),
    /// The socket's name is empty or holds a zero byte.
    AddressInvalid,
    /// The socket's name is too long: its bytes, the most there may be.
    AddressTooLong(usize, usize),
    /// Another host serves on this name.
    AddressInUse,
    /// There is a file of this name and it is no socket.
    NotASocket,
    /// What is given as a listening socket can't be served: why.
    Listener(&'static str),
    /// Nobody serves on this name.
    NoHost,
    /// The host refused this client.
    Refused(Refusal),
    /// The host said goodbye.
    Goodbye(Goodbye),
    /// The host is gone without a word.
    HostGone,
    /// The host has thrown this client out; [`Client::pump`](crate::client::Client::pump)
    /// tells why.
    ThrownOut,
    /// The deadline passed.
    TimedOut,
    /// This client holds as many frames as it said it would: that number.
    HoldLimit(u32),
    /// A client asks to hold more frames than any may: frames asked for, the most.
    HoldTooLarge(u32, u32),
    /// A message from the other side is wrong.
    Wire(WireError),
    /// A security module has taken a descriptor out of a message.
    DescriptorDenied,
    /// The other side sent a message that does not belong here.
    Unexpected(&'static str),
    /// The shared memory, or a frame in it, is not usable.
    Ring(RingError),
    /// A frame names a buffer or fence that is not registered at the host, or that has not
    /// come to this client: its id. The next frame may be fine.
    UnknownBuffer(u32),
    /// What is said to be a fence is no sync file: its id.
    BadFence(u32),
    /// A plane is said to lie in a fence: its id.
    NotMemory(u32),
    /// The work behind a frame's fence failed, its contents are not what they should be.
    FenceFailed(Errno),
    /// A buffer from the host may be cut short under a mapping, may lose its (huge) pages, or is
    /// shorter than it says: its id.
    BadBuffer(u32),
    /// As many buffers as fit are registered: that number.
    TooManyBuffers(usize),
    /// Parameter sets of no or too many bytes: how many, the most.
    ParameterSize(usize, usize),
    /// The wait was cancelled by another thread.
    Cancelled,
    /// All slots hold frames that clients have not released: how many.
    WouldBlock(u32),
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
            | Self::HoldLimit(_)
            | Self::WouldBlock(_)
            | Self::UnknownBuffer(_)
            | Self::FenceFailed(_) => Advice::Retry,
            Self::NoHost
            | Self::HostGone
            | Self::ThrownOut
            | Self::Goodbye(_)
            | Self::Refused(Refusal::Full(_) | Refusal::Resources(_) | Refusal::Silent(_)) => {
                Advice::Reconnect
            }
            _ => Advice::GiveUp,
        }
    }
}

impl Error {
    /// What a fence's own error is here; `id` is the fence's.
    pub fn of_fence(error: SyncFileError, id: u32) -> Self {
        match error {
            SyncFileError::NotASyncFile => Self::BadFence(id),
            SyncFileError::TimedOut => Self::TimedOut,
            SyncFileError::Failed(errno) => Self::FenceFailed(errno),
            SyncFileError::Os(call, errno) => Self::Os(call, errno),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Os(call, Errno::ACCESS | Errno::PERM) => {
                write!(f, "{call}: no permission")
            }
            Self::Os("bind", Errno::NOENT) => {
                write!(f, "the socket's folder is not there: make it first")
            }
            Self::Os(call, errno) => write!(f, "{call}: {errno}"),
            Self::AddressInvalid => write!(f, "the socket's name is empty or has a zero byte"),
            Self::AddressTooLong(is, max) => write!(
                f,
                "the socket's name has {is} bytes, the system allows {max}"
            ),
            Self::AddressInUse => write!(
                f,
                "another host serves on this socket: end that one, or use another name"
            ),
            Self::NotASocket => write!(f, "a file of this name exists and is not a socket"),
            Self::Listener(why) => write!(f, "the socket that was given can't be served: {why}"),
            Self::NoHost => write!(f, "no host serves on this socket"),
            Self::Refused(r) => r.fmt(f),
            Self::Goodbye(g) => g.fmt(f),
            Self::HostGone => write!(f, "the host is gone"),
            Self::ThrownOut => write!(f, "the host has thrown this client out"),
            Self::TimedOut => write!(f, "timed out"),
            Self::HoldLimit(n) => write!(
                f,
                "this client already holds {n} frames, as many as it said it would: \
                 release one, or connect with a higher number"
            ),
            Self::Wire(e) => e.fmt(f),
            Self::DescriptorDenied => write!(
                f,
                "a security module (SELinux, AppArmor or another) has taken a descriptor out of \
                 the host's message: allow this process to use the host's memory"
            ),
            Self::Unexpected(what) => write!(f, "unexpected message: {what}"),
            Self::Ring(e) => e.fmt(f),
            Self::UnknownBuffer(id) => {
                write!(
                    f,
                    "a frame names buffer {id}, which is not registered or has not come yet: \
                     take the next frame"
                )
            }
            Self::BadFence(id) => write!(
                f,
                "fence {id} is no sync file: hosts share what \
                 DMA_BUF_IOCTL_EXPORT_SYNC_FILE or a device driver gives"
            ),
            Self::NotMemory(id) => {
                write!(f, "a plane lies in {id}, which is a fence and no buffer")
            }
            Self::FenceFailed(errno) => write!(
                f,
                "the work behind the frame's fence failed ({errno}): take the next frame"
            ),
            Self::HoldTooLarge(asked, most) => write!(
                f,
                "asked to hold {asked} frames at once, expected 0 to {most}"
            ),
            Self::BadBuffer(id) => write!(
                f,
                "buffer {id} is shorter than stated or could be cut short: \
                 hosts share dma-bufs and memfds sealed against shrinking, those of huge pages \
                 with all their pages and sealed with F_SEAL_FUTURE_WRITE as well"
            ),
            Self::TooManyBuffers(n) => write!(f, "{n} buffers are registered, the maximum"),
            Self::ParameterSize(n, max) => {
                write!(f, "parameter sets of {n} bytes, expected 1 to {max}")
            }
            Self::Cancelled => write!(f, "cancelled"),
            Self::WouldBlock(n) => write!(f, "clients hold all {n} frames"),
        }
    }
}

impl core::error::Error for Error {}

impl From<WireError> for Error {
    fn from(e: WireError) -> Self {
        Self::Wire(e)
    }
}

impl From<RingError> for Error {
    fn from(e: RingError) -> Self {
        Self::Ring(e)
    }
}
