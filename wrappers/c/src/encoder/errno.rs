//! Errors of encoders as `errno`.

use rustix::io::Errno;
use videostream::encode::CodecError;

use super::config::DEVICE_VARIABLE;
use crate::boundary::{errno_of_device, explain};
use crate::codecs::errno_of_none;
use crate::frame::errno_of_picture;

/// Converts an error to `errno`, and keeps its message.
pub(super) fn errno_of(error: &CodecError) -> Errno {
    explain(number_of(error), error.to_string())
}

fn number_of(error: &CodecError) -> Errno {
    match error {
        CodecError::NoDevice(none) => errno_of_none(none, DEVICE_VARIABLE),
        CodecError::NoBackend { .. } | CodecError::Library(_) => Errno::NODEV,
        CodecError::Device { error, .. } => errno_of_device(*error),
        CodecError::UnknownBackend(_) | CodecError::Unsupported { .. } => Errno::NOTSUP,
        CodecError::Picture(error) => errno_of_picture(error.clone()),
        CodecError::Size { .. }
        | CodecError::Format { .. }
        | CodecError::DeviceFormat { .. }
        | CodecError::DeviceSize { .. }
        | CodecError::DeviceCrop { .. }
        | CodecError::DeviceRate { .. }
        | CodecError::Control { .. }
        | CodecError::Value { .. }
        | CodecError::Level { .. }
        | CodecError::NoBitrate
        | CodecError::Mismatch { .. } => Errno::INVAL,
        CodecError::OutputWaiting => Errno::BUSY,
        CodecError::Finished => Errno::SHUTDOWN,
        CodecError::TooDetailed { .. } => Errno::MSGSIZE,
        _ => Errno::IO,
    }
}
