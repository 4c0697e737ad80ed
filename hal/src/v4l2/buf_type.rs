//! Which queue of a node, and which memory its buffers have.

use videostream_sys::v4l2 as sys;

/// `enum v4l2_buf_type`: one queue of a device node.
///
/// `Output` queues feed the hardware, `Capture` queues take from it.
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
    /// Whether buffers have an array of memory planes.
    #[must_use]
    pub const fn is_mplane(self) -> bool {
        matches!(self, Self::VideoCaptureMplane | Self::VideoOutputMplane)
    }

    /// Whether the program fills the buffers.
    #[must_use]
    pub const fn is_output(self) -> bool {
        matches!(
            self,
            Self::VideoOutput | Self::VideoOutputMplane | Self::MetaOutput
        )
    }

    /// Whether the buffers hold metadata, not pictures.
    #[must_use]
    pub const fn is_meta(self) -> bool {
        matches!(self, Self::MetaCapture | Self::MetaOutput)
    }

    /// The kernel's number.
    #[must_use]
    pub const fn raw(self) -> u32 {
        self as u32
    }
}

/// `enum v4l2_memory`: who provides the memory of a queue's buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "v4l2_memory")]
#[repr(u32)]
pub enum Memory {
    /// The driver; exported as dma-buf or mapped.
    Mmap = sys::V4L2_MEMORY_MMAP,
    /// The program, by address.
    UserPtr = sys::V4L2_MEMORY_USERPTR,
    /// The program, by dma-buf descriptor.
    DmaBuf = sys::V4L2_MEMORY_DMABUF,
}

impl Memory {
    /// The kernel's number.
    #[must_use]
    pub const fn raw(self) -> u32 {
        self as u32
    }
}
