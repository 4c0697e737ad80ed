//! Python arrays (NumPy, OpenCV, Pillow) as pictures, without a copy.

#![expect(
    unsafe_code,
    reason = "bytes of a buffer that Python keeps in place until it is released"
)]

use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyImportError, PyTypeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use videostream::hal::format::{FourCc, Layout, MAX_PLANES};
use videostream::picture::{Plane, PlaneMut, extents};
use videostream::{Picture, PictureMut};

use crate::error::{invalid, to_python};
use crate::memory::Span;

/// Imports NumPy; the error says what to do if it is missing.
pub(crate) fn numpy(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    py.import("numpy").map_err(|cause| {
        let why = "arrays need NumPy: install it, or use memoryview(frame.plane(0))";
        let error = PyImportError::new_err(why);
        error.set_cause(py, Some(cause));
        error
    })
}

/// Makes a new array of bytes with unspecified content.
pub(crate) fn empty<'py>(py: Python<'py>, shape: &[usize]) -> PyResult<Bound<'py, PyAny>> {
    static EMPTY: PyOnceLock<(Py<PyAny>, Py<PyAny>)> = PyOnceLock::new();
    let (empty, u8) = EMPTY.get_or_try_init(py, || {
        let numpy = numpy(py)?;
        Ok::<_, PyErr>((
            numpy.getattr("empty")?.unbind(),
            numpy.getattr("uint8")?.unbind(),
        ))
    })?;
    let shape = pyo3::types::PyTuple::new(py, shape)?;
    empty.bind(py).call1((shape, u8))
}

/// An array of bytes in rows of pixels, which stays in place as long as this lives.
pub(crate) struct Array {
    buffer: PyUntypedBuffer,
    rows: Rows,
}

/// The location of rows of pixels.
#[derive(Clone, Copy)]
pub(crate) struct Rows {
    span: Span,
    height: usize,
    width: usize,
    /// Bytes per pixel.
    parts: usize,
    /// Bytes from row to row.
    stride: usize,
}

impl Rows {
    /// Returns the bytes that it covers.
    pub(crate) fn span(&self) -> Span {
        self.span
    }

    /// Returns columns, rows and bytes per pixel.
    pub(crate) fn size(&self) -> (usize, usize, usize) {
        (self.width, self.height, self.parts)
    }

    fn describe(&self) -> String {
        match self.parts {
            1 => format!("({}, {})", self.height, self.width),
            parts => format!("({}, {}, {parts})", self.height, self.width),
        }
    }

    /// Returns the default format for this number of bytes per pixel.
    pub(crate) fn usual_format(&self) -> PyResult<FourCc> {
        match self.parts {
            1 => Ok(FourCc::GREY),
            3 => Ok(FourCc::RGB3),
            4 => Ok(FourCc::AB24),
            _ => Err(invalid(format!(
                "an array of shape {}: name its format, such as \"YUYV\"",
                self.describe()
            ))),
        }
    }

    /// Returns the layout of the array as a picture of `fourcc`: its size, and start and stride of
    /// each plane.
    fn layout(&self, fourcc: FourCc) -> PyResult<ArrayLayout> {
        let mismatch = |expected: &str| {
            invalid(format!(
                "an array of shape {} does not fit {fourcc}: expected {expected}",
                self.describe()
            ))
        };
        let width = u32::try_from(self.width).map_err(|_| mismatch("fewer columns"))?;
        let (planes, count) =
            extents(fourcc, width, 16).ok_or_else(|| mismatch("a raw format that is not tiled"))?;
        if count == 1 {
            let bytes = planes[0].row_bytes;
            if bytes != self.width * self.parts {
                let parts = bytes / self.width.max(1);
                return Err(mismatch(&format!("{parts} bytes a pixel")));
            }
            let mut starts = [(0, 0); MAX_PLANES];
            starts[0].1 = self.stride;
            return Ok(ArrayLayout {
                size: (width, self.height as u32),
                planes: starts,
                count,
            });
        }
        // Stacked planes, as in OpenCV.
        let expected = || mismatch("(rows of all planes, width), one plane below the other");
        let lines: usize = planes[..count]
            .iter()
            .map(|plane| plane.rows * plane.row_bytes)
            .sum();
        let lines = lines / self.width.max(1);
        let height = self.height * 16 / lines.max(1);
        let height = u32::try_from(height).map_err(|_| expected())?;
        let (planes, count) = extents(fourcc, width, height).ok_or_else(expected)?;
        let is_whole = planes[..count]
            .iter()
            .all(|plane| plane.row_bytes == self.width);
        if self.parts != 1 || !(is_whole || self.stride == self.width) {
            return Err(mismatch("rows without padding, one plane below the other"));
        }
        let mut starts = [(0, 0); MAX_PLANES];
        let mut end = 0;
        for (start, plane) in starts.iter_mut().zip(&planes[..count]) {
            let stride = if is_whole {
                self.stride
            } else {
                plane.row_bytes
            };
            *start = (end, stride);
            end += stride * plane.rows;
        }
        if end != self.stride * self.height {
            return Err(expected());
        }
        Ok(ArrayLayout {
            size: (width, height),
            planes: starts,
            count,
        })
    }

    /// Returns width and height of the array as a picture of `fourcc`.
    pub(crate) fn picture_size(&self, fourcc: FourCc) -> PyResult<(u32, u32)> {
        Ok(self.layout(fourcc)?.size)
    }

