//! Views of a frame's memory: the buffer protocol and DLPack.

#![expect(
    unsafe_code,
    reason = "the buffer protocol of C, and tensors that others read"
)]

use std::ffi::{c_int, c_void};
use std::sync::Arc;

use dlpark::ffi::{DLDataType, DLDevice, DLManagedTensor, DLManagedTensorVersioned};
use dlpark::metadata::Dynamic;
use dlpark::python::{DlpackExporter, ExportRequest, export_dlpack};
use dlpark::{DlpackFlags, Managed, ManagedTensorBase};
use pyo3::exceptions::{PyBufferError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;
use pyo3::types::PyMemoryView;
use rustix::io::Errno;

use crate::array::numpy;
use crate::error::{Kind, invalid, raise};
use crate::memory::{Shared, Span};
use crate::shape::{Element, Shape};

/// Instead of a plane's index: all bytes of the frame, from its first plane on.
pub(crate) const WHOLE: usize = usize::MAX;

/// One plane of a frame as an n-dimensional view of its memory, without a copy.
///
/// `numpy.asarray(plane)`, `memoryview(plane)` and `torch.from_dlpack(plane)` return views. Each
/// keeps the frame; `Frame.release` raises BufferError while views exist. Views of received frames
/// are read-only.
#[pyclass(module = "videostream", frozen, weakref)]
pub(crate) struct Plane {
    shared: Arc<Shared>,
    /// Index of the frame's plane that it starts at.
    at: usize,
    shape: Shape,
    is_writable: bool,
}

impl Plane {
    pub(crate) fn new(shared: &Arc<Shared>, at: usize, shape: Shape, is_writable: bool) -> Self {
        Self {
            shared: Arc::clone(shared),
            at,
            shape,
            is_writable,
        }
    }

    fn again(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            at: self.at,
            shape: self.shape.clone(),
            is_writable: self.is_writable,
        }
    }

    /// Opens the memory for a view; `end_view` of the frame closes it.
    fn begin(&self) -> PyResult<Span> {
        let span = match self.at {
            WHOLE => self.shared.begin_whole_view()?,
            at => self.shared.begin_view()?[at],
        };
        if span.len < self.shape.end() {
            self.shared.end_view();
            return Err(raise(
                Kind::Other,
                Errno::INVAL,
                &format!(
                    "the frame's memory has {} bytes here, but the view would need {}",
                    span.len,
                    self.shape.end()
                ),
                None,
            ));
        }
        Ok(span)
    }
}

#[pymethods]
impl Plane {
    /// Number of elements in each dimension: rows, columns and, if there are several, components.
    #[getter]
    fn shape(&self) -> Vec<isize> {
        self.shape.shape[..self.shape.dims].to_vec()
    }

    /// Bytes from one element to the next in each dimension.
    #[getter]
    fn strides(&self) -> Vec<isize> {
        self.shape.strides[..self.shape.dims].to_vec()
    }

    /// Size of an element in bytes.
    #[getter]
    fn itemsize(&self) -> usize {
        self.shape.element.size()
    }

    /// Type of an element, as a code of the `struct` module.
    #[getter]
    fn format(&self) -> String {
        self.shape.element.code().to_string_lossy().into_owned()
    }

    /// Whether views are read-only.
    #[getter]
    fn readonly(&self) -> bool {
        !self.is_writable
    }

    /// Size of all elements in bytes, without padding between rows.
    #[getter]
    fn nbytes(&self) -> usize {
        self.shape.count() * self.shape.element.size()
    }

    fn __len__(&self) -> usize {
        self.shape.shape[0].unsigned_abs()
    }

    fn __repr__(&self) -> String {
        let shape: Vec<_> = self.shape().iter().map(isize::to_string).collect();
        let access = if self.is_writable {
            "writable"
        } else {
            "read-only"
        };
        format!(
            "<videostream.Plane ({}) of {:?}, rows {} bytes apart, {access}>",
            shape.join(", "),
            self.format(),
            self.shape.strides[0]
        )
    }

