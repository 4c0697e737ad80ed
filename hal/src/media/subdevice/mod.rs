//! An open sub-device: an entity with its own node.

mod format;
mod ioctl;
mod list;

use bitflags::bitflags;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::path::Arg;
use videostream_sys::v4l2 as sys;

pub use format::MbusFormat;
pub use list::{MbusCodes, PadIntervals, PadSizes, SizeRange};

use super::MbusCode;
use crate::Error;
use crate::v4l2::{Fraction, Node, Rounding, SelectionRect, SelectionTarget};

bitflags! {
    /// `V4L2_SUBDEV_CAP_*`: the capabilities of a sub-device.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct SubdeviceCapabilities: u32 {
        /// Read-only: another driver sets it up.
        const READ_ONLY = sys::V4L2_SUBDEV_CAP_RO_SUBDEV;
        /// Several streams through one pad. This library sets up stream 0 of each.
        const STREAMS = sys::V4L2_SUBDEV_CAP_STREAMS;
        /// Bits unknown to this library.
        const _ = !0;
    }
}

/// `enum v4l2_subdev_format_whence`: selects the settings of a sub-device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[doc(alias = "v4l2_subdev_format_whence")]
pub enum Which {
    /// Those of this open handle, for trying out; the hardware is not changed.
    Try,
    /// Those of the hardware.
    #[default]
    Active,
}

impl Which {
    const fn raw(self) -> u32 {
        match self {
            Self::Try => sys::V4L2_SUBDEV_FORMAT_TRY,
            Self::Active => sys::V4L2_SUBDEV_FORMAT_ACTIVE,
        }
    }
}

/// An open `/dev/v4l-subdevN`: a sensor, lens, receiver, or image processor.
///
/// Controls and events belong to its [`Node`] ([`Subdevice::node`]). The settings of a pad are
/// either the hardware's ([`Which::Active`]), shared by all handles, or the handle's own for trying
/// out ([`Which::Try`]).
///
/// Source: kernel page `userspace-api/media/v4l/dev-subdev.html`.
#[derive(Debug)]
pub struct Subdevice {
    node: Node,
    capabilities: SubdeviceCapabilities,
}

impl Subdevice {
    /// Opens a sub-device for reading and writing, non-blocking and close-on-exec.
    ///
    /// Paths of 256 bytes and more are refused with `ENAMETOOLONG`, because nothing is allocated.
    ///
    /// # Errors
    /// No such node, permission denied, or (`ENOTTY`) not a sub-device.
    pub fn open(path: impl Arg) -> Result<Self, Error> {
        Self::from_fd(Node::open_fd(path)?)
    }

    /// Wraps a descriptor.
    ///
    /// # Errors
    /// `ENOTTY`: not a sub-device, or a kernel before 5.8.
    pub fn from_fd(fd: OwnedFd) -> Result<Self, Error> {
        let capabilities = ioctl::querycap(fd.as_fd())?;
        Ok(Self {
            node: Node::from_fd(fd),
            capabilities,
        })
    }

    /// Returns the handle that has controls and events.
    #[must_use]
    pub const fn node(&self) -> &Node {
        &self.node
    }

    /// Returns the capabilities.
    #[must_use]
    pub const fn capabilities(&self) -> SubdeviceCapabilities {
        self.capabilities
    }

