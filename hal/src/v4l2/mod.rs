//! V4L2 devices: cameras, codecs and converters.
//!
//! Two floors. [`ioctl`] has one function per kernel request, named like it, with typed
//! arguments. Above stand the objects that programs use:
//!
//! - [`Device`]: an open node, its abilities, and lists of formats, sizes and intervals;
//! - [`control`]: everything that can be set on it;
//! - [`queue`]: one queue of buffers, from format to stream;
//! - [`camera`]: negotiation of a format and a stream of frames.
//!
//! Nothing allocates and no thread is started. Devices are opened non-blocking; every wait has
//! a deadline.
//!
//! ```no_run
//! use videostream_hal::format::FourCc;
//! use videostream_hal::time::deadline_in;
//! use videostream_hal::v4l2::camera::{CameraStream, Wishes};
//! use videostream_hal::v4l2::Device;
//!
//! # fn main() -> Result<(), videostream_hal::v4l2::Error> {
//! let device = Device::open("/dev/video0")?;
//! let wishes = Wishes {
//!     formats: &[FourCc::NV12, FourCc::YUYV],
//!     size: Some((1280, 720)),
//!     ..Wishes::default()
//! };
//! let stream = CameraStream::start(device, &wishes, &mut |_| {})?;
//! let frame = stream.next_frame(Some(deadline_in(1_000_000_000)))?;
//! assert!(frame.planes()[0].bytes_used > 0);
//! # Ok(())
//! # }
//! ```

mod buf_type;
pub mod camera;
pub mod control;
mod device;
mod error;
mod fraction;
mod grabber;
mod handle;
pub mod ioctl;
pub(crate) mod list;
mod node;
mod pix_format;
pub mod queue;
mod wait;

pub use buf_type::{BufType, Memory};
pub use device::Device;
pub use error::{Error, ErrorKind};
pub use fraction::Fraction;
pub use handle::Node;
pub use ioctl::{
    Buffer, BufferFlags, BufferPlane, Capabilities, Caps, ControlFlags, ControlInfo, ControlType,
    DvStandards, DvTimings, DvTimingsRange, Event, EventKind, EventSelector, ExportAccess,
    FormatDescription, FormatFlags, FrameInterval, FrameSize, Input, InputKind, InputStatus,
    Output, Rounding, SelectionRect, SelectionTarget, Standard, Standards, TimestampClock,
    TimestampSource,
};
pub use list::{DvTimingsList, Formats, Inputs, Intervals, Outputs, Sizes, StandardList};
pub use node::{NodeKind, NodePath, nodes};
pub use pix_format::{Colorimetry, Field, MAX_MEMORY_PLANES, PixFormat, PlaneFormat};
pub use wait::{Ready, wait};
