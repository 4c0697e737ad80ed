//! Frames: received, captured, decoded, or drawn by the program.

mod v2;

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::exceptions::{PyIndexError, PyTypeError};
use pyo3::prelude::*;
use rustix::io::Errno;
use videostream::Picture;
use videostream::hal::format::{FourCc, Layout};
use videostream::hal::memory::Access as MapAccess;
use videostream::hal::memory::allocate::Allocator;
use videostream::hal::ring::descriptor::NO_TIME;
use videostream::hal::ring::{Flags, FrameDescriptor, MAX_PLANES, PlaneDescriptor};
use videostream::picture::Plane as PicturePlane;
use videostream::{share, v2 as interface};

use crate::convert::{Crop, to_rgb};
use crate::error::{Kind, invalid, raise, to_python};
use crate::memory::{Access, Buffer, Memory, Owner, Shared, open_buffers};
use crate::packet::bytes_like;
use crate::plane::{Plane, WHOLE, as_array, as_asked};
use crate::pool::of_bytes;
use crate::shape::Shape;

/// A picture, or a packet of a compressed stream, in memory that processes share.
///
/// Clients, cameras and decoders give frames; `Frame(width, height, fourcc)` makes one to draw into,
/// whose memory is allocated when it is used first, or by `alloc()` or `attach()`.
/// A received frame keeps its buffer from the host until it is released: by `release()`, at the end of a
/// `with` block, or when neither it nor a view of it is left.
#[pyclass(module = "videostream", frozen, weakref)]
pub(crate) struct Frame {
    /// Views keep what they are of when the frame gets other memory.
    shared: Mutex<Arc<Shared>>,
    about: About,
}

/// What is known of a frame beside its pixels.
#[derive(Clone)]
pub(crate) struct About {
    pub(crate) descriptor: FrameDescriptor,
    pub(crate) missed: u64,
    pub(crate) is_after_restart: bool,
    pub(crate) has_new_format: bool,
    pub(crate) is_writable: bool,
    /// Stride and bytes of the whole frame, as the 2.x interface counts them.
    pub(crate) whole: Whole,
}

/// A frame as a whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whole {
    pub(crate) stride: i32,
    pub(crate) size: u64,
    /// The program made the frame, and clients of the 2.x interface are told of both.
    pub(crate) is_told: bool,
}

impl About {
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

    /// The kernel's code of the pixel format, by whatever name the frame was made.
    pub(crate) fn fourcc(&self) -> FourCc {
        interface::kernel_format(self.descriptor.fourcc)
    }

    pub(crate) fn is_compressed(&self) -> bool {
        self.fourcc()
            .info()
            .is_some_and(|info| info.is_compressed())
    }

    fn size(&self) -> (u32, u32) {
        (self.descriptor.width, self.descriptor.height)
    }
}

impl Frame {
    pub(crate) fn new(memory: impl Memory + 'static, about: About) -> Self {
        Self {
            about: About {
                is_writable: memory.is_writable(),
                ..about
            },
            shared: Mutex::new(Arc::new(Shared::new(memory))),
        }
    }

    /// A frame in memory that others know, too.
    pub(crate) fn of_owner(owner: Owner, about: About) -> Self {
        Self {
            shared: Mutex::new(Arc::new(Shared::of_owner(owner))),
            about,
        }
    }

    /// A frame that a client received.
    pub(crate) fn received(frame: share::Frame) -> Self {
        let about = About {
            missed: frame.missed(),
            is_after_restart: frame.is_after_restart(),
            has_new_format: frame.has_new_format(),
            ..About::new(*frame.descriptor())
        };
        Self::new(frame, about)
    }

    pub(crate) fn about(&self) -> &About {
        &self.about
    }

