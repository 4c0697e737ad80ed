//! Why a camera could not be opened, started or read.

use std::path::{Path, PathBuf};

use videostream_hal::format::FourCc;
use videostream_hal::v4l2::{Error, ErrorKind, NodeKind};

use super::controls::ControlError;
use super::group::group_of;
use super::holder::{Holder, holders};
use super::{CameraMemory, MemoryRefusal, is_foreign, list};
use crate::media::{Mismatch, mismatches_behind};

/// Why a camera could not be opened, started or read.
#[derive(Debug)]
#[non_exhaustive]
pub enum CameraError {
    /// There is no such device.
    NotFound {
        /// The path asked for.
        path: PathBuf,
        /// Cameras that exist.
        cameras: Vec<PathBuf>,
    },
    /// There is no camera at all.
    NoCamera {
        /// Video devices of other kinds.
        others: usize,
    },
    /// The device is no camera.
    NotACamera {
        /// Its path.
        path: PathBuf,
        /// What it is; `None` if it is no video device.
        kind: Option<NodeKind>,
        /// Cameras that exist.
        cameras: Vec<PathBuf>,
    },
    /// The user may not open the device.
    PermissionDenied {
        /// Its path.
        path: PathBuf,
        /// The group that may, if any.
        group: Option<String>,
    },
    /// Another program streams from the device.
    Busy {
        /// Its path.
        path: PathBuf,
        /// Programs that have it open, as far as the system shows them.
        holders: Vec<Holder>,
    },
    /// The camera has none of the wanted formats.
    UnsupportedFormat {
        /// Its path.
        path: PathBuf,
        /// What was asked for.
        wanted: Vec<FourCc>,
        /// What it has.
        offered: Vec<FourCc>,
    },
    /// The camera has the format in other sizes only.
    UnsupportedSize {
        /// Its path.
        path: PathBuf,
        /// The format.
        fourcc: FourCc,
        /// Width and height asked for.
        wanted: (u32, u32),
        /// Width and height that the driver would give.
        nearest: (u32, u32),
    },
    /// The media pipeline behind the node is not set up.
    Pipeline {
        /// Its path.
        path: PathBuf,
        /// What the driver answered.
        error: Error,
        /// Linked pads that disagree, as far as it could be found out.
        mismatches: Vec<Mismatch>,
    },
    /// No frame came before the deadline.
    TimedOut {
        /// Path of the camera.
        path: PathBuf,
    },
    /// The camera was unplugged.
    Disconnected {
        /// The path it had.
        path: PathBuf,
    },
    /// The signal at the input of a grabber has another size now: see
    /// [`CameraStream::renegotiate`](super::CameraStream::renegotiate).
    SourceChanged {
        /// Path of the grabber.
        path: PathBuf,
    },
    /// No signal at the input of a grabber, or none that it can lock to.
    NoSignal {
        /// Path of the grabber.
        path: PathBuf,
    },
    /// The USB bus has no bandwidth left for this picture and rate.
    NoBandwidth {
        /// Path of the camera.
        path: PathBuf,
    },
    /// The camera cannot fill memory of the kind that was asked for.
    Memory {
        /// Path of the camera.
        path: PathBuf,
        /// The kind.
        memory: CameraMemory,
        /// Why.
        why: Box<MemoryRefusal>,
    },
    /// A control could not be found or set.
    Control {
        /// Path of the camera.
        path: PathBuf,
        /// Why.
        error: ControlError,
    },
    /// Anything else that the driver answered.
    Device {
        /// Path of the camera.
        path: PathBuf,
        /// What it was.
        error: Error,
    },
}

impl CameraError {
    /// An error of opening.
    pub(super) fn from_open(path: &Path, error: Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::NotFound {
                path: path.to_owned(),
                cameras: list::cameras(),
            },
            ErrorKind::PermissionDenied => Self::PermissionDenied {
                path: path.to_owned(),
                group: group_of(path),
            },
            _ if is_foreign(error) => Self::not_a_camera(path, None),
            _ => Self::from_device(path, error),
        }
    }

    /// An error of an open device.
    pub(super) fn from_device(path: &Path, error: Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            ErrorKind::Busy => Self::Busy {
                holders: holders(&path),
                path,
            },
            ErrorKind::TimedOut => Self::TimedOut { path },
            ErrorKind::Disconnected => Self::Disconnected { path },
            ErrorKind::Pipeline => Self::Pipeline {
                mismatches: mismatches_behind(&path),
                path,
                error,
            },
            ErrorKind::SourceChanged => Self::SourceChanged { path },
            ErrorKind::NoSignal => Self::NoSignal { path },
            ErrorKind::NoBandwidth => Self::NoBandwidth { path },
            _ => Self::Device { path, error },
        }
    }

    pub(super) fn not_a_camera(path: &Path, kind: Option<NodeKind>) -> Self {
        Self::NotACamera {
            path: path.to_owned(),
            kind,
            cameras: list::cameras(),
        }
    }

    pub(super) fn no_camera() -> Self {
        Self::NoCamera {
            others: list::node_paths().count(),
        }
    }

    /// The kind of the error, as in the layer below.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound { .. } | Self::NoCamera { .. } => ErrorKind::NotFound,
            Self::NotACamera { .. }
            | Self::UnsupportedFormat { .. }
            | Self::UnsupportedSize { .. }
            | Self::Memory { .. } => ErrorKind::NotSupported,
            Self::PermissionDenied { .. } => ErrorKind::PermissionDenied,
            Self::Busy { .. } => ErrorKind::Busy,
            Self::Pipeline { .. } => ErrorKind::Pipeline,
            Self::TimedOut { .. } => ErrorKind::TimedOut,
            Self::Disconnected { .. } => ErrorKind::Disconnected,
            Self::SourceChanged { .. } => ErrorKind::SourceChanged,
            Self::NoSignal { .. } => ErrorKind::NoSignal,
            Self::NoBandwidth { .. } => ErrorKind::NoBandwidth,
            Self::Control { error, .. } => error.kind(),
            Self::Device { error, .. } => error.kind(),
        }
    }
}

impl std::error::Error for CameraError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Pipeline { error, .. } | Self::Device { error, .. } => Some(error),
            Self::Control { error, .. } => Some(error),
            _ => None,
        }
    }
}
