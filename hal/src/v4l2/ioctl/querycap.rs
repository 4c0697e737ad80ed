//! `VIDIOC_QUERYCAP`.

use core::fmt;

use bitflags::bitflags;
use rustix::fd::BorrowedFd;
use videostream_sys::v4l2 as sys;

use super::request::{QueryCap, call};
use super::text;
use crate::v4l2::Error;

bitflags! {
    /// `V4L2_CAP_*`: what a node can do.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Caps: u32 {
        /// Delivers pictures, one memory plane.
        const VIDEO_CAPTURE = sys::V4L2_CAP_VIDEO_CAPTURE;
        /// Takes pictures, one memory plane.
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
        /// Delivers pictures, several memory planes.
        const VIDEO_CAPTURE_MPLANE = sys::V4L2_CAP_VIDEO_CAPTURE_MPLANE;
        /// Takes pictures, several memory planes.
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
        /// Delivers metadata.
        const META_CAPTURE = sys::V4L2_CAP_META_CAPTURE;
        /// Takes metadata.
        const META_OUTPUT = sys::V4L2_CAP_META_OUTPUT;
        /// `read` and `write` work.
        const READWRITE = sys::V4L2_CAP_READWRITE;
        /// Buffers are queued (the way this library works).
        const STREAMING = sys::V4L2_CAP_STREAMING;
        /// Touch surface.
        const TOUCH = sys::V4L2_CAP_TOUCH;
        /// The pipeline behind the node is set up through the media controller.
        const IO_MC = sys::V4L2_CAP_IO_MC;
        /// `device_caps` is valid.
        const DEVICE_CAPS = sys::V4L2_CAP_DEVICE_CAPS;
        /// Bits that this library has no name for.
        const _ = !0;
    }
}

/// `struct v4l2_capability`: driver, card, bus and abilities of a node.
#[derive(Clone, Copy)]
#[doc(alias = "v4l2_capability")]
pub struct Capabilities {
    raw: sys::v4l2_capability,
}

impl Capabilities {
    /// Name of the kernel driver: `uvcvideo`, `vivid`.
    #[must_use]
    pub fn driver(&self) -> &str {
        text(&self.raw.driver)
    }

    /// Name of the device for people.
    #[must_use]
    pub fn card(&self) -> &str {
        text(&self.raw.card)
    }

    /// Where it is attached: `usb-0000:00:14.0-1`, `platform:vivid-000`. Stays the same over boots.
    #[must_use]
    pub fn bus_info(&self) -> &str {
        text(&self.raw.bus_info)
    }

    /// Kernel version that the driver was built for: major, minor, patch.
    #[must_use]
    pub const fn version(&self) -> (u8, u8, u8) {
        let [patch, minor, major, _] = self.raw.version.to_le_bytes();
        (major, minor, patch)
    }

    /// What **this node** can do: `device_caps` where valid, else `capabilities`.
    #[must_use]
    #[doc(alias = "device_caps")]
    pub const fn caps(&self) -> Caps {
        if self.raw.capabilities & sys::V4L2_CAP_DEVICE_CAPS != 0 {
            Caps::from_bits_retain(self.raw.device_caps)
        } else {
            Caps::from_bits_retain(self.raw.capabilities)
        }
    }

    /// What all nodes of the physical device can do together.
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

/// `VIDIOC_QUERYCAP`: who is behind a descriptor.
///
/// # Errors
/// - `ENOTTY`, `EINVAL`: not a V4L2 device.
/// - `ENODEV`: unplugged.
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
    fn names_without_nul_or_with_bad_utf8_end_where_they_must() {
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