    /// Its memory, which is other memory after `alloc`, `attach` and `unalloc`.
    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared.lock())
    }

    /// What is known of it, with the planes that its memory has room for.
    pub(crate) fn described(&self) -> FrameDescriptor {
        let mut descriptor = self.about.descriptor;
        if let Some(memory) = self.shared().present()
            && let Ok(memory) = memory.get()
            && let Some(planes) = memory.planes()
        {
            descriptor.plane_count = planes.len() as u32;
            for (to, plane) in descriptor.planes.iter_mut().zip(planes) {
                *to = *plane;
            }
        }
        descriptor
    }

    /// Whether its pixels can be written.
    fn can_be_written(&self) -> bool {
        let memory = self.shared().present();
        let memory = memory.as_ref().and_then(|memory| memory.get().ok());
        memory.map_or(self.about.is_writable, |memory| memory.is_writable())
    }

    /// Runs `look` with the frame as a picture; a compressed one is a picture of one plane, its
    /// bytes.
    pub(crate) fn see<T>(&self, look: impl FnOnce(&Picture<'_>) -> PyResult<T>) -> PyResult<T> {
        self.shared().with_bytes(|bytes| {
            let descriptor = &self.described();
            let count = descriptor.planes().len();
            let mut planes = [PicturePlane::default(); MAX_PLANES];
            for (at, plane) in planes.iter_mut().enumerate().take(count) {
                plane.data = bytes[at];
                plane.stride = descriptor.planes()[at].stride as usize;
            }
            if self.about.is_compressed() {
                let used = planes[0].data.len().min(descriptor.bytes_used as usize);
                planes[0].data = &planes[0].data[..used];
            }
            let (width, height) = self.about.size();
            let planes = &planes[..count];
            let picture = Picture::from_planes(self.about.fourcc(), width, height, planes);
            look(&picture.map_err(|e| to_python(e.into()))?)
        })
    }

    /// The shape of plane `at`.
    fn shape(&self, at: usize) -> PyResult<Shape> {
        let described = self.described();
        let planes = described.planes();
        let plane = planes.get(at).ok_or_else(|| {
            PyIndexError::new_err(format!(
                "plane {at}: {} has {}",
                self.about.fourcc(),
                planes.len()
            ))
        })?;
        if self.about.is_compressed() {
            let used = self.about.descriptor.bytes_used.min(plane.size);
            return Ok(Shape::bytes(used as usize));
        }
        let (stride, len) = (plane.stride as usize, plane.size as usize);
        let shape = Shape::of_plane(self.about.fourcc(), self.about.size(), at, stride, len);
        Ok(shape)
    }

    /// The view that `array` is: the one plane, or all of them stacked.
    fn whole(&self) -> PyResult<Plane> {
        let (at, shape) = match self.described().planes() {
            [_] => (0, self.shape(0)?),
            _ => (WHOLE, self.stacked()?),
        };
        Ok(Plane::new(&self.shared(), at, shape, self.can_be_written()))
    }

    fn stacked(&self) -> PyResult<Shape> {
        let described = self.described();
        let planes = described.planes();
        let is_one = planes.iter().all(|plane| plane.buffer == planes[0].buffer);
        let places: Vec<_> = planes
            .iter()
            .map(|plane| (plane.offset as usize, plane.stride as usize))
            .collect();
        let stacked = match is_one {
            true => Shape::of_stacked(self.about.fourcc(), self.about.size(), &places),
            false => None,
        };
        stacked.ok_or_else(|| {
            invalid(format!(
                "the {} planes of {} do not lie as one array of rows: use frame.plane(0) to \
                 frame.plane({}), or frame.to_rgb()",
                planes.len(),
                self.about.fourcc(),
                planes.len() - 1
            ))
        })
    }
}

#[pymethods]
impl Frame {
    /// A frame of `width` by `height` pixels to draw into, to be posted by a host or encoded.
    ///
    /// `fourcc` is a format's four letters ("NV12", "RGB3", "RGBA") or its number; `stride` the bytes
    /// from row to row of the first plane, 0 for the format's own; `ptr` the `_ptr` of another frame,
    /// whose memory this one is of as well.
    #[new]
    #[pyo3(signature = (width, height, fourcc, stride = 0, ptr = None))]
    fn py_new(
        width: u32,
        height: u32,
        fourcc: &Bound<'_, PyAny>,
        stride: u32,
        ptr: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        match ptr {
            Some(ptr) => Self::of_ptr(ptr),
            None => Self::without_memory(width, height, parse_fourcc(fourcc)?, stride),
        }
    }

    /// A frame of compressed bytes, to be posted or decoded: an image of a camera (MJPG), or the packet of an
    /// encoder (H264, HEVC) with pictures of `width` by `height` pixels.
    #[staticmethod]
    fn from_bytes(
        data: &Bound<'_, PyAny>,
        width: u32,
        height: u32,
        fourcc: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let bytes = bytes_like("data", data)?;
        of_bytes(&bytes, parse_fourcc(fourcc)?, (width, height))
    }

