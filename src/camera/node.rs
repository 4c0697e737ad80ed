//! Video devices of any kind, found by a path, number, name or port.

use std::path::{Path, PathBuf};

use videostream_hal::v4l2::{Capabilities, Device, NodeKind};

use super::id::CameraId;
use super::{CameraError, list, open_device};

/// An open video device of any kind: camera, codec, converter, metadata.
#[derive(Debug)]
pub struct Node {
    path: PathBuf,
    device: Device,
}

impl Node {
    /// Opens the device at a path.
    ///
    /// # Errors
    /// [`CameraError::NotFound`], [`CameraError::PermissionDenied`], [`CameraError::NotACamera`] if
    /// it is not a video device, [`CameraError::Device`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CameraError> {
        let path = path.as_ref();
        match open_device(path) {
            Ok(device) => Ok(Self {
                path: path.to_owned(),
                device,
            }),
            Err(error) => Err(CameraError::from_open(path, error)),
        }
    }

    /// Returns the path that the device was opened by.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the open device, for lists of formats, controls and events.
    #[must_use]
    pub const fn device(&self) -> &Device {
        &self.device
    }

    /// Returns driver, card, bus and capabilities.
    #[must_use]
    pub const fn capabilities(&self) -> &Capabilities {
        self.device.capabilities()
    }
}

/// Finds the path of a device by what users call it.
///
/// | text | means |
/// |---|---|
/// | `/dev/video2`, any text with `/` | that path |
/// | `2`, `video2` | `/dev/video2` |
/// | `usb-Maker_Camera_1234-video-index0` | the stable name in `/dev/v4l/by-id` or `by-path` |
/// | `1234` | the camera with this serial number, if there is no node of this number |
/// | `usb-0000:00:14.0-1` | the first camera at this port (`bus_info`), else the first device |
/// | `HD Webcam` | the first camera, else device, with this name or prefix, ignoring case |
///
/// # Errors
/// [`CameraError::NotFound`] with the cameras that exist.
pub fn find_device(text: &str) -> Result<PathBuf, CameraError> {
    if text.contains('/') {
        return Ok(text.into());
    }
    let number = text.strip_prefix("video").unwrap_or(text);
    if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) {
        let path = PathBuf::from(format!("/dev/video{number}"));
        if path.exists() {
            return Ok(path);
        }
    }
    if !text.is_empty() {
        for folder in ["/dev/v4l/by-id", "/dev/v4l/by-path"] {
            let path = Path::new(folder).join(text);
            if path.exists() {
                return Ok(path);
            }
        }
        if let Some(path) = by_name(text) {
            return Ok(path);
        }
    }
    Err(CameraError::NotFound {
        path: text.into(),
        cameras: list::cameras(),
    })
}

/// Finds a device by its name, port or serial number; prefers cameras.
fn by_name(text: &str) -> Option<PathBuf> {
    let wanted = text.to_lowercase();
    let mut best: Option<(u8, PathBuf)> = None;
    for path in list::node_paths() {
        let Ok(device) = open_device(&path) else {
            continue;
        };
        let about = device.capabilities();
        let card = about.card().to_lowercase();
        let serial = CameraId::of(&path).and_then(|id| id.serial);
        let likeness = if card == wanted || about.bus_info() == text {
            2
        } else if card.starts_with(&wanted) || serial.as_deref() == Some(text) {
            1
        } else {
            continue;
        };
        let rank = likeness
            + if device.kind() == NodeKind::Camera {
                4
            } else {
                0
            };
        if best.as_ref().is_none_or(|(other, _)| rank > *other) {
            best = Some((rank, path));
        }
    }
    best.map(|(_, path)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_as_they_are() {
        let path = find_device("/dev/no-such-node").unwrap();
        assert_eq!(path, Path::new("/dev/no-such-node"));
        let error = Node::open(path).unwrap_err();
        assert!(matches!(error, CameraError::NotFound { .. }), "{error}");
    }

    #[test]
    fn what_means_nothing_is_refused_with_what_there_is() {
        for text in ["", "no such camera", "99999999999999999999"] {
            let error = find_device(text).unwrap_err();
            assert!(matches!(error, CameraError::NotFound { .. }), "{error}");
        }
    }
}
