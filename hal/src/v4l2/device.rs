//! An open device node.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::path::Arg;

use super::ioctl::{self, StreamParameters};
use super::{
    BufType, Capabilities, Caps, Formats, Fraction, Intervals, Node, NodeKind, PixFormat, Rounding,
    SelectionRect, SelectionTarget, Sizes,
};
use crate::Error;
use crate::format::{FourCc, MbusCode};

/// An open V4L2 node and its capabilities.
///
/// Controls and events belong to its [`Node`] ([`Device::node`]). Any number of handles may be open
/// on a node; the one that allocates buffers owns the stream. Dropping the device closes it, and
/// the kernel then frees its queue.
#[derive(Debug)]
pub struct Device {
    node: Node,
    capabilities: Capabilities,
}

impl Device {
    /// Opens a node for reading and writing, non-blocking and close-on-exec.
    ///
    /// Paths of 256 bytes and more are refused with `ENAMETOOLONG`, because nothing is allocated.
    ///
    /// # Errors
    /// - [`ErrorKind::NotFound`](super::ErrorKind): no such node, or no device behind it.
    /// - [`ErrorKind::PermissionDenied`](super::ErrorKind): usually the user is not in group
    ///   `video`.
    /// - [`ErrorKind::NotSupported`](super::ErrorKind): not a V4L2 device.
    pub fn open(path: impl Arg) -> Result<Self, Error> {
        Self::from_fd(Node::open_fd(path)?)
    }

    /// Wraps a descriptor, which must be non-blocking for deadlines to hold.
    ///
    /// # Errors
    /// - [`ErrorKind::NotSupported`](super::ErrorKind): not a V4L2 device.
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

    /// Returns driver, card, bus, and capabilities.
    #[must_use]
    pub const fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Returns the kind of the node.
    ///
    /// Memory-to-memory nodes are told apart by their formats: a decoder has compressed formats on
    /// its output queue, an encoder on its capture queue, a converter on neither.
    #[must_use]
    pub fn kind(&self) -> NodeKind {
        kind_by_caps(self.capabilities.caps()).unwrap_or_else(|| self.m2m_kind())
    }

    fn m2m_kind(&self) -> NodeKind {
        let compressed = |buf_type: Option<BufType>| {
            let mut formats = buf_type.into_iter().flat_map(|t| self.formats(t)).flatten();
            formats.any(|format| {
                format.flags.contains(ioctl::FormatFlags::COMPRESSED)
                    || format
                        .fourcc
                        .info()
                        .is_some_and(|info| info.is_compressed())
            })
        };
        if compressed(self.output_type()) {
            NodeKind::Decoder
        } else if compressed(self.capture_type()) {
            NodeKind::Encoder
        } else {
            NodeKind::Converter
        }
    }

    /// Returns the queue that delivers pictures, multi-planar if the node has it; `None` if there
    /// is no such queue.
    #[must_use]
    pub fn capture_type(&self) -> Option<BufType> {
        let caps = self.capabilities.caps();
        if caps.intersects(Caps::VIDEO_CAPTURE_MPLANE | Caps::VIDEO_M2M_MPLANE) {
            Some(BufType::VideoCaptureMplane)
        } else if caps.intersects(Caps::VIDEO_CAPTURE | Caps::VIDEO_M2M) {
            Some(BufType::VideoCapture)
        } else if caps.contains(Caps::META_CAPTURE) {
            Some(BufType::MetaCapture)
        } else {
            None
        }
    }

    /// Returns the queue that accepts pictures, multi-planar if the node has it; `None` if there is
    /// no such queue.
    #[must_use]
    pub fn output_type(&self) -> Option<BufType> {
        let caps = self.capabilities.caps();
        if caps.intersects(Caps::VIDEO_OUTPUT_MPLANE | Caps::VIDEO_M2M_MPLANE) {
            Some(BufType::VideoOutputMplane)
        } else if caps.intersects(Caps::VIDEO_OUTPUT | Caps::VIDEO_M2M) {
            Some(BufType::VideoOutput)
        } else if caps.contains(Caps::META_OUTPUT) {
            Some(BufType::MetaOutput)
        } else {
            None
        }
    }