    /// Pixels in a row; 0 once the frame was posted.
    #[getter]
    fn width(&self) -> u32 {
        match self.is_posted() {
            true => 0,
            false => self.about.descriptor.width,
        }
    }

    /// Rows; 0 once the frame was posted.
    #[getter]
    fn height(&self) -> u32 {
        match self.is_posted() {
            true => 0,
            false => self.about.descriptor.height,
        }
    }

    /// The pixel format's four letters as the frame was made with, else as V4L2 names it; four NULs once
    /// the frame was posted.
    #[getter]
    fn fourcc(&self) -> String {
        match self.is_posted() {
            true => "\0\0\0\0".to_owned(),
            false => FourCc(self.about.descriptor.fourcc).to_string(),
        }
    }

    /// The host's number of this frame, from 1 and without a hole; 0 for frames of no host.
    #[getter]
    fn serial(&self) -> u64 {
        self.about.descriptor.serial
    }

    /// The source's own count, including frames that it dropped.
    #[getter]
    fn sequence(&self) -> u64 {
        self.about.descriptor.sequence
    }

    /// When the sensor or driver took it, in nanoseconds of `time.monotonic_ns()`.
    #[getter]
    fn timestamp_ns(&self) -> u64 {
        self.about.descriptor.timestamp_ns
    }

    /// When the sensor or driver took it, in seconds of `time.monotonic()`.
    #[getter]
    fn timestamp(&self) -> f64 {
        self.about.descriptor.timestamp_ns as f64 / 1e9
    }

    /// When the host published it, in nanoseconds of `time.monotonic_ns()`.
    #[getter]
    fn published_ns(&self) -> u64 {
        self.about.descriptor.published_ns
    }

    /// Presentation time of the stream in nanoseconds, if somebody said it.
    #[getter]
    fn pts_ns(&self) -> Option<i64> {
        Some(self.about.descriptor.pts_ns).filter(|time| *time != NO_TIME)
    }

    /// How long it is shown, in nanoseconds; 0 where nobody said.
    #[getter]
    fn duration_ns(&self) -> u64 {
        self.about.descriptor.duration_ns
    }

    /// Frames between the last one that this client got and this one.
    #[getter]
    fn missed(&self) -> u64 {
        self.about.missed
    }

    /// Whether this is the first frame of a host that was restarted.
    #[getter]
    fn is_after_restart(&self) -> bool {
        self.about.is_after_restart
    }

    /// Whether format or size are others than those of the client's frame before.
    #[getter]
    fn has_new_format(&self) -> bool {
        self.about.has_new_format
    }

    /// Whether decoding can start here; for compressed frames.
    #[getter]
    fn is_key(&self) -> bool {
        self.about.descriptor.flags().contains(Flags::KEY_FRAME)
    }

    /// Whether the driver says that the content is damaged.
    #[getter]
    fn is_corrupted(&self) -> bool {
        self.about.descriptor.flags().contains(Flags::CORRUPTED)
    }

    /// Bytes used over all planes.
    #[getter]
    fn bytes_used(&self) -> u32 {
        self.about.descriptor.bytes_used
    }

    /// Bytes from row to row of each plane; 0 for compressed data.
    #[getter]
    fn strides(&self) -> Vec<u32> {
        let described = self.described();
        let planes = described.planes().iter();
        planes.map(|plane| plane.stride).collect()
    }

    /// Whether its pixels can be written.
    #[getter]
    fn is_writable(&self) -> bool {
        self.can_be_written()
    }

    /// Whether it was released or posted. Views that are out keep their pixels all the same.
    #[getter]
    fn is_released(&self) -> bool {
        self.shared().is_released()
    }

    /// The planes, in the order of the format.
    #[getter]
    fn planes(&self) -> PyResult<Vec<Plane>> {
        (0..self.described().planes().len())
            .map(|at| self.plane(at))
            .collect()
    }

