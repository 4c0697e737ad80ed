//! Why a device operation failed, and what can be done about it.

use core::fmt;

use rustix::io::Errno;

use crate::call::Call;
use crate::format::FourCc;
use crate::kind::{HantroKind, NodeKind};

/// Why an operation on a device failed.
///
/// It is small and `Copy`: it names the call and the error number, or the invalid value.
/// [`Error::kind`] says how a program can react.
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
    #[error("timed out")]
    TimedOut,
    /// A signal interrupted the wait: call again or give up.
    #[error("a signal interrupted the wait: call again (EINTR)")]
    Interrupted,
    /// The open device was unplugged.
    #[error("{call}: the device was unplugged")]
    Disconnected {
        /// The call that reported it.
        call: Call,
        /// The kernel's error.
        errno: Errno,
    },
    /// The driver returned an invalid value.
    #[error("{call}: the driver returned {field} = {value}, which is invalid")]
    Answer {
        /// The ioctl.
        call: Call,
        /// The field of its argument.
        field: &'static str,
        /// Its value.
        value: u64,
    },
    /// The node is not of the kind that the operation needs.
    #[error("the device is {kind}, which does not support this")]
    WrongKind {
        /// The kind of the node.
        kind: NodeKind,
    },
    /// The file is not a node of the requested Hantro driver.
    #[error(fmt = wrong_node)]
    WrongNode {
        /// The requested driver.
        wanted: HantroKind,
        /// The driver behind the node; `None` if the file is not a Hantro node.
        found: Option<HantroKind>,
    },
    /// The driver behind the node is unknown, because sysfs cannot be read.
    #[error("cannot find the driver of the node in /sys: {}: mount sysfs", Reason(*errno))]
    NoSysfs {
        /// The kernel's error.
        errno: Errno,
    },
    /// An argument was refused before the system call.
    #[error("{name} = {value} is out of range")]
    Argument {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: u64,
    },
    /// An index or a length is past the end.
    #[error("{name} = {value} is out of range: expected below {end}")]
    PastEnd {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: u64,
        /// The first value that is too large.
        end: u64,
    },
    /// The driver does not support pictures of this size.
    #[error("the device does not support pictures of {width}x{height}")]
    PictureSize {
        /// Requested width in pixels.
        width: u32,
        /// Requested height in lines.
        height: u32,
    },
    /// The driver cannot crop or compose to this rectangle.
    #[error("the device does not support a rectangle of {width}x{height} at {left},{top}")]
    Rectangle {
        /// Requested left edge in pixels.
        left: i32,
        /// Requested top edge in lines.
        top: i32,
        /// Requested width in pixels.
        width: u32,
        /// Requested height in lines.
        height: u32,
    },
    /// The device has none of the requested formats.
    #[error("the device does not support format {wanted}")]
    NoFormat {
        /// The first of them.
        wanted: FourCc,
    },
    /// The driver lacks an optional capability.
    #[error("the driver has no {ability}")]
    Missing {
        /// The missing capability.
        ability: &'static str,
    },
    /// The caller's function supplied no memory for the buffers; the caller knows why.
    #[error("no memory was supplied for the buffers")]
    NotSupplied,
    /// The operation is not allowed in the current state.
    #[error("{action}: not in the state {state}")]
    State {
        /// The operation.
        action: &'static str,
        /// The current state, by the kernel's name.
        state: &'static str,
    },
    /// The size of the signal at the input, or of the stream in a decoder, has changed.
    #[error("the size of the signal or stream has changed")]
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
        /// The error of `VIDIOC_STREAMON`.
        errno: Errno,
    },
    /// The registers were lost in a suspend: write all of them again.
    #[error("the registers were lost in a suspend: write all of them again (EAGAIN)")]
    RegistersLost,
    /// The driver has no ioctls to access registers: map them.
    #[error("this driver has no ioctls to read or write registers: map them instead")]
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
    /// The device or driver does not support the capability, format or setting.
    NotSupported,
    /// An argument was refused, or the operation is not allowed in the current state.
    InvalidArgument,
    /// The device was unplugged: close it, find it again by its stable name.
    Disconnected,
    /// The deadline passed: wait again or give up.
    TimedOut,
    /// Nothing is ready yet: wait.
    NotReady,
    /// Memory or contiguous memory is short: use fewer or smaller buffers.
    OutOfMemory,
    /// The USB bus has no bandwidth left: use smaller pictures, a lower rate or another port.
    NoBandwidth,
    /// The media pipeline behind the node is not set up.
    Pipeline,
    /// There is no signal at the input, or none that the grabber can lock to: plug the source in,
    /// wait for a source change, try again.
    NoSignal,
    /// The size of the signal or stream has changed: negotiate again.
    SourceChanged,
    /// The hardware or driver failed: stop the stream and start it again.
    StreamFailed,
    /// The last buffer has been delivered.
    EndOfStream,
    /// The driver returned invalid data: a driver bug.
    BadAnswer,
    /// Anything else; see the error number.
    Other,
}

impl Error {
    /// Returns the error of a call that does not need an open device, such as `open`.
    pub(crate) const fn system(call: Call, errno: Errno) -> Self {
        Self::System { call, errno }
    }

    /// Returns the error of a call on an open device, which may have been unplugged meanwhile.
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

    /// Returns the kernel's error number, if there is one.
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

/// Returns the kind of an error number that has no special meaning for its call.
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
        None => write!(
            f,
            "the file is not a Hantro node; expected that of {wanted}"
        ),
    }
}

/// Displays an error number in words, if video drivers use it.
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
            Errno::FAULT => "bad address (EFAULT)",
            Errno::BADF => "bad descriptor (EBADF)",
            Errno::AGAIN => "nothing ready (EAGAIN)",
            Errno::NOMEM => "out of memory (ENOMEM)",
            Errno::NOSPC => "no USB bandwidth left (ENOSPC)",
            Errno::IO => "hardware or driver failure (EIO)",
            Errno::PIPE => "broken pipe (EPIPE)",
            Errno::NOLINK => "no link or signal (ENOLINK)",
            Errno::NOLCK => "no lock on the signal (ENOLCK)",
            Errno::MFILE => "too many open descriptors (EMFILE)",
            Errno::ISDIR => "a directory, not a device (EISDIR)",
            Errno::NOTDIR => "a part of the path is not a directory (ENOTDIR)",
            Errno::NAMETOOLONG => "path too long (ENAMETOOLONG)",
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
            "VIDIOC_DQBUF: the driver returned index = 40, which is invalid"
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
            "core = 3 is out of range: expected below 1"
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
            "the file is not a Hantro node; expected that of the VC8000E encoder"
        );
    }
}
