//! Why a device operation failed, and what can be done about it.

use core::fmt;

use rustix::io::Errno;

use crate::call::Call;
use crate::format::FourCc;
use crate::kind::{HantroKind, NodeKind};

/// Why an operation on a device failed.
///
/// Small and `Copy`: it names the call and the raw error number, or the value that was wrong.
/// [`Error::kind`] sorts it into what a program can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A system call or ioctl failed in a way that no other variant describes.
    #[error(fmt = system)]
    System {
        /// The call.
        call: Call,
        /// The kernel's error.
        errno: Errno,
    },
    /// No buffer is finished yet.
    #[error("nothing ready (EAGAIN)")]
    NotReady,
    /// The deadline passed before the event.
    #[error("nothing happened before the deadline")]
    TimedOut,
    /// A signal interrupted the wait: call again or give up.
    #[error("a signal interrupted the wait: call again (EINTR)")]
    Interrupted,
    /// The open device was unplugged.
    #[error("{call}: no such device any more: it was unplugged")]
    Disconnected {
        /// The call that noticed.
        call: Call,
        /// The kernel's error.
        errno: Errno,
    },
    /// The driver answered with an impossible value.
    #[error("{call}: the driver answered {field} = {value}, which is impossible")]
    Answer {
        /// The ioctl.
        call: Call,
        /// The field of its argument.
        field: &'static str,
        /// The value found.
        value: u64,
    },
    /// The node is of another kind than the operation needs.
    #[error("the device is {kind}, which cannot do this")]
    WrongKind {
        /// The kind of the node.
        kind: NodeKind,
    },
    /// The file is no Hantro node of the driver that was to be opened.
    #[error(fmt = wrong_node)]
    WrongNode {
        /// The driver that was asked for.
        wanted: HantroKind,
        /// The driver behind the node; `None` for a file of any other sort.
        found: Option<HantroKind>,
    },
    /// The driver behind the node is unknown, because sysfs cannot be read.
    #[error("/sys does not tell which driver the node has: {}: mount sysfs", Reason(*errno))]
    NoSysfs {
        /// The kernel's error.
        errno: Errno,
    },
    /// An argument was refused before the driver saw it.
    #[error("{name} = {value} is out of range")]
    Argument {
        /// Which one.
        name: &'static str,
        /// Its value.
        value: u64,
    },
    /// An index or a length is past the end.
    #[error("{name} = {value} is out of range: below {end} expected")]
    PastEnd {
        /// Which one.
        name: &'static str,
        /// Its value.
        value: u64,
        /// The first value that is too large.
        end: u64,
    },
    /// The driver takes or makes no pictures of this size.
    #[error("the device does not take pictures of {width}x{height}")]
    PictureSize {
        /// Pixels per line asked for.
        width: u32,
        /// Lines asked for.
        height: u32,
    },
    /// The driver cannot crop or compose to this rectangle.
    #[error("the device does not take a rectangle of {width}x{height} at {left},{top}")]
    Rectangle {
        /// Leftmost pixel asked for.
        left: i32,
        /// Topmost line asked for.
        top: i32,
        /// Pixels per line asked for.
        width: u32,
        /// Lines asked for.
        height: u32,
    },
    /// The device has none of the formats that were asked for.
    #[error("the device does not offer format {wanted}")]
    NoFormat {
        /// The first one asked for.
        wanted: FourCc,
    },
    /// The driver lacks an optional ability.
    #[error("the driver has no {ability}")]
    Missing {
        /// The missing capability.
        ability: &'static str,
    },
    /// The caller supplied no memory for buffers that need it, and knows why.
    #[error("no memory was supplied for the buffers")]
    NotSupplied,
    /// The call is not allowed in the present state.
    #[error("{action}: not in the state {state}")]
    State {
        /// The requested value.
        action: &'static str,
        /// The state, in the kernel's words.
        state: &'static str,
    },
    /// The signal at the input, or the stream in a decoder, has another size now.
    #[error("the signal at the input has another size now")]
    SourceChanged,
    /// There is no signal at the input.
    #[error("no signal at the input")]
    NoSignal,
    /// The last buffer of the stream has been delivered.
    #[error("the stream has ended")]
    EndOfStream,
    /// The driver cannot start because the pipeline behind the node is not set up.
    ///
    /// The node is driven by the media controller (`V4L2_CAP_IO_MC`): formats of the sensor and
    /// of each block between it and this node must be set first, and their links enabled.
    #[error(
        "VIDIOC_STREAMON: {}: the media pipeline behind this node is not set up \
         (links and formats from the sensor to the node come first)",
        Reason(*errno)
    )]
    Pipeline {
        /// What `VIDIOC_STREAMON` answered.
        errno: Errno,
    },
    /// The registers were lost in a suspend: write all of them again.
    #[error("the registers were lost in a suspend: write all of them again (EAGAIN)")]
    RegistersLost,
    /// The driver takes no registers by request: map them.
    #[error("this driver neither reads nor writes registers by request: map them instead")]
    NoRegisterRequests,
}

