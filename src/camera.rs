//! Cameras: find, configure and start one; its frames lie in memory that other processes can map.
//!
//! ```no_run
//! use std::time::Duration;
//! use videostream::Camera;
//! use videostream::hal::format::FourCc;
//!
//! # fn main() -> Result<(), videostream::CameraError> {
//! let mut stream = Camera::open("/dev/video0")?
//!     .format(FourCc::NV12)
//!     .format(FourCc::YUYV)
//!     .size(1280, 720)
//!     .fps(30)
//!     .start()?;
//! for _ in 0..30 {
//!     let frame = stream.next_within(Duration::from_secs(2))?;
//!     let buffer = &stream.buffers()[frame.index as usize];
//!     println!("{} in {:?}: {} bytes", frame.sequence, buffer.fds[0], frame.bytes_used[0]);
//!     stream.requeue(frame.index)?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The memory is the driver's own by default (see [`CameraMemory`] for other kinds). Each buffer is
//! exported once, as a dma-buf, when the stream starts; a frame costs one dequeue, one queue and at
//! most one poll.

use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, open};
use videostream_hal::Call;
use videostream_hal::format::FourCc;
use videostream_hal::v4l2::camera::{Reason, Rejected, negotiate};
use videostream_hal::v4l2::{
    Capabilities, Device, Error, ErrorKind, ExportAccess, FormatDescription, Fraction, Intervals,
    NodeKind, Sizes,
};

pub mod controls;
mod error;
mod group;
mod holder;
mod id;
mod list;
mod memory;
mod node;
mod setup;
mod stream;

pub use controls::{Control, ControlError, ControlList, Controls};
pub use error::CameraError;
pub use holder::Holder;
pub use id::CameraId;
pub use list::{DeviceFormat, DeviceInfo, DeviceList, DeviceSize, ListGap, devices};
pub use memory::{CameraMemory, MemoryRefusal};
pub use node::{Node, find_device};
pub use setup::CameraSetup;
use setup::Wanted;
pub use stream::{CameraBuffer, CameraFrame, CameraStream};

/// Compiles the example of the guide.
#[cfg(doctest)]
#[doc = include_str!("../docs/camera-capture.md")]
struct Guide;

/// An open camera and the requested settings; [`Camera::start`] starts streaming.
#[derive(Debug)]
pub struct Camera {
    path: PathBuf,
    device: Device,
    wanted: Wanted,
}