    /// Lists the formats of a queue, in the driver's order.
    ///
    /// On nodes driven by the media controller, the list may contain formats that the current
    /// pipeline cannot deliver.
    #[must_use]
    #[doc(alias = "VIDIOC_ENUM_FMT")]
    pub fn formats(&self, buf_type: BufType) -> Formats<'_> {
        Formats::new(self.node.as_fd(), buf_type, MbusCode(0))
    }

    /// Lists the formats of a queue that can hold pictures with a given bus format, on nodes driven
    /// by the media controller ([`Caps::IO_MC`]). Other nodes list all formats.
    #[must_use]
    pub fn formats_of(&self, buf_type: BufType, code: MbusCode) -> Formats<'_> {
        Formats::new(self.node.as_fd(), buf_type, code)
    }

    /// Lists the picture sizes of a format; empty if the driver does not list them.
    #[must_use]
    #[doc(alias = "VIDIOC_ENUM_FRAMESIZES")]
    pub fn sizes(&self, fourcc: FourCc) -> Sizes<'_> {
        Sizes::new(self.node.as_fd(), fourcc)
    }

    /// Lists the frame intervals of a format and size; empty if the driver does not list them.
    #[must_use]
    #[doc(alias = "VIDIOC_ENUM_FRAMEINTERVALS")]
    pub fn intervals(&self, fourcc: FourCc, width: u32, height: u32) -> Intervals<'_> {
        Intervals::new(self.node.as_fd(), fourcc, (width, height))
    }

    /// Returns the format of a queue.
    ///
    /// # Errors
    /// See [`ioctl::g_fmt`].
    pub fn format(&self, buf_type: BufType) -> Result<PixFormat, Error> {
        ioctl::g_fmt(self.node.as_fd(), buf_type)
    }

    /// Sets a format and returns the format that the driver chose.
    ///
    /// # Errors
    /// See [`ioctl::s_fmt`].
    pub fn set_format(&self, buf_type: BufType, requested: &PixFormat) -> Result<PixFormat, Error> {
        ioctl::s_fmt(self.node.as_fd(), buf_type, requested)
    }

    /// Returns the format that [`Device::set_format`] would set.
    ///
    /// # Errors
    /// See [`ioctl::try_fmt`].
    pub fn try_format(&self, buf_type: BufType, requested: &PixFormat) -> Result<PixFormat, Error> {
        ioctl::try_fmt(self.node.as_fd(), buf_type, requested)
    }

    /// Returns the frame interval of a queue.
    ///
    /// # Errors
    /// See [`ioctl::g_parm`].
    pub fn interval(&self, buf_type: BufType) -> Result<StreamParameters, Error> {
        ioctl::g_parm(self.node.as_fd(), buf_type)
    }

    /// Sets the frame interval in seconds and returns the one that the driver chose.
    ///
    /// # Errors
    /// See [`ioctl::s_parm`].
    pub fn set_interval(
        &self,
        buf_type: BufType,
        interval: Fraction,
    ) -> Result<StreamParameters, Error> {
        ioctl::s_parm(self.node.as_fd(), buf_type, interval)
    }

    /// Returns the sample aspect ratio (width by height) of the selected input.
    ///
    /// # Errors
    /// See [`ioctl::sample_aspect`].
    pub fn sample_aspect(&self, buf_type: BufType) -> Result<Fraction, Error> {
        ioctl::sample_aspect(self.node.as_fd(), buf_type)
    }

    /// Returns a rectangle of a queue: crop, compose, or their bounds.
    ///
    /// # Errors
    /// See [`ioctl::g_selection`].
    pub fn selection(
        &self,
        buf_type: BufType,
        target: SelectionTarget,
    ) -> Result<SelectionRect, Error> {
        ioctl::g_selection(self.node.as_fd(), buf_type, target)
    }

    /// Sets a rectangle of a queue and returns what the driver rounded it to.
    ///
    /// # Errors
    /// See [`ioctl::s_selection`].
    pub fn set_selection(
        &self,
        buf_type: BufType,
        target: SelectionTarget,
        rounding: Rounding,
        rect: SelectionRect,
    ) -> Result<SelectionRect, Error> {
        ioctl::s_selection(self.node.as_fd(), buf_type, target, rounding, rect)
    }
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.node.as_fd()
    }
}

