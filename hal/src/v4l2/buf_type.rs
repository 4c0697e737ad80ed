//! The queues of a node, and the memory types of their buffers.

use videostream_sys::v4l2 as sys;

/// `enum v4l2_buf_type`: one queue of a device node.
///
/// `Output` queues feed the hardware; `Capture` queues return its results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "v4l2_buf_type")]
#[repr(u32)]
pub enum BufType {
    /// Pictures from the hardware, one memory plane.
    VideoCapture = sys::V4L2_BUF_TYPE_VIDEO_CAPTURE,
    /// Pictures to the hardware, one memory plane.
    VideoOutput = sys::V4L2_BUF_TYPE_VIDEO_OUTPUT,
    /// Pictures from the hardware, several memory planes.
    VideoCaptureMplane = sys::V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
    /// Pictures to the hardware, several memory planes.
    VideoOutputMplane = sys::V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE,
    /// Metadata from the hardware.
    MetaCapture = sys::V4L2_BUF_TYPE_META_CAPTURE,
    /// Metadata to the hardware.
    MetaOutput = sys::V4L2_BUF_TYPE_META_OUTPUT,
}

impl BufType {
    /// Returns whether buffers have an array of memory planes.
    #[must_use]
    pub const fn is_mplane(self) -> bool {
        matches!(self, Self::VideoCaptureMplane | Self::VideoOutputMplane)
    }

    /// Returns whether the program fills the buffers.
    #[must_use]
    pub const fn is_output(self) -> bool {
        matches!(
            self,
            Self::VideoOutput | Self::VideoOutputMplane | Self::MetaOutput
        )
    }

    /// Returns whether the buffers hold metadata instead of pictures.
    #[must_use]
    pub const fn is_meta(self) -> bool {
        matches!(self, Self::MetaCapture | Self::MetaOutput)
    }

    /// Returns the kernel's number.
    #[must_use]
    pub const fn raw(self) -> u32 {
        self as u32
    }
}

/// `enum v4l2_memory`: where the memory of a queue's buffers comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "v4l2_memory")]
#[repr(u32)]
pub enum Memory {
    /// From the driver; can be exported as dma-buf or mapped.
    Mmap = sys::V4L2_MEMORY_MMAP,
    /// From the program, as an address.
    UserPtr = sys::V4L2_MEMORY_USERPTR,
    /// From the program, as a dma-buf descriptor.
    DmaBuf = sys::V4L2_MEMORY_DMABUF,
}

impl Memory {
    /// Returns the kernel's number.
    #[must_use]
    pub const fn raw(self) -> u32 {
        self as u32
    }
}