    /// Lists the formats of a pad, given the formats of the other pads.
    #[must_use]
    #[doc(alias = "VIDIOC_SUBDEV_ENUM_MBUS_CODE")]
    pub fn mbus_codes(&self, pad: u32, which: Which) -> MbusCodes<'_> {
        MbusCodes::new(self.as_fd(), pad, which)
    }

    /// Lists the picture sizes of a format at a pad.
    #[must_use]
    #[doc(alias = "VIDIOC_SUBDEV_ENUM_FRAME_SIZE")]
    pub fn sizes(&self, pad: u32, code: MbusCode, which: Which) -> PadSizes<'_> {
        PadSizes::new(self.as_fd(), pad, code, which)
    }

    /// Lists the frame intervals of a format and size at a pad, in seconds.
    #[must_use]
    #[doc(alias = "VIDIOC_SUBDEV_ENUM_FRAME_INTERVAL")]
    pub fn intervals(
        &self,
        pad: u32,
        code: MbusCode,
        size: (u32, u32),
        which: Which,
    ) -> PadIntervals<'_> {
        PadIntervals::new(self.as_fd(), pad, code, size, which)
    }

    /// Returns the format of a pad.
    ///
    /// # Errors
    /// - `EINVAL`: no such pad.
    /// - `ENOTTY`: the sub-device has no formats (a lens).
    #[doc(alias = "VIDIOC_SUBDEV_G_FMT")]
    pub fn format(&self, pad: u32, which: Which) -> Result<MbusFormat, Error> {
        ioctl::g_fmt(self.as_fd(), pad, which)
    }

    /// Sets the format of a pad and returns the format that the driver chose. Formats of later pads
    /// of the same sub-device may change with it.
    ///
    /// # Errors
    /// - `EINVAL`: no such pad.
    /// - `EBUSY`: the sub-device is streaming.
    /// - `EPERM`: the sub-device is read-only.
    /// - `ENOTTY`: the sub-device has no formats (a lens).
    #[doc(alias = "VIDIOC_SUBDEV_S_FMT")]
    pub fn set_format(
        &self,
        pad: u32,
        which: Which,
        requested: &MbusFormat,
    ) -> Result<MbusFormat, Error> {
        ioctl::s_fmt(self.as_fd(), pad, which, requested)
    }

    /// Returns a rectangle of a pad: crop, compose, their bounds, or the sensor's native size.
    ///
    /// # Errors
    /// - `EINVAL`: the pad has no such rectangle.
    /// - `ENOTTY`: the sub-device has no rectangles.
    #[doc(alias = "VIDIOC_SUBDEV_G_SELECTION")]
    pub fn selection(
        &self,
        pad: u32,
        which: Which,
        target: SelectionTarget,
    ) -> Result<SelectionRect, Error> {
        ioctl::g_selection(self.as_fd(), pad, which, target)
    }

    /// Sets a rectangle of a pad and returns what the driver rounded it to.
    ///
    /// # Errors
    /// - `EINVAL`: the pad has no such rectangle, or it cannot be set.
    /// - `EBUSY`: the sub-device is streaming.
    /// - `ERANGE`: it is not possible with this rounding.
    /// - `ENOTTY`: the sub-device has no rectangles.
    #[doc(alias = "VIDIOC_SUBDEV_S_SELECTION")]
    pub fn set_selection(
        &self,
        pad: u32,
        which: Which,
        target: SelectionTarget,
        rounding: Rounding,
        rect: SelectionRect,
    ) -> Result<SelectionRect, Error> {
        ioctl::s_selection(self.as_fd(), pad, which, target, rounding, rect)
    }

    /// Returns the frame interval at a pad, in seconds.
    ///
    /// # Errors
    /// - `EINVAL`: no such pad.
    /// - `ENOTTY`: it has no interval; a sensor's rate then follows from its blanking controls.
    #[doc(alias = "VIDIOC_SUBDEV_G_FRAME_INTERVAL")]
    pub fn interval(&self, pad: u32) -> Result<Fraction, Error> {
        ioctl::g_frame_interval(self.as_fd(), pad)
    }

    /// Sets the frame interval in seconds and returns the one that the driver chose.
    ///
    /// # Errors
    /// - `EBUSY`: the sub-device is streaming.
    /// - `EINVAL`, `ENOTTY`: as for [`Subdevice::interval`].
    #[doc(alias = "VIDIOC_SUBDEV_S_FRAME_INTERVAL")]
    pub fn set_interval(&self, pad: u32, interval: Fraction) -> Result<Fraction, Error> {
        ioctl::s_frame_interval(self.as_fd(), pad, interval)
    }
}

impl AsFd for Subdevice {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.node.as_fd()
    }
}