/// What a program can do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No such device: choose another.
    NotFound,
    /// Not allowed to open it: group membership or a udev rule.
    PermissionDenied,
    /// Another program or handle owns the device or its buffers.
    Busy,
    /// The device or driver has no such ability, format or setting.
    NotSupported,
    /// An argument was refused, or the call came in the wrong state.
    InvalidArgument,
    /// The device was unplugged: close it, find it again by its stable name.
    Disconnected,
    /// The deadline passed: wait again or give up.
    TimedOut,
    /// Nothing to fetch at the moment: wait.
    NotReady,
    /// Memory or contiguous memory is short: fewer or smaller buffers.
    OutOfMemory,
    /// The USB bus has no bandwidth left: smaller picture, lower rate, other port.
    NoBandwidth,
    /// The media pipeline behind the node is not set up.
    Pipeline,
    /// There is no signal at the input, or none that the grabber can lock to: plug the source in,
    /// wait for a source change, ask again.
    NoSignal,
    /// The signal at the input has another size: negotiate again.
    SourceChanged,
    /// The hardware or driver failed: stop the stream and start it again.
    StreamFailed,
    /// The last buffer has been delivered.
    EndOfStream,
    /// The driver answered nonsense: a driver defect.
    BadAnswer,
    /// Anything else; see the error number.
    Other,
}

impl Error {
    /// The failure of a call that does not need an open device, such as `open`.
    pub(crate) const fn system(call: Call, errno: Errno) -> Self {
        Self::System { call, errno }
    }

    /// The failure of a call on an open device, which may have been unplugged meanwhile.
    pub(crate) const fn of_device(call: Call, errno: Errno) -> Self {
        match errno {
            Errno::NODEV | Errno::NXIO => Self::Disconnected { call, errno },
            _ => Self::System { call, errno },
        }
    }

    pub(crate) fn answer(call: Call, field: &'static str, value: impl Into<u64>) -> Self {
        Self::Answer {
            call,
            field,
            value: value.into(),
        }
    }

    /// The error number, where the kernel has one for it.
    #[must_use]
    pub const fn errno(self) -> Option<Errno> {
        match self {
            Self::System { errno, .. }
            | Self::Disconnected { errno, .. }
            | Self::NoSysfs { errno }
            | Self::Pipeline { errno } => Some(errno),
            Self::NotReady | Self::RegistersLost => Some(Errno::AGAIN),
            Self::Interrupted => Some(Errno::INTR),
            Self::Missing { .. } => Some(Errno::NOTTY),
            _ => None,
        }
    }

    /// Returns the kind, which says how a program can react.
    #[must_use]
    pub const fn kind(self) -> ErrorKind {
        match self {
            Self::System { errno, .. } | Self::NoSysfs { errno } => kind_of(errno),
            Self::NotReady => ErrorKind::NotReady,
            Self::TimedOut => ErrorKind::TimedOut,
            Self::Disconnected { .. } => ErrorKind::Disconnected,
            Self::Answer { .. } => ErrorKind::BadAnswer,
            Self::WrongKind { .. }
            | Self::WrongNode { .. }
            | Self::NoFormat { .. }
            | Self::Missing { .. }
            | Self::NoRegisterRequests => ErrorKind::NotSupported,
            Self::Argument { .. }
            | Self::PastEnd { .. }
            | Self::PictureSize { .. }
            | Self::Rectangle { .. }
            | Self::State { .. } => ErrorKind::InvalidArgument,
            Self::NotSupplied => ErrorKind::OutOfMemory,
            Self::Pipeline { .. } => ErrorKind::Pipeline,
            Self::SourceChanged => ErrorKind::SourceChanged,
            Self::NoSignal => ErrorKind::NoSignal,
            Self::EndOfStream => ErrorKind::EndOfStream,
            Self::Interrupted | Self::RegistersLost => ErrorKind::Other,
        }
    }
}

