//! `MEDIA_IOC_DEVICE_INFO`.

use core::fmt;

use rustix::fd::BorrowedFd;
use videostream_sys::media as sys;
use zerocopy::IntoBytes;

use super::request::{DeviceInfo, call};
use crate::v4l2::Error;
use crate::v4l2::ioctl::text;

/// `struct media_device_info`: what a media device says of itself.
#[derive(Clone, Copy)]
#[doc(alias = "media_device_info")]
pub struct MediaInfo {
    raw: sys::media_device_info,
}

impl MediaInfo {
    /// The kernel driver: `vimc`, `rkisp1`.
    #[must_use]
    pub fn driver(&self) -> &str {
        text(self.raw.driver.as_bytes())
    }

    /// The device's model, for people.
    #[must_use]
    pub fn model(&self) -> &str {
        text(self.raw.model.as_bytes())
    }

    /// The serial number; empty if it has none.
    #[must_use]
    pub fn serial(&self) -> &str {
        text(self.raw.serial.as_bytes())
    }

    /// Where it is connected: `platform:vimc`, `usb-0000:00:14.0-2`.
    #[must_use]
    pub fn bus_info(&self) -> &str {
        text(self.raw.bus_info.as_bytes())
    }

    /// Version of the media interface: major, minor and patch level, as the kernel's.
    #[must_use]
    pub const fn media_version(&self) -> (u32, u32, u32) {
        version(self.raw.media_version)
    }

    /// The hardware's revision, in the driver's own format.
    #[must_use]
    pub const fn hw_revision(&self) -> u32 {
        self.raw.hw_revision
    }

    /// The driver's version: major, minor and patch level.
    #[must_use]
    pub const fn driver_version(&self) -> (u32, u32, u32) {
        version(self.raw.driver_version)
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

/// `MEDIA_IOC_DEVICE_INFO`: what a media device says of itself.
///
/// # Errors
/// - `ENOTTY`: not a media device.
/// - `ENODEV`: unplugged.
pub fn device_info(fd: BorrowedFd<'_>) -> Result<MediaInfo, Error> {
    let mut raw = sys::media_device_info::default();
    call::<DeviceInfo>(fd, &mut raw)?;
    Ok(MediaInfo { raw })
}
