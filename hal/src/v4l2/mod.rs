//! V4L2 devices: cameras, codecs, and converters.
//!
//! There are two layers. [`ioctl`] has one function per kernel request, named after it, with typed
//! arguments. On top of it are the types that programs use:
//!
//! - [`Device`]: an open node, its capabilities, and its formats, frame sizes, and intervals;
//! - [`control`]: its controls;
//! - [`queue`]: one buffer queue, from format to stream;
//! - [`camera`]: format negotiation and a stream of frames.
//!
//! Nothing allocates, and no thread is started. Devices are opened non-blocking; every wait takes a
//! deadline.
//!
//! ```no_run
//! use videostream_hal::format::FourCc;
//! use videostream_hal::time::deadline_in;
//! use videostream_hal::v4l2::camera::{Capture, CaptureRequest};
//! use videostream_hal::v4l2::Device;
//!
//! # fn main() -> Result<(), videostream_hal::Error> {
//! let device = Device::open("/dev/video0")?;
//! let request = CaptureRequest {
//!     formats: &[FourCc::NV12, FourCc::YUYV],
//!     size: Some((1280, 720)),
//!     ..CaptureRequest::default()
//! };
//! let capture = Capture::start(device, &request, &mut |_| {})?;
//! let frame = capture.next_frame(Some(deadline_in(1_000_000_000)))?;
//! assert!(frame.planes()[0].bytes_used > 0);
//! # Ok(())
//! # }
//! ```

mod buf_type;
pub mod camera;
pub mod control;
mod device;
mod fraction;
mod grabber;
pub mod ioctl;
pub(crate) mod list;
mod node;
mod nodes;
mod pix_format;
pub mod queue;
mod wait;

pub use crate::kind::NodeKind;
pub use crate::{Error, ErrorKind};
pub use buf_type::{BufType, Memory};
pub use device::Device;
pub use fraction::Fraction;
pub use ioctl::{
    Buffer, BufferFlags, BufferPlane, Capabilities, Caps, ControlFlags, ControlInfo, ControlType,
    DvStandards, DvTimings, Event, EventKind, EventSelector, ExportAccess, FormatDescription,
    FormatFlags, FrameInterval, FrameSize, Input, InputKind, InputStatus, Output, Rounding,
    SelectionRect, SelectionTarget, Standard, Standards, TimestampClock, TimestampSource,
};
pub use list::{DvTimingsList, Formats, Inputs, Intervals, Outputs, Sizes, StandardList};
pub use node::Node;
pub use nodes::{NodePath, nodes};
pub use pix_format::{Colorimetry, Field, MAX_MEMORY_PLANES, PixFormat, PlaneFormat};
pub use wait::{Ready, wait};
