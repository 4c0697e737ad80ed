//! `MEDIA_IOC_DEVICE_INFO`.

use core::fmt;

use rustix::fd::BorrowedFd;
use videostream_sys::media as sys;
use zerocopy::IntoBytes;

use super::request::{DeviceInfo, call};
use crate::Error;
use crate::v4l2::ioctl::text;

/// `struct media_device_info`: the description of a media device.
#[derive(Clone, Copy)]
#[doc(alias = "media_device_info")]
pub struct MediaInfo {
    raw: sys::media_device_info,
}

impl MediaInfo {
    /// Returns the kernel driver: `vimc`, `rkisp1`.
    #[must_use]
    pub fn driver(&self) -> &str {
        text(self.raw.driver.as_bytes())
    }

    /// Returns the device's human-readable model.
    #[must_use]
    pub fn model(&self) -> &str {
        text(self.raw.model.as_bytes())
    }

    /// Returns the serial number; empty if there is no serial number.
    #[must_use]
    pub fn serial(&self) -> &str {
        text(self.raw.serial.as_bytes())
    }

    /// Returns where it is connected: `platform:vimc`, `usb-0000:00:14.0-2`.
    #[must_use]
    pub fn bus_info(&self) -> &str {
        text(self.raw.bus_info.as_bytes())
    }

    /// Returns the version of the media interface: major, minor, and patch level, like the
    /// kernel's.
    #[must_use]
    pub const fn media_version(&self) -> (u32, u32, u32) {
        version(self.raw.media_version)
    }
}

const fn version(raw: u32) -> (u32, u32, u32) {
    (raw >> 16, (raw >> 8) & 0xff, raw & 0xff)
}

impl fmt::Debug for MediaInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaInfo")
            .field("driver", &self.driver())
            .field("model", &self.model())
            .field("serial", &self.serial())
            .field("bus_info", &self.bus_info())
            .field("media_version", &self.media_version())
            .finish_non_exhaustive()
    }
}

/// `MEDIA_IOC_DEVICE_INFO`: returns the description of a media device.
///
/// # Errors
/// - `ENOTTY`: not a media device.
/// - `ENODEV`: the device was unplugged.
pub fn device_info(fd: BorrowedFd<'_>) -> Result<MediaInfo, Error> {
    let mut raw = sys::media_device_info::default();
    call::<DeviceInfo>(fd, &mut raw)?;
    Ok(MediaInfo { raw })
}
