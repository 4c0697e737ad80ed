//! Errors of cameras.

use std::path::{Path, PathBuf};

use videostream_hal::format::FourCc;
use videostream_hal::v4l2::{Error, ErrorKind, NodeKind};

use super::controls::ControlError;
use super::group::group_of;
use super::holder::{Holder, holders};
use super::{CameraMemory, MemoryRefusal, is_foreign, list};
use crate::joined::{commas, joined};
use crate::media::{Mismatch, mismatches_behind};

/// An error of opening, starting or reading a camera.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CameraError {
    /// There is no such device.
    #[error("{path}: no such device; {}", existing(cameras))]
    NotFound {
        /// The requested path.
        path: PathBuf,
        /// Cameras that exist.
        cameras: Vec<PathBuf>,
    },
    /// The system has no camera.
    #[error("no camera: {}", without_camera(*others))]
    NoCamera {
        /// Number of video devices of other kinds.
        others: usize,
    },
    /// The device is not a camera.
    #[error("{path} is {}; {}", not_a_camera(*kind), existing(cameras))]
    NotACamera {
        /// Its path.
        path: PathBuf,
        /// Its kind; `None` if it is not a video device.
        kind: Option<NodeKind>,
        /// Cameras that exist.
        cameras: Vec<PathBuf>,
    },
    /// The user may not open the device.
    #[error("{path}: permission denied; {}", remedy(group.as_deref()))]
    PermissionDenied {
        /// Its path.
        path: PathBuf,
        /// The group that may open it, if any.
        group: Option<String>,
    },
    /// Another program streams from the device.
    #[error("{path}: busy; {}", streaming(holders))]
    Busy {
        /// Its path.
        path: PathBuf,
        /// Programs that have it open, as far as visible.
        holders: Vec<Holder>,
    },
    /// The camera has none of the requested formats.
    #[error(
        "{path} has no format {}; it offers {}",
        commas(wanted),
        commas(offered)
    )]
    UnsupportedFormat {
        /// Its path.
        path: PathBuf,
        /// The requested formats.
        wanted: Vec<FourCc>,
        /// The camera's formats.
        offered: Vec<FourCc>,
    },
    /// The camera has the format in other sizes only.
    #[error(
        "{path} has no {}x{} in {fourcc}; the nearest is {}x{}",
        wanted.0, wanted.1, nearest.0, nearest.1
    )]
    UnsupportedSize {
        /// Its path.
        path: PathBuf,
        /// The format.
        fourcc: FourCc,
        /// The requested width and height.
        wanted: (u32, u32),
        /// Width and height that the driver offers instead.
        nearest: (u32, u32),
    },
    /// The media pipeline behind the node is not set up.
    #[error("{path}: {}", disagreement(mismatches, error))]
    Pipeline {
        /// Its path.
        path: PathBuf,
        /// The driver's error.
        #[source]
        error: Error,
        /// Linked pads with different formats, as far as known.
        mismatches: Vec<Mismatch>,
    },
    /// No frame came before the deadline.
    #[error("{path}: no frame before the deadline")]
    TimedOut {
        /// Path of the camera.
        path: PathBuf,
    },
    /// The camera was unplugged.
    #[error("{path}: unplugged")]
    Disconnected {
        /// Its former path.
        path: PathBuf,
    },
    /// The size of the signal at the input of a grabber has changed: see
    /// [`CameraStream::renegotiate`](super::CameraStream::renegotiate).
    #[error("{path}: the size of the signal has changed; renegotiate")]
    SourceChanged {
        /// Path of the grabber.
        path: PathBuf,
    },
    /// The input of a grabber has no signal, or none that it can lock to.
    #[error("{path}: no signal at the input (is the source plugged in and awake?)")]
    NoSignal {
        /// Path of the grabber.
        path: PathBuf,
    },
    /// The USB bus has no bandwidth left for this picture and rate.
    #[error(
        "{path}: no USB bandwidth left (ENOSPC); a smaller picture, a lower rate, MJPG or a port \
         on another controller needs less"
    )]
    NoBandwidth {
        /// Path of the camera.
        path: PathBuf,
    },
    /// The camera cannot fill memory of the requested kind.
    #[error("{path}: no {memory} memory: {why}; the driver's own (mmap) works with most")]
    Memory {
        /// Path of the camera.
        path: PathBuf,
        /// The requested kind.
        memory: CameraMemory,
        /// The reason.
        why: Box<MemoryRefusal>,
    },
    /// A control could not be found or set.
    #[error("{path}: {error}")]
    Control {
        /// Path of the camera.
        path: PathBuf,
        /// The reason.
        #[source]
        error: ControlError,
    },
    /// Another error of the device.
    #[error("{path}: {error}")]
    Device {
        /// Path of the camera.
        path: PathBuf,
        /// The hal's error.
        #[source]
        error: Error,
    },
}