    /// The buffer protocol: fills in `view`.
    ///
    /// # Safety
    /// Called by the interpreter with a view to fill in.
    unsafe fn __getbuffer__(
        slf: Bound<'_, Self>,
        view: *mut ffi::Py_buffer,
        flags: c_int,
    ) -> PyResult<()> {
        let plane = slf.get();
        check_flags(&plane.shape, plane.is_writable, flags)?;
        let span = plane.begin()?;
        let wants = |flag: c_int| flags & flag == flag;
        let shape = &plane.shape;
        let buffer = ffi::Py_buffer {
            buf: std::ptr::with_exposed_provenance_mut::<c_void>(span.address),
            len: (shape.count() * shape.element.size()).cast_signed(),
            readonly: c_int::from(!plane.is_writable),
            itemsize: shape.element.size().cast_signed(),
            format: match wants(ffi::PyBUF_FORMAT) {
                true => shape.element.code().as_ptr().cast_mut(),
                false => std::ptr::null_mut(),
            },
            ndim: shape.dims as c_int,
            shape: match wants(ffi::PyBUF_ND) {
                true => shape.shape.as_ptr().cast_mut(),
                false => std::ptr::null_mut(),
            },
            strides: match wants(ffi::PyBUF_STRIDES) {
                true => shape.strides.as_ptr().cast_mut(),
                false => std::ptr::null_mut(),
            },
            suboffsets: std::ptr::null_mut(),
            internal: std::ptr::null_mut(),
            // The view's reference: what the pointers above point into lives until it is released.
            obj: slf.clone().into_any().into_ptr(),
        };
        // SAFETY: the interpreter gave a `Py_buffer` to fill in, whose content does not count.
        unsafe { view.write(buffer) };
        Ok(())
    }

    /// The buffer protocol: the end of a view.
    ///
    /// # Safety
    /// Called by the interpreter once for each view that `__getbuffer__` filled in.
    unsafe fn __releasebuffer__(&self, _view: *mut ffi::Py_buffer) {
        self.shared.end_view();
    }

    /// Called by NumPy when the buffer protocol fails: raises the reason.
    #[pyo3(signature = (dtype = None, copy = None))]
    fn __array__<'py>(
        slf: &Bound<'py, Self>,
        dtype: Option<&Bound<'py, PyAny>>,
        copy: Option<bool>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let array = as_array(slf.py(), slf.get().again())?;
        as_asked(array, dtype, copy)
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "a plane can't be pickled: share its frame with a Host, or copy its array",
        ))
    }

    /// Returns the DLPack device of the memory: the CPU.
    fn __dlpack_device__(&self) -> (u32, i32) {
        (DLDevice::CPU.device_type.0, DLDevice::CPU.device_id)
    }

    /// Returns a tensor over the same memory. Read-only frames need a consumer of DLPack 1.0, which
    /// has a flag for them.
    #[pyo3(signature = (*, stream = None, max_version = None, dl_device = None, copy = None))]
    pub(crate) fn __dlpack__(
        &self,
        py: Python<'_>,
        stream: Option<&Bound<'_, PyAny>>,
        max_version: Option<(u32, u32)>,
        dl_device: Option<(u32, i32)>,
        copy: Option<bool>,
    ) -> PyResult<Py<PyAny>> {
        if !self.is_writable && max_version.is_none_or(|(major, _)| major < 1) {
            return Err(PyBufferError::new_err(
                "the frame is read-only, which DLPack before 1.0 can't express: copy it first, or \
                 pass numpy.asarray(plane)",
            ));
        }
        let request = ExportRequest::parse(stream, max_version, dl_device, copy)?;
        export_dlpack(self, py, request)
    }
}

/// A view that a tensor holds open.
struct ViewGuard {
    shared: Arc<Shared>,
}

impl Drop for ViewGuard {
    fn drop(&mut self) {
        self.shared.end_view();
    }
}

