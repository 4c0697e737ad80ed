//! Identity of a camera across changes of its node number.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{major, minor};

use super::{Camera, CameraError, list, open_device};

/// Identifies a camera after its node number has changed.
///
/// A camera with a serial number is found at any port, others at the same port only.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CameraId {
    /// Name of the hardware.
    pub card: String,
    /// Where it is attached.
    pub bus_info: String,
    /// Serial number, for USB cameras that have one.
    pub serial: Option<String>,
    /// Index of the node among those of the hardware.
    pub index: u32,
}

impl CameraId {
    /// Returns whether `other` is the same camera.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        let same_hardware = match (&self.serial, &other.serial) {
            (Some(one), Some(two)) => one == two,
            _ => self.bus_info == other.bus_info,
        };
        same_hardware && self.card == other.card && self.index == other.index
    }

    /// Reads the id of the camera at a path.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let device = open_device(path).ok()?;
        let about = device.capabilities();
        let rdev = fs::metadata(path).ok()?.rdev();
        let node = PathBuf::from(format!("/sys/dev/char/{}:{}", major(rdev), minor(rdev)));
        let read = |name: &str| {
            let text = fs::read_to_string(node.join(name)).ok()?;
            Some(text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        Some(Self {
            card: about.card().to_owned(),
            bus_info: about.bus_info().to_owned(),
            // The node belongs to an interface, the serial number to the device around it.
            serial: read("device/../serial"),
            index: read("index")
                .and_then(|text| text.parse().ok())
                .unwrap_or(0),
        })
    }
}

impl Camera {
    /// Returns the camera's id, which survives replugging and reboots. `None` if the camera is
    /// already gone.
    #[must_use]
    pub fn id(&self) -> Option<CameraId> {
        CameraId::of(self.path())
    }

    /// Opens the camera with this id, whatever its node number.
    ///
    /// # Errors
    /// - [`CameraError::NotFound`]: it is not connected; lists the cameras that are.
    /// - Otherwise those of [`Camera::open`].
    pub fn open_id(id: &CameraId) -> Result<Self, CameraError> {
        let found = list::node_paths()
            .find(|path| CameraId::of(path).is_some_and(|other| id.matches(&other)));
        match found {
            Some(path) => Self::open(path),
            None => Err(CameraError::NotFound {
                path: PathBuf::from(&id.bus_info),
                cameras: list::cameras(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_number_outweighs_the_plug() {
        let id = |serial: Option<&str>, bus: &str, index| CameraId {
            card: "Webcam".to_owned(),
            bus_info: bus.to_owned(),
            serial: serial.map(str::to_owned),
            index,
        };
        assert!(id(Some("1"), "usb-1", 0).matches(&id(Some("1"), "usb-2", 0)));
        assert!(!id(Some("1"), "usb-1", 0).matches(&id(Some("2"), "usb-1", 0)));
        assert!(id(None, "usb-1", 0).matches(&id(None, "usb-1", 0)));
        assert!(!id(None, "usb-1", 0).matches(&id(None, "usb-2", 0)));
        assert!(!id(None, "usb-1", 0).matches(&id(None, "usb-1", 1)));
    }
}
