//! Arrays of Python as pictures: what NumPy, OpenCV and Pillow have, without a copy.

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

/// A module or what is in it, with words of what to do where NumPy is missing.
pub(crate) fn numpy(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    py.import("numpy").map_err(|cause| {
        let why = "arrays need NumPy: install it, or use memoryview(frame.plane(0))";
        let error = PyImportError::new_err(why);
        error.set_cause(py, Some(cause));
        error
    })
}

/// A new array of bytes, whose content is anything.
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

/// An array of bytes in rows of pixels, kept in place as long as this lives.
pub(crate) struct Array {
    buffer: PyUntypedBuffer,
    rows: Rows,
}

/// Where rows of pixels lie.
#[derive(Clone, Copy)]
pub(crate) struct Rows {
    span: Span,
    height: usize,
    width: usize,
    /// Bytes of a pixel.
    parts: usize,
    /// Bytes from row to row.
    stride: usize,
}

impl Rows {
    /// The bytes that it lies in, from the first to behind the last one.
    pub(crate) fn span(&self) -> Span {
        self.span
    }

    /// Columns, rows and bytes of a pixel.
    pub(crate) fn size(&self) -> (usize, usize, usize) {
        (self.width, self.height, self.parts)
    }

    fn describe(&self) -> String {
        match self.parts {
            1 => format!("({}, {})", self.height, self.width),
            parts => format!("({}, {}, {parts})", self.height, self.width),
        }
    }

    /// The format of pixels of so many bytes, where nobody says another.
    pub(crate) fn usual_format(&self) -> PyResult<FourCc> {
        match self.parts {
            1 => Ok(FourCc::GREY),
            3 => Ok(FourCc::RGB3),
            4 => Ok(FourCc::AB24),
            _ => Err(invalid(format!(
                "an array of shape {}: say its format, such as \"YUYV\"",
                self.describe()
            ))),
        }
    }

    /// How the array is a picture of `fourcc`: its size, and start and stride of each plane.
    fn layout(&self, fourcc: FourCc) -> PyResult<Lie> {
        let mismatch = |expected: &str| {
            invalid(format!(
                "an array of shape {} is no picture of {fourcc}: expected {expected}",
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
            return Ok(Lie {
                size: (width, self.height as u32),
                planes: starts,
                count,
            });
        }
        // Planes one below the other, as OpenCV has them.
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
        Ok(Lie {
            size: (width, height),
            planes: starts,
            count,
        })
    }

    /// Width and height of the picture of `fourcc` that the array is.
    pub(crate) fn picture_size(&self, fourcc: FourCc) -> PyResult<(u32, u32)> {
        Ok(self.layout(fourcc)?.size)
    }

    /// Runs `look` with the array as a picture of `fourcc`.
    ///
    /// # Safety
    /// The [`Array`] lives.
    pub(crate) unsafe fn see<T>(
        &self,
        fourcc: FourCc,
        look: impl FnOnce(&Picture<'_>) -> PyResult<T>,
    ) -> PyResult<T> {
        let lie = self.layout(fourcc)?;
        // SAFETY: the caller keeps the buffer, whose elements lie in the span. Who writes them
        // meanwhile, from another thread, gets a picture of both.
        let bytes = unsafe { self.span.bytes() };
        let mut planes = [Plane::default(); MAX_PLANES];
        for (plane, (start, stride)) in planes.iter_mut().zip(lie.planes) {
            plane.data = bytes.get(start..).unwrap_or_default();
            plane.stride = stride;
        }
        let planes = &planes[..lie.count];
        let picture = Picture::from_planes(fourcc, lie.size.0, lie.size.1, planes);
        look(&picture.map_err(|e| to_python(e.into()))?)
    }

    /// Runs `draw` with the array as a picture of `fourcc`, a format of one plane, to be drawn
    /// into.
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

/// How planes lie in an array.
struct Lie {
    size: (u32, u32),
    /// Start and stride of each.
    planes: [(usize, usize); MAX_PLANES],
    count: usize,
}

impl Array {
    /// An object with the buffer protocol: bytes in rows and columns, whose pixels lie side by
    /// side. Rows may be padded.
    pub(crate) fn new(name: &str, object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let buffer = PyUntypedBuffer::get(object).map_err(|_| {
            PyTypeError::new_err(format!(
                "{name}: expected an array of bytes (numpy.uint8), and not {}",
                object.get_type()
            ))
        })?;
        if buffer.item_size() != 1 || !matches!(buffer.format().to_bytes(), b"B" | b"b" | b"c") {
            return Err(invalid(format!(
                "{name}: expected bytes (dtype uint8), and not elements of {} bytes, {:?}",
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
                     components), and not {shape:?}"
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
                "{name}: pixels must lie side by side in rows that go down, and have strides of \
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

    /// One to be written.
    pub(crate) fn writable(name: &str, object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let array = Self::new(name, object)?;
        match array.buffer.readonly() {
            true => Err(invalid(format!(
                "{name}: the array can only be read: give one that can be written"
            ))),
            false => Ok(array),
        }
    }

    pub(crate) fn rows(&self) -> Rows {
        self.rows
    }
}

/// Runs `draw` with planes in `spans` as a picture of `layout`.
///
/// # Safety
/// The spans are mapped to be written as long as this runs, and nobody else uses them.
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