/// What an error number means that the call itself gives no meaning of its own.
const fn kind_of(errno: Errno) -> ErrorKind {
    match errno {
        Errno::NOENT | Errno::NODEV | Errno::NXIO => ErrorKind::NotFound,
        Errno::ACCESS | Errno::PERM => ErrorKind::PermissionDenied,
        Errno::BUSY => ErrorKind::Busy,
        Errno::NOTTY | Errno::OPNOTSUPP | Errno::NODATA => ErrorKind::NotSupported,
        Errno::INVAL | Errno::RANGE | Errno::FAULT | Errno::BADF => ErrorKind::InvalidArgument,
        Errno::AGAIN => ErrorKind::NotReady,
        Errno::NOMEM => ErrorKind::OutOfMemory,
        Errno::NOSPC => ErrorKind::NoBandwidth,
        Errno::TIMEDOUT => ErrorKind::TimedOut,
        Errno::IO => ErrorKind::StreamFailed,
        Errno::NOLINK | Errno::NOLCK => ErrorKind::NoSignal,
        _ => ErrorKind::Other,
    }
}

fn system(call: &Call, errno: &Errno, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{call}: {}", Reason(*errno))?;
    match (call, *errno) {
        (Call::Open, Errno::ACCESS | Errno::PERM) => {
            f.write_str(": nodes belong to root and a group unless a udev rule says otherwise")
        }
        _ => Ok(()),
    }
}

fn wrong_node(
    wanted: &HantroKind,
    found: &Option<HantroKind>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    match found {
        Some(found) => write!(f, "the node is that of {found}, not of {wanted}"),
        None => write!(f, "the file is no Hantro node; that of {wanted} is wanted"),
    }
}

/// Error numbers in words: only those that video drivers use.
pub(crate) struct Reason(pub(crate) Errno);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.0 {
            Errno::NOENT => "no such file (ENOENT)",
            Errno::NODEV => "no such device (ENODEV)",
            Errno::NXIO => "no such device (ENXIO)",
            Errno::ACCESS => "permission denied (EACCES)",
            Errno::PERM => "not permitted (EPERM)",
            Errno::BUSY => "busy (EBUSY)",
            Errno::NOTTY => "not supported by this driver (ENOTTY)",
            Errno::NODATA => "not available at this input (ENODATA)",
            Errno::INVAL => "refused by the driver (EINVAL)",
            Errno::RANGE => "out of range (ERANGE)",
            Errno::FAULT => "bad memory (EFAULT)",
            Errno::BADF => "bad descriptor (EBADF)",
            Errno::AGAIN => "nothing ready (EAGAIN)",
            Errno::NOMEM => "out of memory (ENOMEM)",
            Errno::NOSPC => "no USB bandwidth left (ENOSPC)",
            Errno::IO => "hardware or driver failure (EIO)",
            Errno::PIPE => "broken pipe (EPIPE)",
            Errno::NOLINK => "no link or signal (ENOLINK)",
            Errno::NOLCK => "no lock on the signal (ENOLCK)",
            Errno::MFILE => "too many open descriptors (EMFILE)",
            Errno::ISDIR => "a folder, not a device (EISDIR)",
            Errno::NOTDIR => "no folder on the way to it (ENOTDIR)",
            Errno::NAMETOOLONG => "longer than a path may be (ENAMETOOLONG)",
            other => return write!(f, "error {}", other.raw_os_error()),
        };
        f.write_str(text)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString;

    use super::*;

    #[test]
    fn a_missing_node_is_no_unplugged_device() {
        let gone = Error::of_device(Call::DqBuf, Errno::NODEV);
        assert_eq!(gone.kind(), ErrorKind::Disconnected);
        assert_eq!(gone.errno(), Some(Errno::NODEV));
        let missing = Error::system(Call::Open, Errno::NODEV);
        assert_eq!(missing.kind(), ErrorKind::NotFound);
    }

    #[test]
    fn texts_name_call_and_number() {
        let error = Error::system(Call::SFmt, Errno::BUSY);
        assert_eq!(error.to_string(), "VIDIOC_S_FMT: busy (EBUSY)");
        let error = Error::answer(Call::DqBuf, "index", 40_u32);
        assert_eq!(
            error.to_string(),
            "VIDIOC_DQBUF: the driver answered index = 40, which is impossible"
        );
    }

    #[test]
    fn texts_say_what_was_expected() {
        let error = Error::PastEnd {
            name: "core",
            value: 3,
            end: 1,
        };
        assert_eq!(
            error.to_string(),
            "core = 3 is out of range: below 1 expected"
        );
        let wrong = |found| Error::WrongNode {
            wanted: HantroKind::Vc8000e,
            found,
        };
        assert_eq!(
            wrong(Some(HantroKind::H1)).to_string(),
            "the node is that of the H1 encoder, not of the VC8000E encoder"
        );
        assert_eq!(
            wrong(None).to_string(),
            "the file is no Hantro node; that of the VC8000E encoder is wanted"
        );
    }
}
