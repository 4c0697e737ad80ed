//! The 2.x interface of frames: memory that is allocated later, and the frame as a whole.

use std::ffi::CString;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyMemoryView};
use rustix::io::Errno;
use videostream::hal::format::{FourCc, Layout};
use videostream::hal::memory::dmabuf::{SyncAccess, begin_access, end_access};
use videostream::hal::memory::{MemoryError, physical_address};
use videostream::hal::ring::FrameDescriptor;
use videostream::v2::{AppData, Shape};

use super::backing::BackingMemory;
use super::info::Whole;
use super::{Frame, FrameInfo};
use crate::descriptor::describe;
use crate::error::{Kind, raise, to_python};
use crate::fork::ProcessLocal;
use crate::memory::{Memory, Owner, Shared};
use crate::plane::{Plane, WHOLE};
use crate::shape;

/// Computes stride and size of the whole frame.
pub(super) fn whole(descriptor: &FrameDescriptor) -> Whole {
    let first = descriptor.planes[0];
    let same = descriptor.planes().iter();
    let same = same.filter(|plane| plane.buffer == first.buffer);
    let end = same.map(|plane| u64::from(plane.offset) + u64::from(plane.size));
    let extent = end.max().unwrap_or(0).saturating_sub(first.offset.into());
    match AppData::of(descriptor) {
        Some(app_data) => Whole {
            stride: app_data.stride,
            size: app_data.size.min(extent),
            is_told: false,
        },
        None => Whole {
            stride: i32::try_from(first.stride).unwrap_or(0),
            size: extent,
            is_told: false,
        },
    }
}

/// Plans a frame without memory: its descriptor, and how its planes will lie.
fn plan(fourcc: FourCc, width: u32, height: u32, stride: u32) -> PyResult<FrameInfo> {
    let refused = |why: String| raise(Kind::Other, Errno::INVAL, &why, None);
    let (layout, whole) = match Shape::new(width, height, stride, fourcc.0) {
        Ok(shape) => {
            let size = shape.size().map_err(|errno| {
                let why = format!("{fourcc} {width}x{height}: {errno}");
                raise(Kind::Other, errno, &why, None)
            })?;
            let size = u32::try_from(size).map_err(|_| {
                refused(format!(
                    "{fourcc} {width}x{height}: {size} bytes are more than a frame can have"
                ))
            })?;
            let layout = match shape.layout() {
                Ok(layout) => layout,
                Err(Errno::NOTSUP) => Layout::opaque(fourcc, width, height, stride, size),
                Err(_) => {
                    return Err(refused(format!(
                        "stride={stride}: too few bytes for a row of {width} pixels of {fourcc}"
                    )));
                }
            };
            (layout, (shape.stride(), size))
        }
        // A format that the 2.x interface does not have.
        Err(Errno::NOTSUP) => {
            let layout = Layout::new(videostream::v2::kernel_format(fourcc.0), width, height);
            let layout = layout.map_err(|e| to_python(e.into()))?;
            let stride = layout.planes[0].stride.cast_signed();
            (layout, (stride, layout.size))
        }
        Err(_) => {
            return Err(refused(format!(
                "a frame of {width}x{height} pixels of {fourcc}: width and height start at 1"
            )));
        }
    };
    let mut info = FrameInfo::new(FrameDescriptor {
        fourcc: fourcc.0,
        ..describe(&layout)
    });
    info.is_writable = true;
    info.whole = Whole {
        stride: whole.0,
        size: whole.1.into(),
        is_told: true,
    };
    Ok(info)
}

/// Memory that is allocated on first use.
fn vacant(info: &FrameInfo) -> Shared {
    let info = info.clone();
    Shared::vacant(Box::new(move || {
        let placed = BackingMemory::allocate(&info, None)?;
        Ok(Arc::new(ProcessLocal::new(
            Box::new(placed) as Box<dyn Memory>
        )))
    }))
}

