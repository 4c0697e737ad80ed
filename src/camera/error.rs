//! Camera errors in one line each, with what to do.

use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use videostream_hal::format::FourCc;
use videostream_hal::v4l2::{Error, ErrorKind, NodeKind};

use super::controls::ControlError;
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

impl fmt::Display for CameraError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { path, cameras } => {
                write!(
                    f,
                    "{}: no such device; {}",
                    path.display(),
                    Cameras(cameras)
                )
            }
            Self::NoCamera { others: 0 } => {
                f.write_str("no camera: there is no video device at all (is its driver loaded?)")
            }
            Self::NoCamera { others } => {
                write!(f, "no camera: none of the {others} video devices is one")
            }
            Self::NotACamera {
                path,
                kind: Some(kind),
                cameras,
            } => write!(
                f,
                "{} is {kind}, not a camera; {}",
                path.display(),
                Cameras(cameras)
            ),
            Self::NotACamera {
                path,
                kind: None,
                cameras,
            } => write!(
                f,
                "{} is not a video device; {}",
                path.display(),
                Cameras(cameras)
            ),
            Self::PermissionDenied {
                path,
                group: Some(group),
            } => write!(
                f,
                "{}: permission denied; members of group {group} may open it \
                 (usermod -aG {group} USER, then log in again)",
                path.display()
            ),
            Self::PermissionDenied { path, group: None } => write!(
                f,
                "{}: permission denied; a udev rule can give it to a group \
                 (SUBSYSTEM==\"video4linux\", GROUP=\"video\", MODE=\"0660\")",
                path.display()
            ),
            Self::Busy { path, holders } if holders.is_empty() => {
                write!(
                    f,
                    "{}: busy; another program streams from it",
                    path.display()
                )
            }
            Self::Busy { path, holders } => {
                write!(f, "{}: busy; open in {}", path.display(), List(holders))
            }
            Self::UnsupportedFormat {
                path,
                wanted,
                offered,
            } => write!(
                f,
                "{} has no format {}; it offers {}",
                path.display(),
                List(wanted),
                List(offered)
            ),
            Self::UnsupportedSize {
                path,
                fourcc,
                wanted,
                nearest,
            } => write!(
                f,
                "{} has no {}x{} in {fourcc}; the nearest is {}x{}",
                path.display(),
                wanted.0,
                wanted.1,
                nearest.0,
                nearest.1
            ),
            Self::TimedOut { path } => {
                write!(f, "{}: no frame before the deadline", path.display())
            }
            Self::Disconnected { path } => write!(f, "{}: unplugged", path.display()),
            Self::SourceChanged { path } => write!(
                f,
                "{}: the signal has another size now; negotiate again",
                path.display()
            ),
            Self::NoSignal { path } => write!(
                f,
                "{}: no signal at the input (is the source plugged in and awake?)",
                path.display()
            ),
            Self::NoBandwidth { path } => write!(
                f,
                "{}: no USB bandwidth left (ENOSPC); a smaller picture, a lower rate, MJPG or \
                 a port on another controller needs less",
                path.display()
            ),
            Self::Memory { path, memory, why } => write!(
                f,
                "{}: no {memory} memory: {why}; the driver's own (mmap) works with most",
                path.display()
            ),
            Self::Control { path, error } => write!(f, "{}: {error}", path.display()),
            Self::Pipeline {
                path, mismatches, ..
            } if !mismatches.is_empty() => {
                write!(f, "{}: the pads behind it disagree: ", path.display())?;
                for mismatch in mismatches {
                    write!(f, "{mismatch}; ")?;
                }
                f.write_str("give both ends of a link one format (videostream media)")
            }
            Self::Pipeline { path, error, .. } | Self::Device { path, error } => {
                write!(f, "{}: {error}", path.display())
            }
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

/// `cameras: /dev/video0, /dev/video2`.
struct Cameras<'a>(&'a [PathBuf]);

impl fmt::Display for Cameras<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("there is no camera");
        }
        f.write_str("cameras: ")?;
        for (at, path) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{}", path.display())?;
        }
        Ok(())
    }
}

/// Items with commas between them.
struct List<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, item) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{item}")?;
        }
        Ok(())
    }
}

/// The group that may open a file, by name; `None` if none may or it cannot be told.
fn group_of(path: &Path) -> Option<String> {
    let about = std::fs::metadata(path).ok()?;
    let group_may = about.mode() & 0o060 == 0o060;
    // Root's own group is nobody's to join.
    if !group_may || about.gid() == 0 {
        return None;
    }
    group_name(&std::fs::read_to_string("/etc/group").ok()?, about.gid())
}

/// The name of a group in the text of `/etc/group`.
fn group_name(groups: &str, gid: u32) -> Option<String> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(gid)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_found_by_number() {
        let text = "root:x:0:\nbroken\nvideo:x:44:alice,bob\n";
        assert_eq!(group_name(text, 44).as_deref(), Some("video"));
        assert_eq!(group_name(text, 45), None);
    }

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
            call: "VIDIOC_STREAMON",
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
