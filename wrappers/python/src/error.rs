//! Errors of the library as exceptions, which the Python half of the package defines.

use std::path::{Path, PathBuf};

use pyo3::exceptions::{PyStopIteration, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use rustix::io::Errno;
use videostream::camera::CameraError;
use videostream::encode::CodecError;
use videostream::hal::Call;
use videostream::hal::memory::MemoryError;
use videostream::hal::v4l2::ErrorKind;
use videostream::ipc::Error as IpcError;
use videostream::{Error, ipc};

/// A class of `videostream.errors`.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Other,
    TimedOut,
    HostGone,
    Refused,
    HoldLimit,
    Unplugged,
    Released,
    Forked,
    EndOfStream,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Other => "Error",
            Self::TimedOut => "TimedOut",
            Self::HostGone => "HostGone",
            Self::Refused => "Refused",
            Self::HoldLimit => "HoldLimit",
            Self::Unplugged => "Unplugged",
            Self::Released => "Released",
            Self::Forked => "Forked",
            Self::EndOfStream => "EndOfStream",
        }
    }

    fn class(self, py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
        static CLASSES: [PyOnceLock<Py<PyType>>; 9] = [const { PyOnceLock::new() }; 9];
        CLASSES[self as usize].import(py, "videostream.errors", self.name())
    }
}

/// Makes an exception with an errno, a message, and the path it concerns.
pub(crate) fn raise(kind: Kind, errno: Errno, why: &str, path: Option<&Path>) -> PyErr {
    Python::attach(|py| match kind.class(py) {
        Ok(class) => {
            let arguments = (
                errno.raw_os_error(),
                why.to_owned(),
                path.map(|path| path.display().to_string()),
            );
            PyErr::from_type(class.clone(), arguments)
        }
        Err(error) => error,
    })
}

/// Makes the `ValueError` for a wrong argument; `why` says what was expected.
pub(crate) fn invalid(why: impl Into<String>) -> PyErr {
    PyValueError::new_err(why.into())
}

/// The reason a call failed: an exception, or an error of the library.
#[derive(Debug)]
pub(crate) enum Failure {
    Python(PyErr),
    Library(Error),
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Self {
        Self::Python(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Library(error)
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Python(error) => error,
            Failure::Library(error) => to_python(error),
        }
    }
}

/// Converts an error of the library to an exception.
pub(crate) fn to_python(error: Error) -> PyErr {
    match error {
        Error::Share { socket, why } => of_share(&socket, &why),
        Error::Camera(error) => of_camera(&error),
        Error::EndOfStream => PyStopIteration::new_err(()),
        Error::Os { errno, .. } => raise(Kind::Other, errno, &error.to_string(), None),
        Error::Thread { error: ref why } => {
            let errno = Errno::from_io_error(why).unwrap_or(Errno::IO);
            raise(Kind::Other, errno, &error.to_string(), None)
        }
        error if error.is_timeout() => {
            raise(Kind::TimedOut, Errno::TIMEDOUT, &error.to_string(), None)
        }
        Error::Format(_) | Error::Picture(_) => {
            raise(Kind::Other, Errno::INVAL, &error.to_string(), None)
        }
        Error::Buffers { .. } | Error::BufferCount { .. } => {
            raise(Kind::Other, Errno::NOBUFS, &error.to_string(), None)
        }
        Error::Memory(_)
        | Error::Access(
            MemoryError::OutOfBounds { .. }
            | MemoryError::System {
                call: Call::Fstat | Call::Mmap,
                ..
            },
        ) => raise(Kind::Other, Errno::NOMEM, &error.to_string(), None),
        Error::Record(ref inner) => raise(Kind::Other, Errno::IO, &error.to_string(), inner.path()),
        error => raise(Kind::Other, Errno::IO, &error.to_string(), None),
    }
}

