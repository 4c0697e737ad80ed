//! What frames have for programs of the 2.x package: memory that comes later, and the frame as a whole.

#![expect(unsafe_code, reason = "a descriptor of the program is duplicated")]

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyMemoryView};
use rustix::fs::{OFlags, SealFlags, fcntl_get_seals, fcntl_getfl};
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use videostream::hal::format::{FourCc, Layout};
use videostream::hal::memory::dmabuf::{
    CpuAccess, DmaBufError, SyncAccess, begin_access, end_access,
};
use videostream::hal::memory::mapping::file_size;
use videostream::hal::memory::physical::physical_address;
use videostream::hal::memory::{Access as MapAccess, Mapping, memfd};
use videostream::hal::ring::{FrameDescriptor, MAX_PLANES, PlaneDescriptor};
use videostream::v2::{Extra, NamedMemory, Shape};

use super::{About, Frame, Whole, describe};
use crate::error::{Kind, raise, to_python};
use crate::fork::Native;
use crate::memory::{Access, Memory, Owner, Shared, Span, of_brackets};
use crate::plane::{Plane, WHOLE};
use crate::shape;

/// Descriptors below are those of input, output and errors.
const LOWEST_FD: i32 = 3;

/// A frame as a whole, from what its host or source says.
pub(super) fn whole(descriptor: &FrameDescriptor) -> Whole {
    let first = descriptor.planes[0];
    let same = descriptor.planes().iter();
    let same = same.filter(|plane| plane.buffer == first.buffer);
    let end = same.map(|plane| u64::from(plane.offset) + u64::from(plane.size));
    let extent = end.max().unwrap_or(0).saturating_sub(first.offset.into());
    match Extra::of(descriptor) {
        Some(extra) => Whole {
            stride: extra.stride,
            size: extra.size.min(extent),
            is_told: false,
        },
        None => Whole {
            stride: i32::try_from(first.stride).unwrap_or(0),
            size: extent,
            is_told: false,
        },
    }
}

