//! The choice between hardware and software.

use core::fmt;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The implementation that encodes or decodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Backend {
    /// The backend that the environment variable [`BACKEND_VARIABLE`] names; otherwise hardware if
    /// a device accepts the configuration, else the CPU.
    #[default]
    Auto,
    /// On the CPU; requires the cargo feature `software`.
    Software,
    /// A kernel device: a stateful V4L2 codec.
    V4l2,
}

/// Environment variable that names the backend if the configuration leaves it open: `auto`, `v4l2`
/// or `software`. `hantro` means `v4l2`.
pub const BACKEND_VARIABLE: &str = "VSL_CODEC_BACKEND";

impl Backend {
    /// Returns the backend to try if the program asks for `self`, possibly on a specific device.
    ///
    /// # Errors
    /// The value of the environment variable, if it names no backend.
    pub(crate) fn chosen(self, device: Option<DevicePath>) -> Result<Self, String> {
        match (self, device) {
            (Self::Auto, Some(_)) => Ok(Self::V4l2),
            (Self::Auto, None) => match std::env::var(BACKEND_VARIABLE) {
                Ok(name) => Self::from_name(&name).ok_or(name),
                Err(_) => Ok(Self::Auto),
            },
            _ => Ok(self),
        }
    }

    /// Returns the backend for a value of [`BACKEND_VARIABLE`], in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match &*name.to_ascii_lowercase() {
            // An empty variable counts as unset.
            "" | "auto" => Some(Self::Auto),
            "software" => Some(Self::Software),
            // The VPU of i.MX 8 is driven through its V4L2 driver.
            "v4l2" | "hantro" => Some(Self::V4l2),
            _ => None,
        }
    }
}

/// The path of a codec's device, small enough to be copied with a configuration.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DevicePath {
    bytes: [u8; Self::MAX],
    len: u8,
}

impl DevicePath {
    /// The most bytes of a path.
    pub const MAX: usize = 127;

    /// Makes a device path, such as `/dev/video11` or one of `/dev/v4l/by-path`; `None` if it is
    /// longer than [`DevicePath::MAX`] bytes.
    pub fn new(path: impl AsRef<Path>) -> Option<Self> {
        let path = path.as_ref().as_os_str().as_bytes();
        let mut bytes = [0; Self::MAX];
        bytes.get_mut(..path.len())?.copy_from_slice(path);
        let len = u8::try_from(path.len()).ok()?;
        Some(Self { bytes, len })
    }

    /// Returns the path.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.bytes[..usize::from(self.len)]))
    }
}

impl fmt::Debug for DevicePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_path().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_backends_are_known_in_any_case() {
        assert_eq!(Backend::from_name(""), Some(Backend::Auto));
        assert_eq!(Backend::from_name("AUTO"), Some(Backend::Auto));
        assert_eq!(Backend::from_name("V4L2"), Some(Backend::V4l2));
        assert_eq!(Backend::from_name("hantro"), Some(Backend::V4l2));
        assert_eq!(Backend::from_name("software"), Some(Backend::Software));
        assert_eq!(Backend::from_name("gpu"), None);
    }

    #[test]
    fn a_device_that_is_asked_for_means_hardware() {
        let device = DevicePath::new("/dev/video11");
        assert_eq!(Backend::Auto.chosen(device), Ok(Backend::V4l2));
        assert_eq!(Backend::Software.chosen(device), Ok(Backend::Software));
    }

    #[test]
    fn paths_are_kept_whole_or_not_at_all() {
        let path = "/dev/v4l/by-path/platform-38310000.video-codec-video-index0";
        let kept = DevicePath::new(path).unwrap();
        assert_eq!(kept.as_path(), Path::new(path));
        let long = "x".repeat(DevicePath::MAX);
        assert_eq!(DevicePath::new(&long).unwrap().as_path(), Path::new(&long));
        assert!(DevicePath::new(long + "x").is_none());
    }
}
