//! Errors of encoders, as `errno` has them.

use rustix::io::Errno;
use videostream::encode::EncodeError;

use super::config::DEVICE_VARIABLE;
use crate::boundary::{errno_of_device, explain};
use crate::codecs::errno_of_none;
use crate::frame::errno_of_picture;

/// The `errno` of an error, whose words become those of the failure.
pub(super) fn errno_of(error: &EncodeError) -> Errno {
    explain(number_of(error), error.to_string())
}

fn number_of(error: &EncodeError) -> Errno {
    match error {
        EncodeError::NoDevice(none) => errno_of_none(none, DEVICE_VARIABLE),
        EncodeError::NoBackend(_) | EncodeError::Library(_) => Errno::NODEV,
        EncodeError::Device { error, .. } => errno_of_device(*error),
        EncodeError::UnknownBackend(_) | EncodeError::Unsupported { .. } => Errno::NOTSUP,
        EncodeError::Picture(error) => errno_of_picture(*error),
        EncodeError::Size { .. }
        | EncodeError::Format { .. }
        | EncodeError::DeviceFormat { .. }
        | EncodeError::DeviceSize { .. }
        | EncodeError::DeviceCrop { .. }
        | EncodeError::DeviceRate { .. }
        | EncodeError::Control { .. }
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