    /// Plane `index` as an n-dimensional view of the memory itself.
    ///
    /// Shapes: RGB3 (height, width, 3), GREY (height, width), YUYV (height, width, 2), of NV12
    /// (height, width) and (height / 2, width / 2, 2). Formats of more than 8 bits have elements
    /// of 16. Compressed frames are one dimension of bytes. Strides are as the memory has them.
    ///
    /// Raises IndexError if there is no such plane.
    #[pyo3(signature = (index = 0))]
    fn plane(&self, index: usize) -> PyResult<Plane> {
        let shape = self.shape(index)?;
        let is_writable = self.can_be_written();
        Ok(Plane::new(&self.shared(), index, shape, is_writable))
    }

    /// The pixels as a NumPy array without a copy: that of `plane(0)` for formats of one plane.
    ///
    /// Planes that lie one after the other are one array of rows, as OpenCV takes them: of NV12
    /// (height * 3 / 2, width). Raises ValueError for others: use `plane(i)` or `to_rgb()`.
    #[getter]
    fn array<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        as_array(py, self.whole()?)
    }

    /// `numpy.asarray(frame)` is `frame.array`.
    #[pyo3(signature = (dtype = None, copy = None))]
    fn __array__<'py>(
        &self,
        py: Python<'py>,
        dtype: Option<&Bound<'py, PyAny>>,
        copy: Option<bool>,
    ) -> PyResult<Bound<'py, PyAny>> {
        as_asked(self.array(py)?, dtype, copy)
    }

    /// The picture as a NumPy array of shape (height, width, 3), or 4 with alpha, of bytes: converted,
    /// cropped and scaled in one go, while other threads run.
    ///
    /// - `size`: (width, height) of the array; that of the crop, or of the frame, by default.
    /// - `out`: an array that is written and given back, instead of a new one: dtype uint8, writable, not
    ///   the frame's own memory. Rows may be padded. No other thread may use it meanwhile.
    /// - `order`: "RGB" (default), "BGR" (OpenCV's), "RGBA", "BGRA", "ARGB", "ABGR"; alpha that the frame
    ///   has not is 255.
    /// - `crop`: (x, y, width, height), the part of the frame to take; it begins at even pixels where
    ///   those share chroma.
    /// - `filter`: "bilinear" (default), "cubic", "lanczos" scales.
    ///
    /// Colours are what the frame says of itself. Frames of JPEG (MJPG) are decoded; packets of H.264 and
    /// H.265 raise Error: they need a Decoder. Raises ValueError for arguments that don't fit.
    #[pyo3(signature = (
        size = None, *, out = None, order = "RGB", crop = None, filter = "bilinear"
    ))]
    fn to_rgb<'py>(
        slf: &Bound<'py, Self>,
        size: Option<(u32, u32)>,
        out: Option<Bound<'py, PyAny>>,
        order: &str,
        crop: Option<Crop>,
        filter: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        to_rgb(slf, size, out, order, crop, filter)
    }

    /// A copy of all bytes of the frame, plane by plane and without padding between rows.
    fn __bytes__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let joined = pyo3::types::PyBytes::new(py, b"");
        let mut parts = Vec::new();
        for plane in self.planes()? {
            let view = pyo3::types::PyMemoryView::from(Bound::new(py, plane)?.as_any())?;
            parts.push(view.call_method0("tobytes")?);
        }
        joined.call_method1("join", (parts,))
    }

    fn __dlpack_device__(&self) -> (u32, i32) {
        (1, 0)
    }

    /// A tensor over the same memory as `array`.
    #[pyo3(signature = (*, stream = None, max_version = None, dl_device = None, copy = None))]
    fn __dlpack__(
        &self,
        py: Python<'_>,
        stream: Option<&Bound<'_, PyAny>>,
        max_version: Option<(u32, u32)>,
        dl_device: Option<(u32, i32)>,
        copy: Option<bool>,
    ) -> PyResult<Py<PyAny>> {
        self.whole()?
            .__dlpack__(py, stream, max_version, dl_device, copy)
    }

    /// The descriptor of the memory that plane `index` lies in, for a GPU, a display or a codec; it
    /// is the frame's: duplicate it to keep it. The plane starts at `offset(index)`.
    #[pyo3(signature = (index = 0))]
    fn fileno(&self, index: usize) -> PyResult<i32> {
        let memory = self.shared().memory()?;
        let (fd, _) = memory.get()?.plane_fd(index).ok_or_else(no_descriptor)?;
        Ok(fd.as_raw_fd())
    }

    /// Bytes before plane `index` in its memory.
    #[pyo3(signature = (index = 0))]
    fn offset(&self, index: usize) -> PyResult<u32> {
        let memory = self.shared().memory()?;
        let (_, offset) = memory.get()?.plane_fd(index).ok_or_else(no_descriptor)?;
        Ok(offset)
    }

    /// Gives the frame back now. Raises BufferError while views of it are out.
    fn release(&self) -> PyResult<()> {
        self.shared().release().map(drop)
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// Releases the frame. If views of it are out it goes with the last of them.
    fn __exit__(
        &self,
        _kind: &Bound<'_, PyAny>,
        _value: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) {
        drop(self.shared().take());
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "a frame can't be pickled: share it by a Host, or copy its array",
        ))
    }

    fn __repr__(&self) -> String {
        let d = &self.about.descriptor;
        let state = if self.is_released() { ", released" } else { "" };
        format!(
            "<videostream.Frame {} {}x{} serial={} sequence={} timestamp={:.6}{state}>",
            FourCc(d.fourcc),
            d.width,
            d.height,
            d.serial,
            d.sequence,
            d.timestamp_ns as f64 / 1e9
        )
    }
}

