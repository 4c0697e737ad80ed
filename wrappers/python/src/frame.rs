//! Frames: received, captured, decoded, or drawn by the program.

mod backing;
mod info;
mod v2;

use std::os::fd::AsRawFd;
use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::exceptions::{PyIndexError, PyTypeError};
use pyo3::prelude::*;
use rustix::io::Errno;
use videostream::hal::format::FourCc;
use videostream::hal::ring::descriptor::NO_TIME;
use videostream::hal::ring::{Flags, FrameDescriptor, MAX_PLANES};
use videostream::picture::Plane as PicturePlane;
use videostream::{Picture, share};

pub(crate) use self::info::{FrameInfo, parse_fourcc};
use crate::context::{ContextManager, context_manager};
use crate::convert::{Crop, to_rgb};
use crate::error::{Kind, invalid, raise, to_python};
use crate::memory::{Memory, Owner, Shared};
use crate::packet::bytes_like;
use crate::plane::{Plane, WHOLE, as_array, as_asked};
use crate::pool::compressed_frame;
use crate::shape::Shape;

/// A picture, or a packet of a compressed stream, in memory that processes share.
///
/// Clients, cameras and decoders return frames; `Frame(width, height, fourcc)` creates one to draw
/// into. Its memory is allocated on first use, or by `alloc()` or `attach()`.
///
/// A received frame holds its buffer until it is released: by `release()`, at the end of a `with`
/// block, or when the frame and all views of it are gone.
#[pyclass(module = "videostream", frozen, weakref)]
pub(crate) struct Frame {
    /// Behind a lock, since `alloc` and `attach` replace it; views keep the former memory.
    shared: Mutex<Arc<Shared>>,
    info: FrameInfo,
}

impl Frame {
    pub(crate) fn new(memory: impl Memory + 'static, info: FrameInfo) -> Self {
        Self {
            info: FrameInfo {
                is_writable: memory.is_writable(),
                ..info
            },
            shared: Mutex::new(Arc::new(Shared::new(memory))),
        }
    }

    /// A frame in memory that its host or another frame shares.
    pub(crate) fn from_owner(owner: Owner, info: FrameInfo) -> Self {
        Self {
            shared: Mutex::new(Arc::new(Shared::from_owner(owner))),
            info,
        }
    }

    /// A frame that a client received.
    pub(crate) fn received(frame: share::Frame) -> Self {
        let info = FrameInfo {
            missed: frame.missed(),
            is_after_restart: frame.is_after_restart(),
            has_new_format: frame.has_new_format(),
            ..FrameInfo::new(*frame.descriptor())
        };
        Self::new(frame, info)
    }

    pub(crate) fn info(&self) -> &FrameInfo {
        &self.info
    }

    /// Returns the memory it lies in now.
    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared.lock())
    }

    /// Returns its descriptor, with the planes that its memory has room for.
    pub(crate) fn current_descriptor(&self) -> FrameDescriptor {
        let mut descriptor = self.info.descriptor;
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
        memory.map_or(self.info.is_writable, |memory| memory.is_writable())
    }

    /// Calls `look` with the frame as a picture; a compressed frame is a picture of one plane, its
    /// bytes.
    pub(crate) fn see<T>(&self, look: impl FnOnce(&Picture<'_>) -> PyResult<T>) -> PyResult<T> {
        self.shared().with_bytes(|bytes| {
            let descriptor = &self.current_descriptor();
            let count = descriptor.planes().len();
            let mut planes = [PicturePlane::default(); MAX_PLANES];
            for (at, plane) in planes.iter_mut().enumerate().take(count) {
                plane.data = bytes[at];
                plane.stride = descriptor.planes()[at].stride as usize;
            }
            if self.info.is_compressed() {
                let used = planes[0].data.len().min(descriptor.bytes_used as usize);
                planes[0].data = &planes[0].data[..used];
            }
            let (width, height) = self.info.size();
            let planes = &planes[..count];
            let picture = Picture::from_planes(self.info.fourcc(), width, height, planes);
            look(&picture.map_err(|e| to_python(e.into()))?)
        })
    }

    /// Returns the shape of plane `at`.
    fn shape(&self, at: usize) -> PyResult<Shape> {
        let current_descriptor = self.current_descriptor();
        let planes = current_descriptor.planes();
        let plane = planes.get(at).ok_or_else(|| {
            PyIndexError::new_err(format!(
                "plane {at}: {} has {}",
                self.info.fourcc(),
                planes.len()
            ))
        })?;
        if self.info.is_compressed() {
            let used = self.info.descriptor.bytes_used.min(plane.size);
            return Ok(Shape::bytes(used as usize));
        }
        let (stride, len) = (plane.stride as usize, plane.size as usize);
        let shape = Shape::of_plane(self.info.fourcc(), self.info.size(), at, stride, len);
        Ok(shape)
    }

    /// Returns the view behind `array`: the only plane, or all planes stacked.
    fn whole(&self) -> PyResult<Plane> {
        let (at, shape) = match self.current_descriptor().planes() {
            [_] => (0, self.shape(0)?),
            _ => (WHOLE, self.stacked()?),
        };
        Ok(Plane::new(&self.shared(), at, shape, self.can_be_written()))
    }

    fn stacked(&self) -> PyResult<Shape> {
        let current_descriptor = self.current_descriptor();
        let planes = current_descriptor.planes();
        let is_one = planes.iter().all(|plane| plane.buffer == planes[0].buffer);
        let places: Vec<_> = planes
            .iter()
            .map(|plane| (plane.offset as usize, plane.stride as usize))
            .collect();
        let stacked = match is_one {
            true => Shape::of_stacked(self.info.fourcc(), self.info.size(), &places),
            false => None,
        };
        stacked.ok_or_else(|| {
            invalid(format!(
                "the {} planes of {} can't be stacked into one array: use frame.plane(0) to \
                 frame.plane({}), or frame.to_rgb()",
                planes.len(),
                self.info.fourcc(),
                planes.len() - 1
            ))
        })
    }
}