impl Frame {
    /// Creates a frame whose memory is allocated on first use.
    pub(super) fn without_memory(
        width: u32,
        height: u32,
        fourcc: FourCc,
        stride: u32,
    ) -> PyResult<Self> {
        let info = plan(fourcc, width, height, stride)?;
        Ok(Self {
            shared: Mutex::new(Arc::new(vacant(&info))),
            info,
        })
    }

    /// Creates a second frame over the memory of the frame `ptr`.
    pub(super) fn from_ptr(ptr: &Bound<'_, PyAny>) -> PyResult<Self> {
        let frame = ptr.cast::<Self>().map_err(|_| {
            PyTypeError::new_err(format!(
                "ptr={ptr}: expected the _ptr of a Frame; pointers of the C library are for its \
                 own \
                 functions: use attach() with the descriptor of vsl_frame_handle"
            ))
        })?;
        let frame = frame.get();
        Ok(Self {
            shared: Mutex::new(frame.shared()),
            info: frame.info.clone(),
        })
    }

    /// Whether it was posted.
    pub(super) fn is_posted(&self) -> bool {
        self.shared().is_posted()
    }

    /// Replaces the memory; existing views keep the former one.
    fn replace(&self, memory: Shared) -> PyResult<()> {
        let before = {
            let mut shared = self.shared.lock();
            match shared.is_released() {
                true => None,
                false => Some(std::mem::replace(&mut *shared, Arc::new(memory))),
            }
        };
        match before {
            Some(before) => {
                before.end_access();
                drop(before.take());
                Ok(())
            }
            // The usual error of a released frame.
            None => self.shared().memory().map(drop),
        }
    }

    /// Returns the memory, if any was allocated.
    fn here(&self) -> PyResult<Owner> {
        let shared = self.shared();
        if let Some(memory) = shared.present() {
            return Ok(memory);
        }
        if shared.is_released() {
            return shared.memory();
        }
        let why = "the frame has no memory yet: call alloc() or attach() first";
        Err(raise(Kind::Other, Errno::BADF, why, None))
    }

    fn with_handle<T>(&self, ask: impl FnOnce(BorrowedFd<'_>) -> PyResult<T>) -> PyResult<T> {
        let memory = self.here()?;
        let (fd, _) = memory.get()?.plane_fd(0).ok_or_else(super::no_descriptor)?;
        ask(fd)
    }
}

#[pymethods]
impl Frame {
    /// CPU access that `sync` begins and ends.
    #[classattr]
    #[pyo3(name = "Sync")]
    fn sync_class(py: Python<'_>) -> PyResult<Py<PyAny>> {
        let members = [("RDONLY", 0), ("WRONLY", 1), ("RW", 2)].to_vec();
        let info = PyDict::new(py);
        info.set_item("module", "videostream")?;
        info.set_item("qualname", "Frame.Sync")?;
        let class = py.import("enum")?.getattr("IntEnum")?;
        let class = class.call(("Sync", members), Some(&info))?;
        class.setattr(
            "__doc__",
            "How the CPU uses memory: reading, writing, or both.",
        )?;
        Ok(class.unbind())
    }

    /// Bytes per row of the whole frame, all planes counted: 1.5 * width for NV12, unless a stride
    /// was given. The strides of single planes are `strides`. 0 once the frame was posted.
    #[getter]
    fn stride(&self) -> i32 {
        match self.is_posted() {
            true => 0,
            false => self.info.whole.stride,
        }
    }

    /// Size of the frame in bytes.
    ///
    /// Raises Error before memory is allocated.
    #[getter]
    fn size(&self) -> PyResult<u64> {
        let memory = self.here()?;
        match memory.get()?.size().unwrap_or(self.info.whole.size) {
            0 => Err(raise(
                Kind::Other,
                Errno::INVAL,
                "the frame's size is not known",
                None,
            )),
            size => Ok(size),
        }
    }

    /// Descriptor of its memory. The frame owns it: duplicate it to keep it.
    ///
    /// Raises Error before memory is allocated.
    #[getter]
    fn handle(&self) -> PyResult<i32> {
        self.with_handle(|fd| Ok(fd.as_raw_fd()))
    }