/// What a frame without memory is, and how its planes lie in what it gets.
fn plan(fourcc: FourCc, width: u32, height: u32, stride: u32) -> PyResult<About> {
    let refused = |why: String| raise(Kind::Other, Errno::INVAL, &why, None);
    let (layout, whole) = match Shape::new(width, height, stride, fourcc.0) {
        Ok(shape) => {
            let size = shape.size().map_err(|errno| {
                let why = format!("{fourcc} {width}x{height}: {errno}");
                raise(Kind::Other, errno, &why, None)
            })?;
            let size = u32::try_from(size).map_err(|_| {
                refused(format!(
                    "{fourcc} {width}x{height}: {size} bytes are too many"
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
        // A format that the 2.x interface has not got.
        Err(Errno::NOTSUP) => {
            let layout = Layout::new(videostream::v2::kernel_format(fourcc.0), width, height);
            let layout = layout.map_err(|e| to_python(e.into()))?;
            let stride = layout.planes[0].stride.cast_signed();
            (layout, (stride, layout.size))
        }
        Err(_) => {
            return Err(refused(format!(
                "a frame of {width}x{height} pixels of {fourcc}: width and height are from 1 on"
            )));
        }
    };
    let mut about = About::new(FrameDescriptor {
        fourcc: fourcc.0,
        ..describe(&layout)
    });
    about.is_writable = true;
    about.whole = Whole {
        stride: whole.0,
        size: whole.1.into(),
        is_told: true,
    };
    Ok(about)
}

/// Bytes of the planes of a frame that has no memory yet.
fn planes_end(descriptor: &FrameDescriptor) -> u64 {
    let ends = descriptor.planes().iter();
    let ends = ends.map(|plane| u64::from(plane.offset) + u64::from(plane.size));
    ends.max().unwrap_or(0)
}

/// Memory that a frame has allocated, or that the program has attached.
struct Placed {
    // Unmapped before the memory goes.
    mapping: OnceLock<Mapping>,
    source: Source,
    is_dma_buf: bool,
    is_writable: bool,
    /// Where the frame lies in it.
    offset: u64,
    size: u64,
    planes: [PlaneDescriptor; MAX_PLANES],
    count: usize,
}

enum Source {
    Own(NamedMemory),
    Attached(OwnedFd),
}

impl Source {
    fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Own(memory) => memory.as_fd(),
            Self::Attached(fd) => fd.as_fd(),
        }
    }
}

impl Placed {
    fn allocate(about: &About, path: Option<&CStr>) -> Result<Self, (Errno, String)> {
        let size = about.whole.size;
        let bytes = planes_end(&about.descriptor).max(size);
        let memory = NamedMemory::allocate(path, bytes).map_err(|errno| {
            let what = match path {
                Some(path) => format!("{path:?}"),
                None => "memory".to_owned(),
            };
            (
                errno,
                format!("{bytes} bytes of {what} for a frame: {errno}"),
            )
        })?;
        Ok(Self::new(Source::Own(memory), 0, size, bytes, about))
    }

    fn attach(about: &About, fd: i32, size: u64, offset: u64) -> PyResult<Self> {
        let bad = |errno: Errno| {
            let why = format!("fd={fd}: expected an open descriptor above 0");
            raise(Kind::Other, errno, &why, None)
        };
        if fd <= 0 {
            return Err(bad(Errno::BADF));
        }
        // SAFETY: not -1, and used for one call, which refuses a number that is not open.
        let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
        let own = fcntl_dupfd_cloexec(borrowed, LOWEST_FD).map_err(bad)?;
        let has = file_size(&own).unwrap_or(0).saturating_sub(offset);
        let (size, room) = match size {
            0 => (about.whole.size, has),
            size => (size, size),
        };
        if offset
            .checked_add(size)
            .is_none_or(|end| end > isize::MAX as u64)
        {
            let why = format!("offset={offset}, size={size}: more than memory can have");
            return Err(raise(Kind::Other, Errno::INVAL, &why, None));
        }
        Ok(Self::new(Source::Attached(own), offset, size, room, about))
    }

    /// The frame lies `offset` bytes into the memory, `size` bytes long; planes may take `room`.
    fn new(source: Source, offset: u64, size: u64, room: u64, about: &About) -> Self {
        let described = about.descriptor;
        let fits = planes_end(&described) <= room.max(size) && offset <= u32::MAX.into();
        let (planes, count) = match fits {
            true => (described.planes, described.planes().len()),
            false => {
                // No whole picture: its bytes.
                let mut planes = [PlaneDescriptor::default(); MAX_PLANES];
                planes[0].size = u32::try_from(size).unwrap_or(u32::MAX);
                planes[0].stride = u32::try_from(about.whole.stride).unwrap_or(0);
                (planes, 1)
            }
        };
        let fd = source.fd();
        let mode = fcntl_getfl(fd).map(|flags| flags & OFlags::RWMODE);
        let sealed = SealFlags::WRITE | SealFlags::FUTURE_WRITE;
        let is_sealed = fcntl_get_seals(fd).is_ok_and(|seals| seals.intersects(sealed));
        Self {
            mapping: OnceLock::new(),
            is_dma_buf: memfd::is_dma_buf(fd),
            is_writable: mode == Ok(OFlags::RDWR) && !is_sealed,
            source,
            offset,
            size,
            planes,
            count,
        }
    }

    fn mapping(&self) -> Result<&Mapping, videostream::Error> {
        if let Some(mapping) = self.mapping.get() {
            return Ok(mapping);
        }
        let access = match self.is_writable {
            true => MapAccess::ReadWrite,
            false => MapAccess::Read,
        };
        let planes = self.planes[..self.count].iter();
        let ends = planes.map(|plane| u64::from(plane.offset) + u64::from(plane.size));
        let len = self.offset + ends.max().unwrap_or(0).max(self.size);
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let mapping = Mapping::new(self.source.fd(), len, access)?;
        Ok(self.mapping.get_or_init(|| mapping))
    }
}

impl Memory for Placed {
    fn open(&self) -> Result<Access<'_>, videostream::Error> {
        let mapping = self.mapping()?;
        let mut brackets = Vec::new();
        if self.is_dma_buf {
            let access = match self.is_writable {
                true => SyncAccess::ReadWrite,
                false => SyncAccess::Read,
            };
            brackets.push(CpuAccess::begin(self.source.fd(), access)?);
        }
        let start = mapping.as_ptr().expose_provenance() + self.offset as usize;
        let mut spans = [Span::default(); MAX_PLANES];
        for (span, plane) in spans.iter_mut().zip(&self.planes[..self.count]) {
            *span = Span {
                address: start + plane.offset as usize,
                len: plane.size as usize,
            };
        }
        Ok(of_brackets(spans, brackets))
    }

    fn plane_fd(&self, plane: usize) -> Option<(BorrowedFd<'_>, u32)> {
        let plane = self.planes[..self.count].get(plane)?;
        let offset = u64::from(plane.offset) + self.offset;
        Some((self.source.fd(), u32::try_from(offset).ok()?))
    }

    fn is_writable(&self) -> bool {
        self.is_writable
    }

    fn size(&self) -> Option<u64> {
        Some(self.size)
    }

    fn planes(&self) -> Option<&[PlaneDescriptor]> {
        Some(&self.planes[..self.count])
    }

    fn name(&self) -> Option<&CStr> {
        match &self.source {
            Source::Own(memory) => Some(memory.name()),
            Source::Attached(_) => None,
        }
    }
}

/// Memory that is made for a frame when it is used first.
fn vacant(about: &About) -> Shared {
    let about = about.clone();
    Shared::vacant(Box::new(move || {
        let placed = Placed::allocate(&about, None)?;
        Ok(Arc::new(Native::new(Box::new(placed) as Box<dyn Memory>)))
    }))
}

impl Frame {
    /// A frame that gets memory when it is used.
    pub(super) fn without_memory(
        width: u32,
        height: u32,
        fourcc: FourCc,
        stride: u32,
    ) -> PyResult<Self> {
        let about = plan(fourcc, width, height, stride)?;
        Ok(Self {
            shared: Mutex::new(Arc::new(vacant(&about))),
            about,
        })
    }

    /// Another frame of the memory of one.
    pub(super) fn of_ptr(ptr: &Bound<'_, PyAny>) -> PyResult<Self> {
        let frame = ptr.cast::<Self>().map_err(|_| {
            PyTypeError::new_err(format!(
                "ptr={ptr}: expected the _ptr of a Frame; pointers of the C library are for its own \
                 functions: use attach() with the descriptor of vsl_frame_handle"
            ))
        })?;
        let frame = frame.get();
        Ok(Self {
            shared: Mutex::new(frame.shared()),
            about: frame.about.clone(),
        })
    }

    /// Whether it is a host's by now.
    pub(super) fn is_posted(&self) -> bool {
        self.shared().is_posted()
    }

    /// Gives up the memory there was for other memory; views keep what they are of.
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
            // As everything else says it.
            None => self.shared().memory().map(drop),
        }
    }

    /// The memory, where there is some.
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

    fn with_fd<T>(&self, ask: impl FnOnce(BorrowedFd<'_>) -> PyResult<T>) -> PyResult<T> {
        let memory = self.here()?;
        let (fd, _) = memory.get()?.plane_fd(0).ok_or_else(super::no_descriptor)?;
        ask(fd)
    }
}

#[pymethods]
impl Frame {
    /// How memory is to be used between two calls of `sync`.
    #[classattr]
    #[pyo3(name = "Sync")]
    fn sync_class(py: Python<'_>) -> PyResult<Py<PyAny>> {
        let members = [("RDONLY", 0), ("WRONLY", 1), ("RW", 2)].to_vec();
        let about = PyDict::new(py);
        about.set_item("module", "videostream")?;
        about.set_item("qualname", "Frame.Sync")?;
        let class = py.import("enum")?.getattr("IntEnum")?;
        let class = class.call(("Sync", members), Some(&about))?;
        class.setattr("__doc__", "Which way memory is used by the CPU.")?;
        Ok(class.unbind())
    }

    /// Bytes from row to row of the whole frame: all planes by the rows, 1.5 * width for NV12, unless a
    /// stride was said. Those of each plane are `strides`. 0 once the frame was posted.
    #[getter]
    fn stride(&self) -> i32 {
        match self.is_posted() {
            true => 0,
            false => self.about.whole.stride,
        }
    }

    /// Bytes of the frame in its memory.
    ///
    /// Raises Error before there is any.
    #[getter]
    fn size(&self) -> PyResult<u64> {
        let memory = self.here()?;
        match memory.get()?.size().unwrap_or(self.about.whole.size) {
            0 => Err(raise(
                Kind::Other,
                Errno::INVAL,
                "the frame's size is not known",
                None,
            )),
            size => Ok(size),
        }
    }

    /// The descriptor of its memory, which is the frame's: duplicate it to keep it.
    ///
    /// Raises Error before there is memory.
    #[getter]
    fn handle(&self) -> PyResult<i32> {
        self.with_fd(|fd| Ok(fd.as_raw_fd()))
    }

    /// The physical address of its memory, of dma-bufs and where the kernel tells it; raises Error.
    #[getter]
    fn paddr(&self) -> PyResult<u64> {
        self.with_fd(|fd| {
            let address = physical_address(fd);
            address.map_err(|e| raise(Kind::Other, e.errno(), &e.to_string(), None))
        })
    }

    /// The name of memory that the frame allocated: a heap's device, or that of shared memory; None for
    /// other memory.
    #[getter]
    fn path(&self) -> PyResult<Option<String>> {
        let Some(memory) = self.shared().present() else {
            return Ok(None);
        };
        let name = memory.get()?.name();
        Ok(name.map(|name| name.to_string_lossy().into_owned()))
    }

    /// Memory of the frame's own, in place of what it had: "/dev/dma_heap/NAME" is a heap, other paths
    /// are names of POSIX shared memory, None the best there is.
    #[pyo3(signature = (path = None))]
    fn alloc(&self, path: Option<&str>) -> PyResult<()> {
        let path = path.map(CString::new).transpose();
        let path = path.map_err(|_| PyValueError::new_err("path: a NUL character in it"))?;
        let placed = Placed::allocate(&self.about, path.as_deref());
        let placed = placed.map_err(|(errno, why)| raise(Kind::Other, errno, &why, None))?;
        self.replace(Shared::new(placed))
    }

    /// Gives its memory up. Views keep theirs.
    fn unalloc(&self) {
        // What is gone has none.
        let _ = self.replace(vacant(&self.about));
    }

    /// The memory of a descriptor in place of what the frame had, which is duplicated: `size` bytes from
    /// `offset` on, 0 for as many as the picture has.
    #[pyo3(signature = (fd, size = 0, offset = 0))]
    fn attach(&self, fd: i32, size: u64, offset: u64) -> PyResult<()> {
        self.replace(Shared::new(Placed::attach(&self.about, fd, size, offset)?))
    }

    /// All its bytes as a memoryview of one dimension, which keeps the memory mapped.
    fn map<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyMemoryView>> {
        let shared = self.shared();
        let memory = shared.memory()?;
        let size = memory.get()?.size().unwrap_or(self.about.whole.size);
        let bytes = shape::Shape::bytes(usize::try_from(size).unwrap_or(usize::MAX));
        let plane = Plane::new(&shared, WHOLE, bytes, self.can_be_written());
        PyMemoryView::from(Bound::new(py, plane)?.as_any())
    }

    /// Ends the access of the CPU, so that devices see what was written. Views stay valid.
    fn unmap(&self) {
        self.shared().end_access();
    }

    /// Begins or ends an access of the CPU to a dma-buf; nothing for other memory.
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
                let why = format!("mode: expected a value of Frame.Sync, and not {kind}");
                return Err(PyTypeError::new_err(why));
            }
        };
        let request = if enable { begin_access } else { end_access };
        self.with_fd(|fd| {
            let synced = request(fd, access);
            let failed = |e: DmaBufError| raise(Kind::Other, e.errno(), &e.to_string(), None);
            synced.map(drop).map_err(failed)
        })
    }

    /// What the 2.x package kept the C library's frame in: None once the frame is released or posted,
    /// else something that only `Frame(…, ptr=…)` takes.
    #[getter]
    fn _ptr(slf: Py<Self>, py: Python<'_>) -> Option<Py<Self>> {
        let is_gone = slf.bind(py).get().shared().is_released();
        (!is_gone).then_some(slf)
    }
}