impl CameraError {
    /// Converts an error of opening.
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

    /// Converts an error of an open device.
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

    /// Returns the kind of the error, as in the hal.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound { .. } | Self::NoCamera { .. } => ErrorKind::NotFound,
            Self::NotACamera { .. }
            | Self::UnsupportedFormat { .. }
            | Self::UnsupportedSize { .. } => ErrorKind::NotSupported,
            Self::Memory { why, .. } => why.kind(),
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

fn existing(cameras: &[PathBuf]) -> String {
    if cameras.is_empty() {
        return "there is no camera".to_owned();
    }
    format!(
        "cameras: {}",
        commas(cameras.iter().map(|path| path.display()))
    )
}

fn without_camera(others: usize) -> String {
    match others {
        0 => "there is no video device at all (is its driver loaded?)".to_owned(),
        others => format!("none of the {others} video devices is one"),
    }
}

fn not_a_camera(kind: Option<NodeKind>) -> String {
    match kind {
        Some(kind) => format!("{kind}, not a camera"),
        None => "not a video device".to_owned(),
    }
}

fn remedy(group: Option<&str>) -> String {
    match group {
        Some(group) => format!(
            "members of group {group} may open it (usermod -aG {group} USER, then log in again)"
        ),
        None => "a udev rule can give it to a group \
                 (SUBSYSTEM==\"video4linux\", GROUP=\"video\", MODE=\"0660\")"
            .to_owned(),
    }
}

fn streaming(holders: &[Holder]) -> String {
    if holders.is_empty() {
        return "another program streams from it".to_owned();
    }
    format!("open in {}", commas(holders))
}

fn disagreement(mismatches: &[Mismatch], error: &Error) -> String {
    if mismatches.is_empty() {
        return error.to_string();
    }
    format!(
        "the pads behind it disagree: {}; give both ends of a link one format (videostream media)",
        joined(mismatches, "; ")
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use videostream_hal::format::FourCc;
    use videostream_hal::v4l2::{Error, ErrorKind, NodeKind};

    use super::*;

    #[test]
    fn every_text_is_one_line_with_the_path() {
        let path = || PathBuf::from("/dev/video9");
        let errors = [
            CameraError::NotFound {
                path: path(),
                cameras: vec!["/dev/video0".into(), "/dev/video2".into()],
            },
            CameraError::NotACamera {
                path: path(),
                kind: Some(NodeKind::Encoder),
                cameras: vec![],
            },
            CameraError::PermissionDenied {
                path: path(),
                group: Some("video".to_owned()),
            },
            CameraError::PermissionDenied {
                path: path(),
                group: None,
            },
            CameraError::Busy {
                path: path(),
                holders: vec![],
            },
            CameraError::UnsupportedFormat {
                path: path(),
                wanted: vec![FourCc::MJPG],
                offered: vec![FourCc::YUYV, FourCc::NV12],
            },
            CameraError::TimedOut { path: path() },
            CameraError::Disconnected { path: path() },
            CameraError::SourceChanged { path: path() },
            CameraError::NoSignal { path: path() },
            CameraError::NoBandwidth { path: path() },
        ];
        for error in errors {
            let text = error.to_string();
            assert!(
                text.starts_with("/dev/video9") && !text.contains('\n'),
                "{text}"
            );
            assert!(!text.contains("  "), "{text}");
        }
    }

    #[test]
    fn a_full_bus_is_named_with_what_needs_less() {
        let full = Error::System {
            call: videostream_hal::Call::StreamOn,
            errno: rustix::io::Errno::NOSPC,
        };
        let error = CameraError::from_device(Path::new("/dev/video9"), full);
        assert_eq!(error.kind(), ErrorKind::NoBandwidth);
        let text = error.to_string();
        assert!(text.contains("no USB bandwidth left (ENOSPC)"), "{text}");
        assert!(text.contains("MJPG"), "{text}");
    }

    #[test]
    fn what_exists_is_named() {
        let error = CameraError::UnsupportedFormat {
            path: "/dev/video0".into(),
            wanted: vec![FourCc::MJPG],
            offered: vec![FourCc::YUYV, FourCc::NV12],
        };
        assert_eq!(
            error.to_string(),
            "/dev/video0 has no format MJPG; it offers YUYV, NV12"
        );
        let error = CameraError::NotFound {
            path: "/dev/video7".into(),
            cameras: vec!["/dev/video0".into()],
        };
        assert_eq!(
            error.to_string(),
            "/dev/video7: no such device; cameras: /dev/video0"
        );
    }
}