    /// Physical address of its memory, for dma-bufs whose kernel driver reports it; others raise
    /// Error.
    #[getter]
    fn paddr(&self) -> PyResult<u64> {
        self.with_handle(|fd| {
            let address = physical_address(fd);
            address.map_err(|e| raise(Kind::Other, e.errno(), &e.to_string(), None))
        })
    }

    /// Name of the memory that the frame allocated: the device of a heap, or the name of shared
    /// memory; None for other memory.
    #[getter]
    fn path(&self) -> PyResult<Option<String>> {
        let Some(memory) = self.shared().present() else {
            return Ok(None);
        };
        let name = memory.get()?.name();
        Ok(name.map(|name| name.to_string_lossy().into_owned()))
    }

    /// Allocates memory for the frame, replacing its current memory. "/dev/dma_heap/NAME" is a
    /// heap, other paths are names of POSIX shared memory, None is the best kind available.
    #[pyo3(signature = (path = None))]
    fn alloc(&self, path: Option<&str>) -> PyResult<()> {
        let path = path.map(CString::new).transpose();
        let path = path.map_err(|_| PyValueError::new_err("path: contains a NUL character"))?;
        let placed = BackingMemory::allocate(&self.info, path.as_deref());
        let placed = placed.map_err(|(errno, why)| raise(Kind::Other, errno, &why, None))?;
        self.replace(Shared::new(placed))
    }

    /// Drops the frame's memory. Existing views keep it.
    fn unalloc(&self) {
        // A released frame has none to drop.
        let _ = self.replace(vacant(&self.info));
    }

    /// Replaces the frame's memory with that of a descriptor: `size` bytes from `offset` on (0: as
    /// many as the picture needs). The descriptor is duplicated.
    #[pyo3(signature = (fd, size = 0, offset = 0))]
    fn attach(&self, fd: i32, size: u64, offset: u64) -> PyResult<()> {
        self.replace(Shared::new(BackingMemory::attach(
            &self.info, fd, size, offset,
        )?))
    }

    /// Returns all bytes of the frame as a one-dimensional memoryview, which keeps the memory
    /// mapped.
    fn map<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyMemoryView>> {
        let shared = self.shared();
        let memory = shared.memory()?;
        let size = memory.get()?.size().unwrap_or(self.info.whole.size);
        let bytes = shape::Shape::bytes(usize::try_from(size).unwrap_or(usize::MAX));
        let plane = Plane::new(&shared, WHOLE, bytes, self.can_be_written());
        PyMemoryView::from(Bound::new(py, plane)?.as_any())
    }

    /// Ends CPU access, so that devices see what was written. Views stay valid.
    fn unmap(&self) {
        self.shared().end_access();
    }

    /// Begins or ends CPU access to a dma-buf. Does nothing for other memory.
    fn sync(&self, enable: bool, mode: &Bound<'_, PyAny>) -> PyResult<()> {
        let access = match mode.extract::<i32>() {
            Ok(0) => SyncAccess::Read,
            Ok(1) => SyncAccess::Write,
            Ok(2) => SyncAccess::ReadWrite,
            Ok(other) => {
                let why = format!("mode={other}: expected a value of Frame.Sync");
                return Err(PyValueError::new_err(why));
            }
            Err(_) => {
                let kind = mode.get_type();
                let why = format!("mode: expected a value of Frame.Sync, not {kind}");
                return Err(PyTypeError::new_err(why));
            }
        };
        let request = if enable { begin_access } else { end_access };
        self.with_handle(|fd| {
            let synced = request(fd, access);
            let failed = |e: MemoryError| raise(Kind::Other, e.errno(), &e.to_string(), None);
            synced.map(drop).map_err(failed)
        })
    }

    /// Handle for `Frame(…, ptr=…)`, as in the 2.x package; None once the frame was released or
    /// posted.
    #[getter]
    fn _ptr(slf: Py<Self>, py: Python<'_>) -> Option<Py<Self>> {
        let is_gone = slf.bind(py).get().shared().is_released();
        (!is_gone).then_some(slf)
    }
}
