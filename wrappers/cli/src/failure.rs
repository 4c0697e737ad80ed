//! Why the command ends without success: one line and an exit status.

use std::fmt::Display;

use videostream::camera::ControlError;
use videostream::decode::DecodeError;
use videostream::encode::EncodeError;
use videostream::hal::v4l2::ErrorKind;
use videostream::ipc;
use videostream::pattern::PatternError;
use videostream::record::RecordError;
use videostream::snapshot::SnapshotError;
use videostream::{CameraError, Error};

/// Anything that the others do not cover.
pub(crate) const GENERAL: u8 = 1;
/// Wrong arguments.
pub(crate) const ARGUMENTS: u8 = 2;
/// No such camera (any more), or no permission.
pub(crate) const CAMERA: u8 = 3;
/// No encoder or decoder for this.
pub(crate) const CODEC: u8 = 4;
/// Trouble between host and client.
pub(crate) const SOCKET: u8 = 5;
/// Nothing came in time.
pub(crate) const TIMEOUT: u8 = 6;

/// Why the command ends.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nobody reads standard output any more: no error, the reader has what it wanted.
    OutputClosed,
    /// A line for the user.
    Said {
        /// The exit status.
        code: u8,
        /// The line, without `error: `.
        message: String,
        /// Whether it names what it is about: a file, device or socket.
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

    /// One that says nothing of which file or socket it is about.
    pub(crate) fn unnamed(code: u8, message: impl Display) -> Self {
        Self::Said {
            code,
            message: message.to_string(),
            named: false,
        }
    }

    /// With the name of what it is about, unless it has one.
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
            Error::Encode(encode) => return encode.into(),
            Error::Record(record) => return record.into(),
            other => other,
        };
        let code = match &error {
            _ if error.is_timeout() => TIMEOUT,
            Error::Camera(camera) => camera_code(camera),
            Error::Pattern(pattern) => pattern_code(pattern),
            Error::Convert(_) => ARGUMENTS,
            Error::Share { why, .. } => match why {
                ipc::Error::AddressInvalid | ipc::Error::AddressTooLong(..) => ARGUMENTS,
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

impl From<PatternError> for Failure {
    fn from(error: PatternError) -> Self {
        Self::new(pattern_code(&error), error)
    }
}

impl From<EncodeError> for Failure {
    fn from(error: EncodeError) -> Self {
        use EncodeError::{Library, NoBackend, NoDevice, UnknownBackend};
        let code = encode_code(&error);
        match error {
            // Of this machine, not of what is encoded.
            NoBackend(_) | NoDevice(_) | Library(_) | UnknownBackend(_) => Self::new(code, error),
            _ => Self::unnamed(code, error),
        }
    }
}

impl From<DecodeError> for Failure {
    fn from(error: DecodeError) -> Self {
        let code = match error {
            DecodeError::NoBackend(_) | DecodeError::NoDevice(_) | DecodeError::Library(_) => CODEC,
            DecodeError::UnknownBackend(_) => ARGUMENTS,
            _ => return Self::unnamed(GENERAL, error),
        };
        Self::new(code, error)
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

impl From<SnapshotError> for Failure {
    fn from(error: SnapshotError) -> Self {
        let code = match error {
            SnapshotError::Extension { .. } => ARGUMENTS,
            SnapshotError::NotBuilt { .. } | SnapshotError::Write { .. } => GENERAL,
            _ => return Self::unnamed(GENERAL, error),
        };
        Self::new(code, error)
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

fn encode_code(error: &EncodeError) -> u8 {
    match error {
        EncodeError::NoBackend(_) | EncodeError::NoDevice(_) | EncodeError::Library(_) => CODEC,
        EncodeError::UnknownBackend(_)
        | EncodeError::Value { .. }
        | EncodeError::Unsupported { .. }
        | EncodeError::Control { .. }
        | EncodeError::DeviceCrop { .. }
        | EncodeError::DeviceRate { .. }
        | EncodeError::Level { .. } => ARGUMENTS,
        _ => GENERAL,
    }
}

fn record_code(error: &RecordError) -> u8 {
    match error {
        RecordError::Extension { .. }
        | RecordError::Format(_)
        | RecordError::Packets { .. }
        | RecordError::NoJpeg { .. } => ARGUMENTS,
        _ => GENERAL,
    }
}

fn pattern_code(error: &PatternError) -> u8 {
    match error {
        PatternError::Format(_) | PatternError::Size { .. } => ARGUMENTS,
        _ => GENERAL,
    }
}