#[pymethods]
impl Frame {
    /// A frame of `width` by `height` pixels to draw into, and to post or encode.
    ///
    /// `fourcc` is the four letters of a format ("NV12", "RGB3", "RGBA") or its number, `stride`
    /// the bytes from row to row of the first plane (0: the format's own), `ptr` the `_ptr` of
    /// another frame to share memory with.
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
            Some(ptr) => Self::from_ptr(ptr),
            None => Self::without_memory(width, height, parse_fourcc(fourcc)?, stride),
        }
    }

    /// Creates a frame of compressed bytes to post or decode: a JPEG image (MJPG), or a packet of
    /// an encoder (H264, HEVC) for pictures of `width` by `height` pixels.
    #[staticmethod]
    fn from_bytes(
        data: &Bound<'_, PyAny>,
        width: u32,
        height: u32,
        fourcc: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let bytes = bytes_like("data", data)?;
        compressed_frame(&bytes, parse_fourcc(fourcc)?, (width, height))
    }

    /// Width in pixels; 0 once the frame was posted.
    #[getter]
    fn width(&self) -> u32 {
        match self.is_posted() {
            true => 0,
            false => self.info.descriptor.width,
        }
    }

    /// Height in pixels; 0 once the frame was posted.
    #[getter]
    fn height(&self) -> u32 {
        match self.is_posted() {
            true => 0,
            false => self.info.descriptor.height,
        }
    }

    /// Four letters of the pixel format: those that the frame was created with, else V4L2's. Four
    /// NULs once the frame was posted.
    #[getter]
    fn fourcc(&self) -> String {
        match self.is_posted() {
            true => "\0\0\0\0".to_owned(),
            false => FourCc(self.info.descriptor.fourcc).to_string(),
        }
    }

    /// Number of the frame at its host, counted from 1 without gaps; 0 for frames of no host.
    #[getter]
    fn serial(&self) -> u64 {
        self.info.descriptor.serial
    }

    /// Number of the frame at its source, which also counts dropped frames.
    #[getter]
    fn sequence(&self) -> u64 {
        self.info.descriptor.sequence
    }

    /// Capture time, in nanoseconds of `time.monotonic_ns()`.
    #[getter]
    fn timestamp_ns(&self) -> u64 {
        self.info.descriptor.timestamp_ns
    }

    /// Capture time, in seconds of `time.monotonic()`.
    #[getter]
    fn timestamp(&self) -> f64 {
        self.info.descriptor.timestamp_ns as f64 / 1e9
    }

    /// When the host published the frame, in nanoseconds of `time.monotonic_ns()`.
    #[getter]
    fn published_ns(&self) -> u64 {
        self.info.descriptor.published_ns
    }

    /// Presentation time in the stream, in nanoseconds; None if unknown.
    #[getter]
    fn pts_ns(&self) -> Option<i64> {
        Some(self.info.descriptor.pts_ns).filter(|time| *time != NO_TIME)
    }

    /// How long the frame is shown, in nanoseconds; 0 if unknown.
    #[getter]
    fn duration_ns(&self) -> u64 {
        self.info.descriptor.duration_ns
    }

    /// Number of frames that were missed between the previous frame and this one.
    #[getter]
    fn missed(&self) -> u64 {
        self.info.missed
    }

    /// Whether this is the first frame of a host that was restarted.
    #[getter]
    fn is_after_restart(&self) -> bool {
        self.info.is_after_restart
    }

    /// Whether format or size differ from the previous frame's.
    #[getter]
    fn has_new_format(&self) -> bool {
        self.info.has_new_format
    }

    /// Whether decoding can start at this frame, if it is compressed.
    #[getter]
    fn is_key(&self) -> bool {
        self.info.descriptor.flags().contains(Flags::KEY_FRAME)
    }

    /// Whether the driver marked the content as damaged.
    #[getter]
    fn is_corrupted(&self) -> bool {
        self.info.descriptor.flags().contains(Flags::CORRUPTED)
    }

    /// Number of bytes used in all planes.
    #[getter]
    fn bytes_used(&self) -> u32 {
        self.info.descriptor.bytes_used
    }

    /// Bytes from row to row of each plane; 0 for compressed data.
    #[getter]
    fn strides(&self) -> Vec<u32> {
        let current_descriptor = self.current_descriptor();
        let planes = current_descriptor.planes().iter();
        planes.map(|plane| plane.stride).collect()
    }

    /// Whether its pixels can be written.
    #[getter]
    fn is_writable(&self) -> bool {
        self.can_be_written()
    }

    /// Whether it was released or posted. Existing views keep their pixels.
    #[getter]
    fn is_released(&self) -> bool {
        self.shared().is_released()
    }

    /// The planes, in the format's order.
    #[getter]
    fn planes(&self) -> PyResult<Vec<Plane>> {
        (0..self.current_descriptor().planes().len())
            .map(|at| self.plane(at))
            .collect()
    }

    /// Returns plane `index` as an n-dimensional view of the memory, without a copy.
    ///
    /// Shapes are (height, width, 3) for RGB3, (height, width) for GREY, (height, width, 2) for
    /// YUYV, (height, width) and (height / 2, width / 2, 2) for NV12. Formats with more than 8 bits
    /// per sample have 16-bit elements. Compressed frames have one dimension of bytes. Strides are
    /// those of the memory.
    ///
    /// Raises IndexError for a plane that the format does not have.
    #[pyo3(signature = (index = 0))]
    fn plane(&self, index: usize) -> PyResult<Plane> {
        let shape = self.shape(index)?;
        let is_writable = self.can_be_written();
        Ok(Plane::new(&self.shared(), index, shape, is_writable))
    }

    /// The pixels as a NumPy array, without a copy: `plane(0)` for formats with one plane.
    ///
    /// Planes that follow one another are stacked into one array, as OpenCV expects: NV12 is
    /// (height * 3 / 2, width). Raises ValueError for other planes: use `plane(i)` or `to_rgb()`.
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

    /// Returns the picture as a NumPy array of bytes of shape (height, width, 3), or (height,
    /// width, 4) with alpha: converted, cropped and scaled in one pass, without the GIL.
    ///
    /// - `size`: (width, height) of the array; by default that of the crop, or of the frame.
    /// - `out`: a writable array of dtype uint8 to fill and return instead of a new one, not the
    ///   frame's own memory. Rows may be padded. No other thread may use it meanwhile.
    /// - `order`: "RGB" (default), "BGR" (OpenCV's), "RGBA", "BGRA", "ARGB" or "ABGR"; alpha is 255
    ///   if the frame has none.
    /// - `crop`: (x, y, width, height) of the part to convert; x and y are even for formats with
    ///   subsampled chroma.
    /// - `filter`: "bilinear" (default), "cubic" or "lanczos", for scaling.
    ///
    /// Colours follow the frame's colorimetry. JPEG frames (MJPG) are decoded; H.264 and H.265
    /// packets raise Error, since they need a Decoder. Raises ValueError for arguments that do not
    /// fit.
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

    /// Copies all bytes of the frame, plane by plane, without padding between rows.
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

    /// Returns a tensor over the same memory as `array`.
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

    /// Returns the descriptor of the memory that plane `index` lies in, for a GPU, a display or a
    /// codec. The frame owns it: duplicate it to keep it. The plane starts at `offset(index)`.
    #[pyo3(signature = (index = 0))]
    fn fileno(&self, index: usize) -> PyResult<i32> {
        let memory = self.shared().memory()?;
        let (fd, _) = memory.get()?.plane_fd(index).ok_or_else(no_descriptor)?;
        Ok(fd.as_raw_fd())
    }

    /// Returns the number of bytes before plane `index` in its memory.
    #[pyo3(signature = (index = 0))]
    fn offset(&self, index: usize) -> PyResult<u32> {
        let memory = self.shared().memory()?;
        let (_, offset) = memory.get()?.plane_fd(index).ok_or_else(no_descriptor)?;
        Ok(offset)
    }

    /// Releases the frame. Raises BufferError while views of it exist.
    fn release(&self) -> PyResult<()> {
        self.shared().release().map(drop)
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "a frame can't be pickled: share it with a Host, or copy its array",
        ))
    }

    fn __repr__(&self) -> String {
        let d = &self.info.descriptor;
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

pub(crate) fn no_descriptor() -> PyErr {
    raise(
        Kind::Other,
        Errno::BADF,
        "the frame's memory has no descriptor",
        None,
    )
}

impl ContextManager for Frame {
    fn exit(slf: &Bound<'_, Self>, _has_failed: bool) -> PyResult<()> {
        drop(slf.get().shared().take());
        Ok(())
    }
}

context_manager!(
    /// Releases the frame. Views of it stay valid, and keep its buffer until the last one is gone.
    Frame
);
