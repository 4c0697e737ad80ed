//! `VIDIOC_QUERYCAP`.

use core::fmt;

use bitflags::bitflags;
use rustix::fd::BorrowedFd;
use videostream_sys::v4l2 as sys;

use super::request::{QueryCap, call};
use super::text;
use crate::Error;

bitflags! {
    /// `V4L2_CAP_*`: the capabilities of a node.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Caps: u32 {
        /// Captures pictures, one memory plane.
        const VIDEO_CAPTURE = sys::V4L2_CAP_VIDEO_CAPTURE;
        /// Accepts pictures, one memory plane.
        const VIDEO_OUTPUT = sys::V4L2_CAP_VIDEO_OUTPUT;
        /// Overlay.
        const VIDEO_OVERLAY = sys::V4L2_CAP_VIDEO_OVERLAY;
        /// Raw VBI capture.
        const VBI_CAPTURE = sys::V4L2_CAP_VBI_CAPTURE;
        /// Raw VBI output.
        const VBI_OUTPUT = sys::V4L2_CAP_VBI_OUTPUT;
        /// Sliced VBI capture.
        const SLICED_VBI_CAPTURE = sys::V4L2_CAP_SLICED_VBI_CAPTURE;
        /// Sliced VBI output.
        const SLICED_VBI_OUTPUT = sys::V4L2_CAP_SLICED_VBI_OUTPUT;
        /// Captures pictures, several memory planes.
        const VIDEO_CAPTURE_MPLANE = sys::V4L2_CAP_VIDEO_CAPTURE_MPLANE;
        /// Accepts pictures, several memory planes.
        const VIDEO_OUTPUT_MPLANE = sys::V4L2_CAP_VIDEO_OUTPUT_MPLANE;
        /// Memory to memory, several memory planes.
        const VIDEO_M2M_MPLANE = sys::V4L2_CAP_VIDEO_M2M_MPLANE;
        /// Memory to memory, one memory plane.
        const VIDEO_M2M = sys::V4L2_CAP_VIDEO_M2M;
        /// Has a tuner.
        const TUNER = sys::V4L2_CAP_TUNER;
        /// Has audio inputs or outputs.
        const AUDIO = sys::V4L2_CAP_AUDIO;
        /// Radio.
        const RADIO = sys::V4L2_CAP_RADIO;
        /// Has a modulator.
        const MODULATOR = sys::V4L2_CAP_MODULATOR;
        /// Software defined radio, receiving.
        const SDR_CAPTURE = sys::V4L2_CAP_SDR_CAPTURE;
        /// Software defined radio, sending.
        const SDR_OUTPUT = sys::V4L2_CAP_SDR_OUTPUT;
        /// Captures metadata.
        const META_CAPTURE = sys::V4L2_CAP_META_CAPTURE;
        /// Accepts metadata.
        const META_OUTPUT = sys::V4L2_CAP_META_OUTPUT;
        /// Supports `read` and `write`.
        const READWRITE = sys::V4L2_CAP_READWRITE;
        /// Supports streaming I/O with buffers, which this library uses.
        const STREAMING = sys::V4L2_CAP_STREAMING;
        /// Touch surface.
        const TOUCH = sys::V4L2_CAP_TOUCH;
        /// The pipeline behind the node is set up through the media controller.
        const IO_MC = sys::V4L2_CAP_IO_MC;
        /// `device_caps` is valid.
        const DEVICE_CAPS = sys::V4L2_CAP_DEVICE_CAPS;
        /// Bits unknown to this library.
        const _ = !0;
    }
}

/// `struct v4l2_capability`: driver, card, bus, and capabilities of a node.
#[derive(Clone, Copy)]
#[doc(alias = "v4l2_capability")]
pub struct Capabilities {
    raw: sys::v4l2_capability,
}

impl Capabilities {
    /// Returns the name of the kernel driver: `uvcvideo`, `vivid`.
    #[must_use]
    pub fn driver(&self) -> &str {
        text(&self.raw.driver)
    }

    /// Returns the human-readable name of the device.
    #[must_use]
    pub fn card(&self) -> &str {
        text(&self.raw.card)
    }

    /// Returns where it is connected: `usb-0000:00:14.0-1`, `platform:vivid-000`. Stable over
    /// reboots.
    #[must_use]
    pub fn bus_info(&self) -> &str {
        text(&self.raw.bus_info)
    }

    /// Returns the kernel version that the driver was built for: major, minor, patch.
    #[must_use]
    pub const fn version(&self) -> (u8, u8, u8) {
        let [patch, minor, major, _] = self.raw.version.to_le_bytes();
        (major, minor, patch)
    }

    /// Returns the capabilities of **this node**: `device_caps` if valid, else `capabilities`.
    #[must_use]
    #[doc(alias = "device_caps")]
    pub const fn caps(&self) -> Caps {
        if self.raw.capabilities & sys::V4L2_CAP_DEVICE_CAPS != 0 {
            Caps::from_bits_retain(self.raw.device_caps)
        } else {
            Caps::from_bits_retain(self.raw.capabilities)
        }
    }

    /// Returns the capabilities of all nodes of the physical device together.
    #[must_use]
    #[doc(alias = "capabilities")]
    pub const fn all_caps(&self) -> Caps {
        Caps::from_bits_retain(self.raw.capabilities)
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capabilities")
            .field("driver", &self.driver())
            .field("card", &self.card())
            .field("bus_info", &self.bus_info())
            .field("caps", &self.caps())
            .finish()
    }
}

/// `VIDIOC_QUERYCAP`: returns the driver, device, and capabilities behind a descriptor.
///
/// # Errors
/// - `ENOTTY`, `EINVAL`: not a V4L2 device.
/// - `ENODEV`: the device was unplugged.
pub fn querycap(fd: BorrowedFd<'_>) -> Result<Capabilities, Error> {
    let mut raw = sys::v4l2_capability::default();
    call::<QueryCap>(fd, &mut raw)?;
    Ok(Capabilities { raw })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nodes_own_abilities_win_over_the_devices() {
        let mut raw = sys::v4l2_capability {
            capabilities: sys::V4L2_CAP_VIDEO_CAPTURE | sys::V4L2_CAP_DEVICE_CAPS,
            device_caps: sys::V4L2_CAP_META_CAPTURE,
            ..Default::default()
        };
        assert_eq!(Capabilities { raw }.caps(), Caps::META_CAPTURE);
        raw.capabilities = sys::V4L2_CAP_VIDEO_CAPTURE;
        assert_eq!(Capabilities { raw }.caps(), Caps::VIDEO_CAPTURE);
    }

    #[test]
    fn names_without_nul_or_with_bad_utf8_are_cut() {
        let mut raw = sys::v4l2_capability {
            driver: [b'x'; 16],
            ..Default::default()
        };
        raw.card[..3].copy_from_slice(b"a\xff ");
        let capabilities = Capabilities { raw };
        assert_eq!(capabilities.driver(), "xxxxxxxxxxxxxxxx");
        assert_eq!(capabilities.card(), "a");
        assert_eq!(capabilities.bus_info(), "");
    }
}
