//! Errors of sharing as `errno`.

use rustix::io::Errno;
use videostream::hal::memory::MemoryError;
use videostream::hal::ring::RingError;
use videostream::ipc::{Error, Refusal};

use crate::boundary::explain;

/// Returns the `errno` of an error, and keeps the error for [`last_error`].
///
/// [`last_error`]: crate::boundary::last_error
pub(crate) fn errno_of(error: Error) -> Errno {
    let errno = match error {
        Error::Os { errno, .. }
        | Error::Reopen { errno }
        | Error::FenceFailed { errno }
        | Error::Ring(
            RingError::Create { errno } | RingError::Map(MemoryError::System { errno, .. }),
        ) => errno,
        Error::AddressInvalid | Error::BadBuffer { .. } | Error::HoldTooLarge { .. } => {
            Errno::INVAL
        }
        Error::AddressTooLong { .. } => Errno::NAMETOOLONG,
        Error::AddressInUse | Error::NotASocket => Errno::ADDRINUSE,
        Error::FolderLocked => Errno::AGAIN,
        Error::NoHost => Errno::CONNREFUSED,
        Error::HostGone | Error::Evicted | Error::Goodbye(_) => Errno::CONNRESET,
        Error::Refused(Refusal::Permission { .. }) => Errno::ACCESS,
        Error::Refused(Refusal::Resources { .. }) => Errno::NOBUFS,
        Error::Refused(Refusal::Full { .. } | Refusal::Hold { .. }) => Errno::USERS,
        Error::Refused(_) => Errno::PROTO,
        Error::TimedOut => Errno::TIMEDOUT,
        Error::Cancelled => Errno::SHUTDOWN,
        Error::HoldLimit { .. } => Errno::MFILE,
        Error::TooManyBuffers { .. } | Error::WouldBlock { .. } => Errno::NOBUFS,
        _ => Errno::BADMSG,
    };
    explain(errno, error)
}