/// Returns the kind of a node, unless its formats are needed to tell.
fn kind_by_caps(caps: Caps) -> Option<NodeKind> {
    const CAPTURE: Caps = Caps::VIDEO_CAPTURE.union(Caps::VIDEO_CAPTURE_MPLANE);
    const OUTPUT: Caps = Caps::VIDEO_OUTPUT.union(Caps::VIDEO_OUTPUT_MPLANE);
    const M2M: Caps = Caps::VIDEO_M2M.union(Caps::VIDEO_M2M_MPLANE);
    const VBI: Caps = Caps::VBI_CAPTURE
        .union(Caps::VBI_OUTPUT)
        .union(Caps::SLICED_VBI_CAPTURE)
        .union(Caps::SLICED_VBI_OUTPUT);
    const RADIO: Caps = Caps::RADIO
        .union(Caps::MODULATOR)
        .union(Caps::SDR_CAPTURE)
        .union(Caps::SDR_OUTPUT);
    // Old memory-to-memory drivers report both directions instead of the memory-to-memory
    // capability.
    if caps.intersects(M2M) || (caps.intersects(CAPTURE) && caps.intersects(OUTPUT)) {
        return None;
    }
    Some(if caps.contains(Caps::TOUCH) {
        NodeKind::Touch
    } else if caps.intersects(CAPTURE) {
        // Nodes without streaming I/O have no buffers to share.
        if caps.contains(Caps::STREAMING) {
            NodeKind::Camera
        } else {
            NodeKind::Other
        }
    } else if caps.intersects(OUTPUT) {
        NodeKind::Output
    } else if caps.contains(Caps::META_CAPTURE) {
        NodeKind::MetadataCapture
    } else if caps.contains(Caps::META_OUTPUT) {
        NodeKind::MetadataOutput
    } else if caps.intersects(VBI) {
        NodeKind::Vbi
    } else if caps.intersects(RADIO) {
        NodeKind::Radio
    } else {
        NodeKind::Other
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn kinds_follow_from_the_nodes_abilities() {
        let kind = kind_by_caps;
        let streaming = Caps::STREAMING;
        assert_eq!(
            kind(Caps::VIDEO_CAPTURE | streaming),
            Some(NodeKind::Camera)
        );
        assert_eq!(
            kind(Caps::VIDEO_CAPTURE | Caps::READWRITE),
            Some(NodeKind::Other)
        );
        assert_eq!(kind(Caps::VIDEO_M2M_MPLANE | streaming), None);
        assert_eq!(
            kind(Caps::VIDEO_CAPTURE | Caps::VIDEO_OUTPUT | streaming),
            None
        );
        assert_eq!(
            kind(Caps::META_CAPTURE | streaming),
            Some(NodeKind::MetadataCapture)
        );
        assert_eq!(kind(Caps::VIDEO_OUTPUT | streaming), Some(NodeKind::Output));
        assert_eq!(kind(Caps::VBI_CAPTURE | Caps::TUNER), Some(NodeKind::Vbi));
    }

    #[test]
    fn files_that_are_no_devices_are_refused() {
        let error = Device::open("/dev/null").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotSupported);
        let error = Device::open("/dev/no-such-node").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}
