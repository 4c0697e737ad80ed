//! Errors of encoders, as `errno` has them.

use rustix::io::Errno;
use videostream::encode::EncodeError;

use crate::frame::errno_of_picture;

pub(super) fn errno_of(error: &EncodeError) -> Errno {
    match error {
        EncodeError::NoBackend(_) | EncodeError::Library(_) => Errno::NODEV,
        EncodeError::UnknownBackend(_) | EncodeError::Unsupported { .. } => Errno::NOTSUP,
        EncodeError::Picture(error) => errno_of_picture(*error),
        EncodeError::Size { .. }
        | EncodeError::Format { .. }
        | EncodeError::Value { .. }
        | EncodeError::Level { .. }
        | EncodeError::NoBitrate
        | EncodeError::Mismatch { .. } => Errno::INVAL,
        EncodeError::PacketWaiting => Errno::BUSY,
        EncodeError::Finished => Errno::SHUTDOWN,
        EncodeError::TooDetailed { .. } => Errno::MSGSIZE,
        _ => Errno::IO,
    }
}