fn no_descriptor() -> PyErr {
    raise(
        Kind::Other,
        Errno::BADF,
        "the frame has no memory of a descriptor",
        None,
    )
}

/// A format from its letters or its number.
pub(crate) fn parse_fourcc(fourcc: &Bound<'_, PyAny>) -> PyResult<FourCc> {
    if let Ok(number) = fourcc.extract::<u32>() {
        return Ok(FourCc(number));
    }
    let text: String = fourcc.extract().map_err(|_| {
        PyTypeError::new_err(format!(
            "a format is four letters such as \"NV12\", or a number, and not {}",
            fourcc.get_type()
        ))
    })?;
    FourCc::parse(&text)
        .map_err(|e| raise(Kind::Other, Errno::INVAL, &format!("{text:?}: {e}"), None))
}

/// What a frame of this layout is, in one buffer.
pub(crate) fn describe(layout: &Layout) -> FrameDescriptor {
    let mut descriptor = FrameDescriptor {
        fourcc: layout.fourcc.0,
        width: layout.width,
        height: layout.height,
        bytes_used: layout.size,
        plane_count: layout.planes().len() as u32,
        ..FrameDescriptor::default()
    };
    // Parts of memory that a format may have are one behind the other in the buffer.
    let start = |part| {
        (0..part)
            .map(|before| layout.memory_size(before))
            .sum::<u32>()
    };
    for (to, plane) in descriptor.planes.iter_mut().zip(layout.planes()) {
        *to = PlaneDescriptor {
            buffer: 0,
            offset: start(plane.memory) + plane.offset,
            stride: plane.stride,
            size: plane.size,
        };
    }
    descriptor
}

/// Memory that the program draws into.
pub(crate) struct Drawn {
    pub(crate) buffer: Buffer,
    planes: [PlaneDescriptor; MAX_PLANES],
    count: usize,
}

impl Drawn {
    /// New memory, of the best kind there is.
    pub(crate) fn allocate(layout: &Layout) -> PyResult<Self> {
        let allocated = Allocator::new().allocate(u64::from(layout.size));
        let memory = allocated.map_err(|e| to_python(e.into()))?;
        let (fd, size) = (memory.fd, memory.len_bytes);
        let buffer = Buffer::new(fd, size, MapAccess::ReadWrite).map_err(to_python)?;
        let descriptor = describe(layout);
        Ok(Self {
            buffer,
            planes: descriptor.planes,
            count: descriptor.planes().len(),
        })
    }
}

impl Memory for Drawn {
    fn open(&self) -> Result<Access<'_>, videostream::Error> {
        open_buffers(&[&self.buffer], &self.planes[..self.count], |_| 0)
    }

    fn plane_fd(&self, plane: usize) -> Option<(BorrowedFd<'_>, u32)> {
        let plane = self.planes[..self.count].get(plane)?;
        Some((self.buffer.fd.as_fd(), plane.offset))
    }

    fn is_writable(&self) -> bool {
        self.buffer.is_writable()
    }
}