impl Camera {
    /// Opens the camera at a path: `/dev/video0`, or a stable name in `/dev/v4l/by-path`.
    ///
    /// # Errors
    /// - [`CameraError::NotFound`]: no such device.
    /// - [`CameraError::NotACamera`]: the device is of another kind.
    /// - [`CameraError::PermissionDenied`], [`CameraError::Busy`], [`CameraError::Device`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CameraError> {
        let path = path.as_ref();
        let device = open_device(path).map_err(|error| CameraError::from_open(path, error))?;
        let kind = device.kind();
        if !matches!(kind, NodeKind::Camera | NodeKind::MetadataCapture) {
            return Err(CameraError::not_a_camera(path, Some(kind)));
        }
        Ok(Self {
            path: path.to_owned(),
            device,
            wanted: Wanted::default(),
        })
    }

    /// Opens the first camera of the system, by node number.
    ///
    /// # Errors
    /// [`CameraError::NoCamera`] with the number of other video devices; otherwise the reason why
    /// the cameras could not be opened.
    pub fn first() -> Result<Self, CameraError> {
        let mut refused = None;
        for path in list::node_paths() {
            match Self::open(&path) {
                Ok(camera) if camera.device.kind() == NodeKind::Camera => return Ok(camera),
                Ok(_) | Err(CameraError::NotACamera { .. }) => {}
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        Err(refused.unwrap_or_else(CameraError::no_camera))
    }

    /// Returns the path that the camera was opened by.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns driver, card, bus and capabilities.
    #[must_use]
    pub const fn capabilities(&self) -> &Capabilities {
        self.device.capabilities()
    }

    /// Returns the open device, for lists of formats, controls and events.
    #[must_use]
    pub const fn device(&self) -> &Device {
        &self.device
    }

    /// Iterates over the camera's formats in the driver's order, without allocating.
    ///
    /// ```no_run
    /// # use videostream::Camera;
    /// let camera = Camera::first()?;
    /// for format in camera.formats().flatten() {
    ///     for size in camera.sizes(format.fourcc).flatten() {
    ///         println!("{} {size:?}", format.fourcc);
    ///     }
    /// }
    /// # Ok::<_, videostream::CameraError>(())
    /// ```
    #[doc(alias = "VIDIOC_ENUM_FMT")]
    pub fn formats(&self) -> impl Iterator<Item = Result<FormatDescription, Error>> + '_ {
        let queue = self.device.capture_type().into_iter();
        queue.flat_map(|buf_type| self.device.formats(buf_type))
    }

    /// Iterates over the picture sizes of a format, without allocating; empty if the driver does
    /// not list them.
    #[doc(alias = "VIDIOC_ENUM_FRAMESIZES")]
    #[must_use]
    pub fn sizes(&self, fourcc: FourCc) -> Sizes<'_> {
        self.device.sizes(fourcc)
    }

    /// Iterates over the frame intervals of a format at a size in pixels, without allocating; empty
    /// if the driver does not list them.
    #[doc(alias = "VIDIOC_ENUM_FRAMEINTERVALS")]
    #[must_use]
    pub fn intervals(&self, fourcc: FourCc, width: u32, height: u32) -> Intervals<'_> {
        self.device.intervals(fourcc, width, height)
    }

    /// Adds a requested format; the first one that the camera supports is used.
    ///
    /// By default, a common uncompressed format is used.
    #[must_use]
    pub fn format(mut self, fourcc: FourCc) -> Self {
        self.wanted.formats.push(fourcc);
        self
    }

    /// Requests exactly this size in pixels. By default the camera keeps its current size.
    #[must_use]
    pub const fn size(mut self, width: u32, height: u32) -> Self {
        self.wanted.size = Some((width, height));
        self.wanted.exact_size = true;
        self
    }

    /// Requests about this size in pixels; the driver chooses the nearest.
    #[must_use]
    pub const fn size_near(mut self, width: u32, height: u32) -> Self {
        self.wanted.size = Some((width, height));
        self.wanted.exact_size = false;
        self
    }

    /// Requests a whole number of frames per second; the driver chooses the nearest rate, see
    /// [`CameraStream::interval`].
    #[must_use]
    pub const fn fps(self, frames_per_second: u32) -> Self {
        self.interval(Fraction::from_fps(frames_per_second))
    }

    /// Requests a frame interval in seconds (1001/30000); the driver chooses the nearest.
    #[must_use]
    pub const fn interval(mut self, seconds: Fraction) -> Self {
        self.wanted.interval = Some(seconds);
        self
    }

    /// Requests a number of buffers (default 4); the driver may allocate more.
    #[must_use]
    pub const fn buffers(mut self, count: u32) -> Self {
        self.wanted.buffers = count;
        self
    }

    /// Sets whether corrupted frames are counted and skipped instead of delivered.
    #[must_use]
    pub const fn skip_corrupted(mut self, skip: bool) -> Self {
        self.wanted.skip_corrupted = skip;
        self
    }

    /// Sets whether exported buffers may be mapped for writing (default: read-only).
    #[must_use]
    pub const fn access(mut self, access: ExportAccess) -> Self {
        self.wanted.access = access;
        self
    }

    /// Sets the kind of memory that the camera fills (default: the driver's own).
    #[must_use]
    pub const fn memory(mut self, memory: CameraMemory) -> Self {
        self.wanted.memory = memory;
        self
    }

    /// Sets a control before the camera starts, and again on each restart after it was unplugged.
    /// Names and values are those of [`Controls::set`].
    #[must_use]
    pub fn control(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.wanted.controls.push((name.into(), value.into()));
        self
    }

    /// Negotiates, allocates and exports the buffers, and starts the stream.
    ///
    /// # Errors
    /// - [`CameraError::UnsupportedFormat`], [`CameraError::UnsupportedSize`]: with the
    ///   alternatives that the camera offers.
    /// - [`CameraError::Busy`]: another program streams from it.
    /// - [`CameraError::Pipeline`]: the media pipeline behind the node is not set up.
    /// - [`CameraError::Memory`]: it cannot fill the requested memory.
    /// - [`CameraError::Control`]: a control cannot be set; then no control is changed.
    /// - [`CameraError::Disconnected`], [`CameraError::Device`].
    pub fn start(self) -> Result<CameraStream, CameraError> {
        if !self.wanted.controls.is_empty() {
            self.controls().set(&self.wanted.controls)?;
        }
        let mut passed = Vec::new();
        match negotiate(&self.device, &self.wanted.request(), &mut |p| {
            passed.push(p)
        }) {
            Ok(negotiated) => CameraStream::start(self.path, self.device, negotiated, self.wanted),
            Err(error) => Err(self.refused(error, &passed)),
        }
    }

    fn refused(&self, error: Error, passed: &[Rejected]) -> CameraError {
        if !matches!(error, Error::NoFormat { .. }) {
            return CameraError::from_device(&self.path, error);
        }
        // A format that exists in another size is closer to the request, so report that one.
        let resized = passed.iter().find_map(|passed| match passed.reason {
            Reason::Resized { width, height } => Some((passed.fourcc, (width, height))),
            _ => None,
        });
        if let (Some((fourcc, nearest)), Some(wanted)) = (resized, self.wanted.size) {
            return CameraError::UnsupportedSize {
                path: self.path.clone(),
                fourcc,
                wanted,
                nearest,
            };
        }
        let refusal = passed.iter().find_map(|passed| match passed.reason {
            Reason::Refused(error) => Some(error),
            _ => None,
        });
        if let Some(error) = refusal {
            return CameraError::from_device(&self.path, error);
        }
        let offered = self.formats().flatten();
        CameraError::UnsupportedFormat {
            path: self.path.clone(),
            wanted: self.wanted.formats.clone(),
            offered: offered.map(|format| format.fourcc).collect(),
        }
    }
}

/// Opens a node; its path may be longer than the hal's limit.
fn open_device(path: &Path) -> Result<Device, Error> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fd = open(path, flags, Mode::empty()).map_err(|errno| Error::System {
        call: Call::Open,
        errno,
    })?;
    Device::from_fd(fd)
}

/// Returns whether an error of [`open_device`] means that the file is not a video device.
fn is_foreign(error: Error) -> bool {
    matches!(error, Error::System { call, .. } if call != Call::Open)
        && matches!(
            error.kind(),
            ErrorKind::NotSupported | ErrorKind::InvalidArgument
        )
}
