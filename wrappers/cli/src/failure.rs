//! Failures of the command: one line and an exit status.

use std::fmt::Display;

use videostream::camera::ControlError;
use videostream::hal::v4l2::ErrorKind;
use videostream::ipc;
use videostream::record::RecordError;
use videostream::{CameraError, CodecError, Error, PictureError};

/// Any other error.
pub(crate) const GENERAL: u8 = 1;
/// Wrong arguments.
pub(crate) const ARGUMENTS: u8 = 2;
/// No such camera, unplugged, or no permission.
pub(crate) const CAMERA: u8 = 3;
/// No suitable encoder or decoder.
pub(crate) const CODEC: u8 = 4;
/// Errors between host and client.
pub(crate) const SOCKET: u8 = 5;
/// A time-out.
pub(crate) const TIMEOUT: u8 = 6;

/// Why the command ends early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The reader of standard output has closed it. This is not an error.
    OutputClosed,
    /// An error to print.
    Said {
        /// The exit status.
        code: u8,
        /// The line, without `error: `.
        message: String,
        /// Whether the message names its file, device or socket.
        named: bool,
    },
}

impl Failure {
    pub(crate) fn new(code: u8, message: impl Display) -> Self {
        Self::Said {
            code,
            message: message.to_string(),
            named: true,
        }
    }

    /// Creates a failure whose message does not name its file or socket.
    pub(crate) fn unnamed(code: u8, message: impl Display) -> Self {
        Self::Said {
            code,
            message: message.to_string(),
            named: false,
        }
    }

    /// Adds the name of a file, device or socket, unless the message has one.
    pub(crate) fn about(self, name: impl Display) -> Self {
        match self {
            Self::Said {
                code,
                message,
                named: false,
            } => Self::new(code, format_args!("{name}: {message}")),
            other => other,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let error = match error {
            Error::Codec(codec) => return codec.into(),
            Error::Record(record) => return record.into(),
            other => other,
        };
        let code = match &error {
            _ if error.is_timeout() => TIMEOUT,
            Error::Camera(camera) => camera_code(camera),
            Error::Picture(picture) => picture_code(picture),
            Error::Share { why, .. } => match why {
                ipc::Error::AddressInvalid | ipc::Error::AddressTooLong { .. } => ARGUMENTS,
                _ => SOCKET,
            },
            _ => GENERAL,
        };
        Self::new(code, error)
    }
}

impl From<CameraError> for Failure {
    fn from(error: CameraError) -> Self {
        Self::new(camera_code(&error), error)
    }
}

impl From<PictureError> for Failure {
    fn from(error: PictureError) -> Self {
        Self::new(picture_code(&error), error)
    }
}

impl From<CodecError> for Failure {
    fn from(error: CodecError) -> Self {
        let code = codec_code(&error);
        match error {
            // About this machine, not about a file or stream.
            CodecError::NoBackend { .. }
            | CodecError::NoDevice(_)
            | CodecError::Library(_)
            | CodecError::UnknownBackend(_) => Self::new(code, error),
            _ => Self::unnamed(code, error),
        }
    }
}

impl From<RecordError> for Failure {
    fn from(error: RecordError) -> Self {
        match error.path() {
            Some(_) => Self::new(record_code(&error), error),
            None => Self::unnamed(record_code(&error), error),
        }
    }
}

fn camera_code(error: &CameraError) -> u8 {
    if let CameraError::Control { error, .. } = error {
        return match error {
            ControlError::Unknown { .. }
            | ControlError::Value { .. }
            | ControlError::TooMany { .. } => ARGUMENTS,
            _ => GENERAL,
        };
    }
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::Disconnected => CAMERA,
        ErrorKind::TimedOut => TIMEOUT,
        _ => GENERAL,
    }
}

fn codec_code(error: &CodecError) -> u8 {
    match error {
        CodecError::NoBackend { .. } | CodecError::NoDevice(_) | CodecError::Library(_) => CODEC,
        CodecError::UnknownBackend(_)
        | CodecError::Value { .. }
        | CodecError::Unsupported { .. }
        | CodecError::Control { .. }
        | CodecError::DeviceCrop { .. }
        | CodecError::DeviceRate { .. }
        | CodecError::Level { .. } => ARGUMENTS,
        _ => GENERAL,
    }
}

fn record_code(error: &RecordError) -> u8 {
    match error {
        RecordError::Extension { .. }
        | RecordError::ImageExtension { .. }
        | RecordError::Format(_)
        | RecordError::Packets { .. }
        | RecordError::NoJpeg { .. } => ARGUMENTS,
        _ => GENERAL,
    }
}

fn picture_code(error: &PictureError) -> u8 {
    match error {
        PictureError::PatternFormat(_)
        | PictureError::PatternSize { .. }
        | PictureError::ConvertFrom { .. }
        | PictureError::ConvertTo { .. }
        | PictureError::Convert { .. }
        | PictureError::Crop { .. } => ARGUMENTS,
        _ => GENERAL,
    }
}