    /// Calls `look` with the array as a picture of `fourcc`.
    ///
    /// # Safety
    /// The [`Array`] lives.
    pub(crate) unsafe fn see<T>(
        &self,
        fourcc: FourCc,
        look: impl FnOnce(&Picture<'_>) -> PyResult<T>,
    ) -> PyResult<T> {
        let layout = self.layout(fourcc)?;
        // SAFETY: the caller keeps the buffer, whose elements lie in the span. If another thread
        // writes them meanwhile, the picture is a mixture.
        let bytes = unsafe { self.span.bytes() };
        let mut planes = [Plane::default(); MAX_PLANES];
        for (plane, (start, stride)) in planes.iter_mut().zip(layout.planes) {
            plane.data = bytes.get(start..).unwrap_or_default();
            plane.stride = stride;
        }
        let planes = &planes[..layout.count];
        let picture = Picture::from_planes(fourcc, layout.size.0, layout.size.1, planes);
        look(&picture.map_err(|e| to_python(e.into()))?)
    }

    /// Calls `draw` with the array as a writable picture of `fourcc`, a format of one plane.
    ///
    /// # Safety
    /// The [`Array`] lives, is writable, and nothing else is read or written meanwhile that lies in
    /// its span.
    pub(crate) unsafe fn draw<T>(
        &self,
        fourcc: FourCc,
        draw: impl FnOnce(&mut PictureMut<'_>) -> PyResult<T>,
    ) -> PyResult<T> {
        let (width, height) = self.layout(fourcc)?.size;
        // SAFETY: as the caller promises; rows may be padded, and what lies between them is not
        // written.
        let data = unsafe { self.span.bytes_mut() };
        let plane = PlaneMut {
            data,
            stride: self.stride,
        };
        let picture = PictureMut::from_planes(fourcc, width, height, [plane]);
        draw(&mut picture.map_err(|e| to_python(e.into()))?)
    }
}

/// The layout of planes in an array.
struct ArrayLayout {
    size: (u32, u32),
    /// Start and stride of each.
    planes: [(usize, usize); MAX_PLANES],
    count: usize,
}

impl Array {
    /// Opens an object with the buffer protocol: rows of contiguous pixels, with optional padding
    /// after each row.
    pub(crate) fn new(name: &str, object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let buffer = PyUntypedBuffer::get(object).map_err(|_| {
            PyTypeError::new_err(format!(
                "{name}: expected an array of bytes (numpy.uint8), not {}",
                object.get_type()
            ))
        })?;
        if buffer.item_size() != 1 || !matches!(buffer.format().to_bytes(), b"B" | b"b" | b"c") {
            return Err(invalid(format!(
                "{name}: expected bytes (dtype uint8), not elements of {} bytes, {:?}",
                buffer.item_size(),
                buffer.format()
            )));
        }
        let (shape, strides) = (buffer.shape().to_vec(), buffer.strides().to_vec());
        let (height, width, parts) = match shape[..] {
            [height, width] => (height, width, 1),
            [height, width, parts] => (height, width, parts),
            _ => {
                return Err(invalid(format!(
                    "{name}: expected an array of shape (height, width) or (height, width, \
                     components), not {shape:?}"
                )));
            }
        };
        if shape.contains(&0) {
            return Err(invalid(format!("{name}: the array is empty: {shape:?}")));
        }
        let is_tight = (shape.len() == 2 || strides[2] == 1 || parts == 1)
            && (strides[1] == parts.cast_signed() || width == 1);
        let stride = usize::try_from(strides[0]).unwrap_or(0);
        let stride = if height == 1 { width * parts } else { stride };
        if !is_tight || stride < width * parts {
            return Err(invalid(format!(
                "{name}: pixels must be contiguous in rows from top to bottom, but the strides are \
                 {strides:?} bytes: use numpy.ascontiguousarray"
            )));
        }
        let span = Span {
            address: buffer.buf_ptr().expose_provenance(),
            len: (height - 1) * stride + width * parts,
        };
        Ok(Self {
            buffer,
            rows: Rows {
                span,
                height,
                width,
                parts,
                stride,
            },
        })
    }

    /// Opens an array to be written.
    pub(crate) fn writable(name: &str, object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let array = Self::new(name, object)?;
        match array.buffer.readonly() {
            true => Err(invalid(format!(
                "{name}: the array is read-only: pass a writable one"
            ))),
            false => Ok(array),
        }
    }

    pub(crate) fn rows(&self) -> Rows {
        self.rows
    }
}

/// Calls `draw` with planes in `spans` as a picture of `layout`.
///
/// # Safety
/// The spans are mapped and writable as long as this runs, and nothing else uses them.
pub(crate) unsafe fn draw_planes<T>(
    spans: &[Span; MAX_PLANES],
    layout: &Layout,
    draw: impl FnOnce(&mut PictureMut<'_>) -> PyResult<T>,
) -> PyResult<T> {
    let planes = layout.planes().iter().zip(spans).map(|(plane, span)| {
        // SAFETY: as the caller promises; planes of a layout do not overlap.
        let data = unsafe { span.bytes_mut() };
        PlaneMut {
            data,
            stride: plane.stride as usize,
        }
    });
    let picture = PictureMut::from_planes(layout.fourcc, layout.width, layout.height, planes);
    draw(&mut picture.map_err(|e| to_python(e.into()))?)
}
