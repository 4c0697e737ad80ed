//! What went wrong, by call and error number.

use core::fmt;

use rustix::io::Errno;

use super::node::NodeKind;
use crate::format::FourCc;

/// Why an operation on a video device failed.
///
/// Small and `Copy`: it names the call and the raw error number, or the value that was wrong.
/// [`Error::kind`] sorts it into what a program can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A system call or ioctl failed.
    System {
        /// The call: `open`, `poll`, `VIDIOC_S_FMT`.
        call: &'static str,
        /// What the kernel answered.
        errno: Errno,
    },
    /// The deadline passed before the event.
    TimedOut,
    /// The driver answered with a value that cannot be.
    Answer {
        /// The ioctl.
        call: &'static str,
        /// The field of its argument.
        field: &'static str,
        /// The value found.
        value: u64,
    },
    /// The node is of another kind than the operation needs.
    WrongKind {
        /// What the node is.
        kind: NodeKind,
    },
    /// An argument does not fit.
    Argument {
        /// Which one.
        name: &'static str,
        /// Its value.
        value: u64,
    },
    /// The device has none of the formats that were asked for.
    NoFormat {
        /// The first one asked for.
        wanted: FourCc,
    },
    /// The call came in a state in which it cannot be.
    State {
        /// What was asked for.
        action: &'static str,
        /// The state, in the kernel's words.
        state: &'static str,
    },
    /// The signal at the input, or the stream in a decoder, has another size now.
    SourceChanged,
    /// There is no signal at the input.
    NoSignal,
    /// The driver has said that the stream has ended, and all its frames were delivered.
    EndOfStream,
    /// The driver cannot start because the pipeline behind the node is not set up.
    ///
    /// The node is driven by the media controller (`V4L2_CAP_IO_MC`): formats of the sensor and
    /// of each block between it and this node must be set first, and their links enabled.
    Pipeline {
        /// What `VIDIOC_STREAMON` answered.
        errno: Errno,
    },
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
    pub(crate) const fn system(call: &'static str, errno: Errno) -> Self {
        Self::System { call, errno }
    }

    /// The error number, where the kernel gave one.
    #[must_use]
    pub const fn errno(self) -> Option<Errno> {
        match self {
            Self::System { errno, .. } | Self::Pipeline { errno } => Some(errno),
            _ => None,
        }
    }

    /// What can be done about it.
    #[must_use]
    pub fn kind(self) -> ErrorKind {
        match self {
            Self::System { call, errno } => system_kind(call, errno),
            Self::TimedOut => ErrorKind::TimedOut,
            Self::Answer { .. } => ErrorKind::BadAnswer,
            Self::WrongKind { .. } | Self::NoFormat { .. } => ErrorKind::NotSupported,
            Self::Argument { .. } | Self::State { .. } => ErrorKind::InvalidArgument,
            Self::Pipeline { .. } => ErrorKind::Pipeline,
            Self::SourceChanged => ErrorKind::SourceChanged,
            Self::NoSignal => ErrorKind::NoSignal,
            Self::EndOfStream => ErrorKind::EndOfStream,
        }
    }
}

fn system_kind(call: &str, errno: Errno) -> ErrorKind {
    match errno {
        Errno::NOENT => ErrorKind::NotFound,
        Errno::NODEV | Errno::NXIO if call == "open" => ErrorKind::NotFound,
        Errno::NODEV | Errno::NXIO => ErrorKind::Disconnected,
        Errno::ACCESS | Errno::PERM => ErrorKind::PermissionDenied,
        Errno::BUSY => ErrorKind::Busy,
        Errno::NOTTY | Errno::OPNOTSUPP | Errno::NODATA => ErrorKind::NotSupported,
        Errno::INVAL | Errno::RANGE | Errno::FAULT | Errno::BADF => ErrorKind::InvalidArgument,
        Errno::AGAIN => ErrorKind::NotReady,
        Errno::NOMEM => ErrorKind::OutOfMemory,
        Errno::NOSPC => ErrorKind::NoBandwidth,
        Errno::TIMEDOUT => ErrorKind::TimedOut,
        Errno::IO => ErrorKind::StreamFailed,
        Errno::PIPE if call == "VIDIOC_DQBUF" => ErrorKind::EndOfStream,
        Errno::PIPE | Errno::NOLINK if call == "VIDIOC_STREAMON" => ErrorKind::Pipeline,
        Errno::NOLINK | Errno::NOLCK => ErrorKind::NoSignal,
        _ => ErrorKind::Other,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::System { call, errno } => write!(f, "{call}: {}", Described(errno)),
            Self::TimedOut => f.write_str("no frame before the deadline"),
            Self::Answer { call, field, value } => {
                write!(f, "{call}: the driver answered {field} = {value}")
            }
            Self::WrongKind { kind } => write!(f, "the device is {kind}, which cannot do this"),
            Self::Argument { name, value } => write!(f, "{name} = {value} is out of range"),
            Self::NoFormat { wanted } => write!(f, "the device does not offer format {wanted}"),
            Self::State { action, state } => write!(f, "{action}: not in the state {state}"),
            Self::SourceChanged => f.write_str("the signal at the input has another size now"),
            Self::NoSignal => f.write_str("no signal at the input"),
            Self::EndOfStream => f.write_str("the stream has ended"),
            Self::Pipeline { errno } => write!(
                f,
                "VIDIOC_STREAMON: {}: the media pipeline behind this node is not set up \
                 (links and formats from the sensor to the node come first)",
                Described(errno)
            ),
        }
    }
}

impl core::error::Error for Error {}

/// Error numbers in words: only those that video drivers use.
struct Described(Errno);

impl fmt::Display for Described {
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
    fn the_same_number_means_what_the_call_makes_of_it() {
        let kind = |call, errno| Error::system(call, errno).kind();
        assert_eq!(kind("open", Errno::NODEV), ErrorKind::NotFound);
        assert_eq!(kind("VIDIOC_DQBUF", Errno::NODEV), ErrorKind::Disconnected);
        assert_eq!(kind("VIDIOC_DQBUF", Errno::PIPE), ErrorKind::EndOfStream);
        assert_eq!(kind("VIDIOC_STREAMON", Errno::PIPE), ErrorKind::Pipeline);
        assert_eq!(kind("VIDIOC_DQBUF", Errno::IO), ErrorKind::StreamFailed);
        assert_eq!(
            kind("VIDIOC_STREAMON", Errno::NOSPC),
            ErrorKind::NoBandwidth
        );
    }

    #[test]
    fn texts_name_call_and_number() {
        let error = Error::system("VIDIOC_S_FMT", Errno::BUSY);
        assert_eq!(error.to_string(), "VIDIOC_S_FMT: busy (EBUSY)");
        let error = Error::Answer {
            call: "VIDIOC_DQBUF",
            field: "index",
            value: 40,
        };
        assert_eq!(
            error.to_string(),
            "VIDIOC_DQBUF: the driver answered index = 40"
        );
    }
}