/// Converts an error between host and client.
fn of_share(socket: &str, why: &IpcError) -> PyErr {
    use ipc::Goodbye;
    let (kind, errno) = match why {
        IpcError::TimedOut => (Kind::TimedOut, Errno::TIMEDOUT),
        IpcError::NoHost => (Kind::HostGone, Errno::CONNREFUSED),
        IpcError::HostGone => (Kind::HostGone, Errno::CONNRESET),
        // Loops over frames end here.
        IpcError::Goodbye(Goodbye::Closing) => (Kind::HostGone, Errno::SHUTDOWN),
        IpcError::Refused(_) => (Kind::Refused, Errno::CONNREFUSED),
        IpcError::Evicted | IpcError::Goodbye(_) => (Kind::Refused, Errno::CONNABORTED),
        IpcError::HoldLimit { .. } => (Kind::HoldLimit, Errno::NOBUFS),
        IpcError::HoldTooLarge { .. } | IpcError::AddressInvalid => (Kind::Other, Errno::INVAL),
        IpcError::AddressTooLong { .. } => (Kind::Other, Errno::NAMETOOLONG),
        IpcError::AddressInUse => (Kind::Other, Errno::ADDRINUSE),
        IpcError::NotASocket => (Kind::Other, Errno::NOTSOCK),
        IpcError::FolderLocked => (Kind::Other, Errno::AGAIN),
        IpcError::WouldBlock { .. } | IpcError::TooManyBuffers { .. } => {
            (Kind::Other, Errno::NOBUFS)
        }
        IpcError::Os { errno, .. } | IpcError::Reopen { errno } => (Kind::Other, *errno),
        _ => (Kind::Other, Errno::PROTO),
    };
    raise(kind, errno, &why.to_string(), Some(Path::new(socket)))
}

/// Converts a camera's error.
pub(crate) fn of_camera(error: &CameraError) -> PyErr {
    let (kind, errno) = match error.kind() {
        ErrorKind::NotFound => (Kind::Other, Errno::NOENT),
        ErrorKind::PermissionDenied => (Kind::Other, Errno::ACCESS),
        ErrorKind::Busy => (Kind::Other, Errno::BUSY),
        ErrorKind::TimedOut => (Kind::TimedOut, Errno::TIMEDOUT),
        ErrorKind::Disconnected => (Kind::Unplugged, Errno::NODEV),
        ErrorKind::InvalidArgument | ErrorKind::NotSupported => (Kind::Other, Errno::INVAL),
        ErrorKind::Pipeline => (Kind::Other, Errno::PIPE),
        _ => (Kind::Other, Errno::IO),
    };
    raise(
        kind,
        errno,
        &error.to_string(),
        camera_path(error).as_deref(),
    )
}

fn camera_path(error: &CameraError) -> Option<PathBuf> {
    match error {
        CameraError::NotFound { path, .. }
        | CameraError::NotACamera { path, .. }
        | CameraError::PermissionDenied { path, .. }
        | CameraError::Busy { path, .. }
        | CameraError::UnsupportedFormat { path, .. }
        | CameraError::UnsupportedSize { path, .. }
        | CameraError::Pipeline { path, .. }
        | CameraError::TimedOut { path }
        | CameraError::Disconnected { path }
        | CameraError::SourceChanged { path }
        | CameraError::NoSignal { path }
        | CameraError::NoBandwidth { path }
        | CameraError::Memory { path, .. }
        | CameraError::Control { path, .. }
        | CameraError::Device { path, .. } => Some(path.clone()),
        _ => None,
    }
}

/// Converts an error of an encoder or decoder.
pub(crate) fn codec_error(error: &CodecError) -> PyErr {
    let errno = match error {
        CodecError::Corrupt { .. } => Errno::BADMSG,
        CodecError::NoDevice(_) | CodecError::NoBackend { .. } | CodecError::Library(_) => {
            Errno::NODEV
        }
        CodecError::Codec { .. }
        | CodecError::OutputFormat { .. }
        | CodecError::Picture(_)
        | CodecError::Mismatch { .. }
        | CodecError::Value { .. }
        | CodecError::NoBitrate => Errno::INVAL,
        CodecError::TooLarge { .. } | CodecError::TooDetailed { .. } => Errno::MSGSIZE,
        CodecError::UnsupportedStream { .. } | CodecError::UnknownBackend(_) => Errno::NOTSUP,
        _ => Errno::IO,
    };
    raise(Kind::Other, errno, &error.to_string(), None)
}
