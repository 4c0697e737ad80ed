//! Listing video devices.

use std::fmt;
use std::path::{Path, PathBuf};

use rustix::fd::AsFd;
use videostream_hal::format::FourCc;
use videostream_hal::v4l2::ioctl::{BufferCapabilities, reqbufs};
use videostream_hal::v4l2::{
    BufType, Device, Error, ErrorKind, FormatDescription, FormatFlags, FrameInterval, FrameSize,
    Memory, NodeKind, nodes,
};

use super::{CameraError, open_device};

/// A video device of any kind.
#[derive(Clone, Debug)]
pub struct DeviceInfo {
    /// Path of the node.
    pub path: PathBuf,
    /// Name of the hardware.
    pub card: String,
    /// Kernel driver.
    pub driver: String,
    /// Where it is attached; nodes of one piece of hardware share it.
    pub bus_info: String,
    /// The kind of the device: camera, codec, converter, ….
    pub kind: NodeKind,
    /// Formats that it delivers, with sizes and intervals.
    pub formats: Vec<DeviceFormat>,
    /// Formats that it accepts (codecs, converters and outputs).
    pub input_formats: Vec<DeviceFormat>,
    /// Capabilities of its queue, such as memory types; empty while they cannot be queried.
    pub buffers: BufferCapabilities,
    /// Items of its lists that the driver failed to describe.
    pub gaps: Vec<ListGap>,
}

/// A format, size or interval that a driver failed to describe; the others are listed.
#[derive(Clone, Debug)]
pub struct ListGap {
    /// The item: `size 2 of MJPG`, counted from 0 as in the driver.
    pub item: String,
    /// The driver's error.
    pub error: Error,
}

impl fmt::Display for ListGap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} could not be read: {}", self.item, self.error)
    }
}

/// A format of a device.
#[derive(Clone, Debug)]
pub struct DeviceFormat {
    /// Pixel format.
    pub fourcc: FourCc,
    /// The driver's description.
    pub description: String,
    /// Whether it is compressed.
    pub compressed: bool,
    /// Sizes, if the driver lists them.
    pub sizes: Vec<DeviceSize>,
}

/// A size, or a range of sizes, of a format.
#[derive(Clone, Debug)]
pub struct DeviceSize {
    /// Width and height in pixels.
    pub size: FrameSize,
    /// Frame intervals in seconds, if the driver lists them; for a range of sizes, those of the
    /// largest.
    pub intervals: Vec<FrameInterval>,
}

impl DeviceInfo {
    /// Describes the device at a path, which is opened briefly.
    ///
    /// # Errors
    /// [`CameraError::NotFound`], [`CameraError::PermissionDenied`], [`CameraError::NotACamera`] if
    /// it is not a video device, [`CameraError::Device`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CameraError> {
        let path = path.as_ref();
        let device = open_device(path);
        let info = device.and_then(|device| describe(path.to_owned(), &device));
        info.map_err(|error| CameraError::from_open(path, error))
    }
}

/// All video devices of the system.
#[derive(Debug, Default)]
pub struct DeviceList {
    /// Devices in the order of their node numbers.
    pub devices: Vec<DeviceInfo>,
    /// Nodes that could not be opened, and why.
    pub unreadable: Vec<(PathBuf, CameraError)>,
}

/// Lists all video devices with their formats, sizes and intervals.
///
/// Opens each node briefly; streams of other programs are not disturbed.
#[must_use]
pub fn devices() -> DeviceList {
    let mut list = DeviceList::default();
    for path in node_paths() {
        match DeviceInfo::open(&path) {
            Ok(info) => list.devices.push(info),
            Err(error) => list.unreadable.push((path, error)),
        }
    }
    list
}

/// Returns the paths of all video nodes, ordered by number.
pub(super) fn node_paths() -> impl Iterator<Item = PathBuf> {
    let nodes = nodes().into_iter().flatten();
    nodes.map(|node| PathBuf::from(node.as_str()))
}

/// Returns the paths of all cameras.
pub(super) fn cameras() -> Vec<PathBuf> {
    node_paths()
        .filter(|path| open_device(path).is_ok_and(|device| device.kind() == NodeKind::Camera))
        .collect()
}

fn describe(path: PathBuf, device: &Device) -> Result<DeviceInfo, Error> {
    let about = device.capabilities();
    let mut gaps = Vec::new();
    let mut formats = |buf_type: Option<BufType>| match buf_type {
        Some(buf_type) => formats_of(device, buf_type, &mut gaps),
        None => Ok(Vec::new()),
    };
    let queue = device.capture_type().or(device.output_type());
    let buffers = queue.and_then(|buf_type| {
        // A request for 0 buffers reports the capabilities. It frees nothing, since this handle has
        // no buffers, and is refused while another program owns the queue.
        reqbufs(device.as_fd(), buf_type, Memory::Mmap, 0).ok()
    });
    Ok(DeviceInfo {
        path,
        card: about.card().to_owned(),
        driver: about.driver().to_owned(),
        bus_info: about.bus_info().to_owned(),
        kind: device.kind(),
        formats: formats(device.capture_type())?,
        input_formats: formats(device.output_type())?,
        buffers: buffers.map_or(BufferCapabilities::empty(), |given| given.capabilities),
        gaps,
    })
}

/// Collects the items of a list; those that fail become gaps. Fails if the device is gone.
fn told<T>(
    items: impl Iterator<Item = Result<T, Error>>,
    gaps: &mut Vec<ListGap>,
    name: impl Fn(usize) -> String,
) -> Result<Vec<T>, Error> {
    let mut found = Vec::new();
    for (at, item) in items.enumerate() {
        match item {
            Ok(item) => found.push(item),
            Err(error) if error.kind() == ErrorKind::Disconnected => return Err(error),
            Err(error) => gaps.push(ListGap {
                item: name(at),
                error,
            }),
        }
    }
    Ok(found)
}

fn formats_of(
    device: &Device,
    buf_type: BufType,
    gaps: &mut Vec<ListGap>,
) -> Result<Vec<DeviceFormat>, Error> {
    let formats = told(device.formats(buf_type), gaps, |at| format!("format {at}"))?;
    let describe = |format: FormatDescription| {
        let known = format.fourcc.info();
        let known = known.is_some_and(|info| info.is_compressed());
        Ok(DeviceFormat {
            fourcc: format.fourcc,
            description: format.description().to_owned(),
            compressed: known || format.flags.contains(FormatFlags::COMPRESSED),
            sizes: sizes_of(device, format.fourcc, gaps)?,
        })
    };
    formats.into_iter().map(describe).collect()
}

fn sizes_of(
    device: &Device,
    fourcc: FourCc,
    gaps: &mut Vec<ListGap>,
) -> Result<Vec<DeviceSize>, Error> {
    let sizes = told(device.sizes(fourcc), gaps, |at| {
        format!("size {at} of {fourcc}")
    })?;
    let describe = |size| {
        let (width, height) = match size {
            FrameSize::Discrete { width, height } => (width, height),
            FrameSize::Stepwise { max, .. } => max,
        };
        let name = |at| format!("interval {at} of {fourcc} {width}x{height}");
        let intervals = told(device.intervals(fourcc, width, height), gaps, name)?;
        Ok(DeviceSize { size, intervals })
    };
    sizes.into_iter().map(describe).collect()
}
