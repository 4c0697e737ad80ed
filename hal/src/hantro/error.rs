//! What goes wrong with a Hantro node.

use core::fmt;

use rustix::io::Errno;

use super::NodeKind;

/// Why an operation on a Hantro node failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HantroError {
    /// A system call or request failed.
    System {
        /// The call: `open`, `mmap`, `HX280ENC_IOCGHWOFFSET`.
        call: &'static str,
        /// What the kernel answered.
        errno: Errno,
    },
    /// The driver answered with a value that cannot be.
    Answer {
        /// The request.
        call: &'static str,
        /// What the value says.
        field: &'static str,
        /// The value found.
        value: u64,
    },
    /// An argument is out of range; nothing was asked of the driver.
    Argument {
        /// Which one.
        name: &'static str,
        /// Its value.
        value: u64,
        /// The first value that is too large.
        end: u64,
    },
    /// The file is no node of the driver that was to be opened.
    WrongNode {
        /// The driver that was asked for.
        wanted: NodeKind,
        /// The driver behind the node; `None` for a file of any other sort.
        found: Option<NodeKind>,
    },
    /// A signal came while the request waited: ask again or give up.
    Interrupted,
    /// The core had not finished in time.
    TimedOut,
    /// The registers were lost in a suspend: write all of them again.
    RegistersLost,
    /// The driver takes no registers by request: map them.
    NoRegisterRequests,
}

impl HantroError {
    pub(super) const fn system(call: &'static str, errno: Errno) -> Self {
        Self::System { call, errno }
    }

    pub(super) fn answer(call: &'static str, field: &'static str, value: impl Into<u64>) -> Self {
        Self::Answer {
            call,
            field,
            value: value.into(),
        }
    }

    /// The error number, where the kernel gave one.
    #[must_use]
    pub const fn errno(self) -> Option<Errno> {
        match self {
            Self::System { errno, .. } => Some(errno),
            Self::Interrupted => Some(Errno::INTR),
            Self::RegistersLost => Some(Errno::AGAIN),
            _ => None,
        }
    }

    /// Whether the same call can succeed when it is made again.
    #[must_use]
    pub const fn may_retry(self) -> bool {
        matches!(self, Self::Interrupted | Self::TimedOut)
    }
}

impl fmt::Display for HantroError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::System { call, errno } if matches!(errno, Errno::ACCESS | Errno::PERM) => {
                write!(
                    f,
                    "{call}: not permitted: {errno} (nodes belong to root unless a udev rule says \
                     otherwise)"
                )
            }
            Self::System { call, errno } => write!(f, "{call}: {errno}"),
            Self::Answer { call, field, value } => write!(
                f,
                "{call}: the driver answered {field} = {value:#x}, which cannot be"
            ),
            Self::Argument { name, value, end } => {
                write!(f, "{name} = {value} is out of range: below {end} expected")
            }
            Self::WrongNode {
                wanted,
                found: Some(found),
            } => write!(f, "the node is that of {found}, not of {wanted}"),
            Self::WrongNode {
                wanted,
                found: None,
            } => write!(f, "the file is no Hantro node; that of {wanted} is wanted"),
            Self::Interrupted => f.write_str("a signal came while waiting: ask again"),
            Self::TimedOut => f.write_str("the core had not finished in time"),
            Self::RegistersLost => f.write_str(
                "the registers were lost in a suspend: write all of them again (EAGAIN)",
            ),
            Self::NoRegisterRequests => f.write_str(
                "this driver neither reads nor writes registers by request: map them instead",
            ),
        }
    }
}

impl core::error::Error for HantroError {}

#[cfg(test)]
mod tests {
    use std::string::ToString as _;

    use super::*;

    #[test]
    fn texts_name_the_request_and_what_was_expected() {
        let error = HantroError::answer("HX280ENC_IOCG_CORE_NUM", "number of cores", 4096_u32);
        assert_eq!(
            error.to_string(),
            "HX280ENC_IOCG_CORE_NUM: the driver answered number of cores = 0x1000, which cannot be"
        );
        let error = HantroError::Argument {
            name: "core",
            value: 3,
            end: 1,
        };
        assert_eq!(
            error.to_string(),
            "core = 3 is out of range: below 1 expected"
        );
        let error = HantroError::WrongNode {
            wanted: NodeKind::Vc8000e,
            found: Some(NodeKind::H1),
        };
        assert!(error.to_string().contains("H1"), "{error}");
    }

    #[test]
    fn only_waits_are_worth_asking_again() {
        assert!(HantroError::Interrupted.may_retry());
        assert!(HantroError::TimedOut.may_retry());
        assert!(!HantroError::RegistersLost.may_retry());
        assert!(!HantroError::system("open", Errno::NOENT).may_retry());
    }
}
