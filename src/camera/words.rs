//! Camera errors in one line each, with what to do.

use std::fmt;
use std::path::PathBuf;

use super::CameraError;

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