impl Plane {
    fn tensor<M: ManagedTensorBase>(&self) -> PyResult<Managed<M>> {
        let size = self.shape.element.size().cast_signed();
        let dims = self.shape.dims;
        let (shape, strides) = (&self.shape.shape[..dims], &self.shape.strides[..dims]);
        if strides.iter().any(|stride| stride % size != 0) {
            return Err(PyBufferError::new_err(format!(
                "rows are {} bytes apart, which is not a multiple of the {size} bytes of an \
                 element, as tensors need",
                strides[0]
            )));
        }
        let dtype = match self.shape.element {
            Element::U8 => DLDataType::U8,
            Element::U16 => DLDataType::U16,
            Element::U32 => DLDataType::U32,
            Element::U16BigEndian => {
                let why = "big-endian samples have no type in DLPack";
                return Err(PyBufferError::new_err(why));
            }
        };
        let shape: Vec<i64> = shape.iter().map(|n| *n as i64).collect();
        let strides: Vec<i64> = strides.iter().map(|n| (n / size) as i64).collect();
        let prepared = Dynamic::new(shape, strides).prepare_as::<M>();
        let prepared = prepared.map_err(|e| PyBufferError::new_err(e.to_string()))?;
        let span = self.begin()?;
        let mut tensor = prepared.initialize(Box::new(ViewGuard {
            shared: Arc::clone(&self.shared),
        }));
        tensor.set_data(std::ptr::with_exposed_provenance_mut(span.address));
        tensor.set_dtype(dtype);
        tensor.set_device(DLDevice::CPU);
        let flags = tensor.set_flags(self.flags());
        flags.map_err(|e| PyBufferError::new_err(e.to_string()))?;
        // SAFETY: shape and strides are those of the plane, whose memory `ViewGuard` holds open
        // until the tensor is dropped; the flags say whether it can be written.
        Ok(unsafe { tensor.finish() })
    }
}

impl DlpackExporter for Plane {
    fn device(&self) -> DLDevice {
        DLDevice::CPU
    }

    fn flags(&self) -> DlpackFlags {
        match self.is_writable {
            true => DlpackFlags::empty(),
            false => DlpackFlags::READ_ONLY,
        }
    }

    fn prepare_export(&self, _py: Python<'_>, _request: &ExportRequest<'_>) -> PyResult<()> {
        Ok(())
    }

    fn export_legacy(&self, _py: Python<'_>) -> PyResult<Managed<DLManagedTensor>> {
        self.tensor()
    }

    fn export_versioned(&self, _py: Python<'_>) -> PyResult<Managed<DLManagedTensorVersioned>> {
        self.tensor()
    }
}

/// Checks whether a consumer of the buffer protocol can have what it asks for.
fn check_flags(shape: &Shape, is_writable: bool, flags: c_int) -> PyResult<()> {
    let wants = |flag: c_int| flags & flag == flag;
    let refused = |why: String| Err(PyBufferError::new_err(why));
    if wants(ffi::PyBUF_WRITABLE) && !is_writable {
        return refused("the frame is read-only: copy it to change it".to_owned());
    }
    let needs_contiguous = wants(ffi::PyBUF_C_CONTIGUOUS)
        || wants(ffi::PyBUF_ANY_CONTIGUOUS)
        || !wants(ffi::PyBUF_STRIDES);
    if needs_contiguous && !shape.is_contiguous() {
        return refused(format!(
            "rows are {} bytes apart with padding between them: use numpy.asarray, which supports \
             strides, or copy the plane",
            shape.strides[0]
        ));
    }
    if wants(ffi::PyBUF_F_CONTIGUOUS) && shape.dims > 1 {
        return refused("the memory is ordered by rows, not by columns".to_owned());
    }
    Ok(())
}

/// Makes a NumPy array of a plane.
pub(crate) fn as_array<'py>(py: Python<'py>, plane: Plane) -> PyResult<Bound<'py, PyAny>> {
    static AS_ARRAY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let as_array =
        AS_ARRAY.get_or_try_init(py, || numpy(py)?.getattr("asarray").map(Bound::unbind))?;
    // Through a memoryview, since NumPy ignores buffer errors and would wrap the object.
    let view = PyMemoryView::from(Bound::new(py, plane)?.as_any())?;
    as_array.bind(py).call1((view,))
}

/// Applies the arguments of `__array__`.
pub(crate) fn as_asked<'py>(
    array: Bound<'py, PyAny>,
    dtype: Option<&Bound<'py, PyAny>>,
    copy: Option<bool>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = array.py();
    let Some(dtype) = dtype else {
        return match copy {
            Some(true) => array.call_method0("copy"),
            _ => Ok(array),
        };
    };
    let may_keep = PyDict::new(py);
    may_keep.set_item("copy", copy == Some(true))?;
    let asked = array.call_method("astype", (dtype,), Some(&may_keep))?;
    match copy == Some(false) && !asked.is(&array) {
        true => Err(invalid(format!(
            "the pixels are {} and can't be {dtype} without a copy, which copy=False forbids",
            array.getattr("dtype")?
        ))),
        false => Ok(asked),
    }
}
