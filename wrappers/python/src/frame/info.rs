//! What is known of a frame besides its pixels.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use rustix::io::Errno;
use videostream::hal::format::FourCc;
use videostream::hal::ring::FrameDescriptor;
use videostream::v2 as interface;

use super::v2;
use crate::error::{Kind, raise};

/// What is known of a frame besides its pixels.
#[derive(Clone)]
pub(crate) struct FrameInfo {
    pub(crate) descriptor: FrameDescriptor,
    pub(crate) missed: u64,
    pub(crate) is_after_restart: bool,
    pub(crate) has_new_format: bool,
    pub(crate) is_writable: bool,
    /// Stride and bytes of the whole frame, as the 2.x interface counts them.
    pub(crate) whole: Whole,
}

/// A frame as a whole, as the 2.x interface counts it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whole {
    pub(crate) stride: i32,
    pub(crate) size: u64,
    /// The program created the frame, so clients of the 2.x interface get both values.
    pub(crate) is_told: bool,
}

impl FrameInfo {
    pub(crate) fn new(descriptor: FrameDescriptor) -> Self {
        Self {
            whole: v2::whole(&descriptor),
            descriptor,
            missed: 0,
            is_after_restart: false,
            has_new_format: false,
            is_writable: false,
        }
    }

    /// Returns the kernel's code of the pixel format, also for names of the 2.x interface.
    pub(crate) fn fourcc(&self) -> FourCc {
        interface::kernel_format(self.descriptor.fourcc)
    }

    pub(crate) fn is_compressed(&self) -> bool {
        self.fourcc()
            .info()
            .is_some_and(|info| info.is_compressed())
    }

    pub(super) fn size(&self) -> (u32, u32) {
        (self.descriptor.width, self.descriptor.height)
    }
}

/// Parses a format: its letters, or its number.
pub(crate) fn parse_fourcc(fourcc: &Bound<'_, PyAny>) -> PyResult<FourCc> {
    if let Ok(number) = fourcc.extract::<u32>() {
        return Ok(FourCc(number));
    }
    let text: String = fourcc.extract().map_err(|_| {
        PyTypeError::new_err(format!(
            "a format is four letters such as \"NV12\", or a number, not {}",
            fourcc.get_type()
        ))
    })?;
    FourCc::parse(&text)
        .map_err(|e| raise(Kind::Other, Errno::INVAL, &format!("{text:?}: {e}"), None))
}
