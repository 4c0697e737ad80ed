//! What frames lie in, and who looks at it.

#![expect(unsafe_code, reason = "bytes of memory that a view holds open")]

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use pyo3::exceptions::PyBufferError;
use pyo3::prelude::*;
use rustix::io::Errno;
use videostream::Error;
use videostream::hal::format::MAX_PLANES;
use videostream::hal::memory::dmabuf::{CpuAccess, SyncAccess};
use videostream::hal::memory::{Access as MapAccess, Mapping, memfd};
use videostream::hal::ring::PlaneDescriptor;
use videostream::share::{self, Pixels};

use crate::error::{Failure, Kind, raise, to_python};
use crate::fork::Native;
use crate::wait::until;

/// The bytes of a plane, by address.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    pub(crate) address: usize,
    pub(crate) len: usize,
}

impl Span {
    /// Of bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self {
            address: bytes.as_ptr().expose_provenance(),
            len: bytes.len(),
        }
    }

    /// The bytes themselves.
    ///
    /// # Safety
    /// They are mapped, and are not unmapped as long as the slice lives.
    pub(crate) unsafe fn bytes<'a>(self) -> &'a [u8] {
        if self.len == 0 {
            return &[];
        }
        let start = std::ptr::with_exposed_provenance(self.address);
        // SAFETY: as the caller promises.
        unsafe { std::slice::from_raw_parts(start, self.len) }
    }

    /// The bytes themselves, to be written.
    ///
    /// # Safety
    /// As [`Span::bytes`]; they can be written, and nobody else uses them meanwhile.
    pub(crate) unsafe fn bytes_mut<'a>(self) -> &'a mut [u8] {
        if self.len == 0 {
            return &mut [];
        }
        let start = std::ptr::with_exposed_provenance_mut(self.address);
        // SAFETY: as the caller promises.
        unsafe { std::slice::from_raw_parts_mut(start, self.len) }
    }

    /// Whether two have a byte in common.
    pub(crate) fn overlaps(self, other: Self) -> bool {
        self.address < other.address + other.len && other.address < self.address + self.len
    }
}

/// The planes of a frame, open for the CPU until this is dropped.
pub(crate) struct Access<'a> {
    pub(crate) planes: [Span; MAX_PLANES],
    kept: Kept<'a>,
}

/// What ends the access when it is dropped.
enum Kept<'a> {
    Pixels {
        _pixels: Pixels<'a>,
    },
    Brackets {
        _brackets: Vec<CpuAccess<'a>>,
    },
    /// The access has ended before; the memory is still mapped.
    Nothing,
}

impl Access<'_> {
    /// Ends the access of the CPU to what it may write, though views are out.
    fn end(&mut self) {
        if let Kept::Brackets { .. } = self.kept {
            self.kept = Kept::Nothing;
        }
    }

    fn has_ended(&self) -> bool {
        matches!(self.kept, Kept::Nothing)
    }
}

/// What a frame lies in. Dropping it gives the frame back.
pub(crate) trait Memory: Send + Sync {
    /// Opens the planes, without waiting. The addresses are valid as long as the access lives.
    ///
    /// # Errors
    /// A timeout while a device is not done with the memory: `ready_until` waits for it.
    fn open(&self) -> Result<Access<'_>, Error>;

    /// Waits until devices are done with the memory.
    fn ready_until(&self, _deadline_ns: u64) -> Result<(), Error> {
        Ok(())
    }

    /// The descriptor of the memory that a plane lies in, and the bytes before the plane.
    fn plane_fd(&self, plane: usize) -> Option<(BorrowedFd<'_>, u32)>;

    /// Whether the pixels may be written.
    fn is_writable(&self) -> bool {
        false
    }

    /// Bytes of the frame in the memory, where they are others than the frame says.
    fn size(&self) -> Option<u64> {
        None
    }

    /// The planes, where they are others than the frame says.
    fn planes(&self) -> Option<&[PlaneDescriptor]> {
        None
    }

    /// The name of memory that the frame allocated.
    fn name(&self) -> Option<&CStr> {
        None
    }

    /// The frame of a client, if it is one.
    fn client_frame(&self) -> Option<&share::Frame> {
        None
    }
}

impl Memory for share::Frame {
    fn open(&self) -> Result<Access<'_>, Error> {
        let pixels = self.pixels_until(0)?;
        let mut planes = [Span::default(); MAX_PLANES];
        for (at, span) in planes.iter_mut().enumerate() {
            *span = Span::of(pixels.plane(at));
        }
        Ok(Access {
            planes,
            kept: Kept::Pixels { _pixels: pixels },
        })
    }

    fn ready_until(&self, deadline_ns: u64) -> Result<(), Error> {
        self.pixels_until(deadline_ns).map(drop)
    }

    fn plane_fd(&self, plane: usize) -> Option<(BorrowedFd<'_>, u32)> {
        let fd = share::Frame::plane_fd(self, plane)?;
        Some((fd, self.descriptor().planes()[plane].offset))
    }

    fn client_frame(&self) -> Option<&share::Frame> {
        Some(self)
    }
}

/// Memory of this process: what a program draws into, and what sources and decoders fill.
pub(crate) struct Buffer {
    pub(crate) fd: OwnedFd,
    mapping: Mapping,
    is_dma_buf: bool,
}

impl Buffer {
    /// Maps memory, to be written if `access` says so.
    pub(crate) fn new(fd: OwnedFd, size: u64, access: MapAccess) -> Result<Self, Error> {
        Ok(Self {
            is_dma_buf: memfd::is_dma_buf(fd.as_fd()),
            mapping: Mapping::new(&fd, size as usize, access)?,
            fd,
        })
    }

    /// Whether the pixels may be written.
    pub(crate) fn is_writable(&self) -> bool {
        self.mapping.is_writable()
    }
}

/// Opens planes that lie in buffers of this process; `part` of a plane is the index of its buffer.
pub(crate) fn open_buffers<'a>(
    buffers: &[&'a Buffer],
    planes: &[PlaneDescriptor],
    part: impl Fn(usize) -> usize,
) -> Result<Access<'a>, Error> {
    let mut brackets = Vec::new();
    for buffer in buffers.iter().filter(|buffer| buffer.is_dma_buf) {
        let access = match buffer.is_writable() {
            true => SyncAccess::ReadWrite,
            false => SyncAccess::Read,
        };
        brackets.push(CpuAccess::begin(buffer.fd.as_fd(), access)?);
    }
    let mut spans = [Span::default(); MAX_PLANES];
    for (at, (span, plane)) in spans.iter_mut().zip(planes).enumerate() {
        let Some(buffer) = buffers.get(part(at)) else {
            continue;
        };
        let offset = (plane.offset as usize).min(buffer.mapping.len());
        *span = Span {
            address: buffer.mapping.as_ptr().expose_provenance() + offset,
            len: (plane.size as usize).min(buffer.mapping.len() - offset),
        };
    }
    Ok(of_brackets(spans, brackets))
}

/// Planes that are open while the brackets last.
pub(crate) fn of_brackets(planes: [Span; MAX_PLANES], brackets: Vec<CpuAccess<'_>>) -> Access<'_> {
    Access {
        planes,
        kept: Kept::Brackets {
            _brackets: brackets,
        },
    }
}

/// Copies the planes of one memory to another, as far as they have room there.
pub(crate) fn copy(from: &dyn Memory, to: &dyn Memory) -> Result<(), Error> {
    let (from, to) = (from.open()?, to.open()?);
    for (from, to) in from.planes.iter().zip(&to.planes) {
        let len = from.len.min(to.len);
        let source: *const u8 = std::ptr::with_exposed_provenance(from.address);
        let target: *mut u8 = std::ptr::with_exposed_provenance_mut(to.address);
        if len > 0 {
            // SAFETY: both are mapped and open until the end of this function, and as long as `len` at
            // least. They may overlap, should a caller copy memory onto itself.
            unsafe { target.copy_from(source, len) };
        }
    }
    Ok(())
}

/// Memory that a frame, its views and a host keep together.
pub(crate) type Owner = Arc<Native<Box<dyn Memory>>>;

self_cell::self_cell!(
    /// Memory that is open for the CPU.
    struct Opened {
        owner: Owner,
        #[covariant]
        dependent: Access,
    }
);

/// The memory of a frame and of all its views.
pub(crate) struct Shared {
    /// Locked for moments only, and never while something waits for the interpreter.
    state: Native<Mutex<State>>,
}

/// Makes the memory of a frame when it is used first; what was wrong otherwise.
type Allocate = Box<dyn Fn() -> Result<Owner, (Errno, String)> + Send + Sync>;

/// The memory of a frame, or why there is none.
enum Slot {
    Here(Owner),
    Vacant(Allocate),
    Released,
    Posted,
}

impl Slot {
    fn memory(&mut self) -> Result<Owner, NoView> {
        let owner = match self {
            Self::Here(owner) => return Ok(Arc::clone(owner)),
            Self::Vacant(allocate) => {
                allocate().map_err(|(errno, why)| NoView::Unallocated(errno, why))?
            }
            Self::Released | Self::Posted => return Err(NoView::Released),
        };
        *self = Self::Here(Arc::clone(&owner));
        Ok(owner)
    }

    fn is_gone(&self) -> bool {
        matches!(self, Self::Released | Self::Posted)
    }

    /// The memory that there was. What is gone stays as it is.
    fn replace(&mut self, slot: Self) -> Option<Owner> {
        match std::mem::replace(self, slot) {
            Self::Here(owner) => Some(owner),
            Self::Vacant(_) => None,
            gone => {
                *self = gone;
                None
            }
        }
    }
}

struct State {
    slot: Slot,
    /// Views that are out.
    views: usize,
    /// Open while there are any.
    opened: Option<Opened>,
}

/// Why there is no view.
enum NoView {
    Released,
    Unallocated(Errno, String),
    Failed(Owner, Error),
}

impl From<NoView> for PyErr {
    fn from(why: NoView) -> Self {
        match why {
            NoView::Released => released(),
            NoView::Unallocated(errno, why) => raise(Kind::Other, errno, &why, None),
            NoView::Failed(_, error) => to_python(error),
        }
    }
}

impl Shared {
    pub(crate) fn new(memory: impl Memory + 'static) -> Self {
        Self::of_owner(Arc::new(Native::new(Box::new(memory))))
    }

    pub(crate) fn of_owner(owner: Owner) -> Self {
        Self::of_slot(Slot::Here(owner))
    }

    /// Memory that is made when it is used first.
    pub(crate) fn vacant(allocate: Allocate) -> Self {
        Self::of_slot(Slot::Vacant(allocate))
    }

    fn of_slot(slot: Slot) -> Self {
        Self {
            state: Native::new(Mutex::new(State {
                slot,
                views: 0,
                opened: None,
            })),
        }
    }

    fn lock(&self) -> PyResult<MutexGuard<'_, State>> {
        Ok(self.state.get()?.lock())
    }

    /// The memory, as long as it was not released; allocated if there was none yet.
    ///
    /// # Errors
    /// `Released`, `Forked`, and why there is no memory.
    pub(crate) fn memory(&self) -> PyResult<Owner> {
        let memory = self.lock()?.slot.memory();
        Ok(memory?)
    }

    /// The memory, if there is some now.
    pub(crate) fn present(&self) -> Option<Owner> {
        match &self.state.here()?.lock().slot {
            Slot::Here(owner) => Some(Arc::clone(owner)),
            _ => None,
        }
    }

    /// Whether it was released or posted; in a forked child it is gone, too.
    pub(crate) fn is_released(&self) -> bool {
        let state = self.state.here();
        state.is_none_or(|state| state.lock().slot.is_gone())
    }

    /// Whether it was posted.
    pub(crate) fn is_posted(&self) -> bool {
        let state = self.state.here();
        state.is_some_and(|state| matches!(state.lock().slot, Slot::Posted))
    }

    /// Adds a view: opens the memory for the first one. Waits for devices that are not done with
    /// it, with the interpreter free.
    ///
    /// # Errors
    /// `Released`, `Forked`, and why the CPU can't have it.
    pub(crate) fn begin_view(&self) -> PyResult<[Span; MAX_PLANES]> {
        loop {
            let (owner, error) = match self.try_begin_view()? {
                Ok(planes) => return Ok(planes),
                Err(NoView::Failed(owner, error)) => (owner, error),
                Err(why) => return Err(why.into()),
            };
            if !error.is_timeout() {
                return Err(to_python(error));
            }
            wait(&**owner.get()?)?;
        }
    }

    /// Waits until devices are done with the memory, with the interpreter free.
    ///
    /// # Errors
    /// `Released`, `Forked`; why it will not be.
    pub(crate) fn wait_ready(&self) -> PyResult<()> {
        let owner = self.memory()?;
        let memory = &**owner.get()?;
        match memory.ready_until(0) {
            Err(error) if error.is_timeout() => wait(memory),
            result => result.map_err(to_python),
        }
    }

    fn try_begin_view(&self) -> PyResult<Result<[Span; MAX_PLANES], NoView>> {
        let mut state = self.lock()?;
        let state = &mut *state;
        let owner = match state.slot.memory() {
            Ok(owner) => owner,
            Err(why) => return Ok(Err(why)),
        };
        let opened = match &mut state.opened {
            Some(opened) => {
                let again = opened.with_dependent_mut(|owner, access| {
                    if access.has_ended() {
                        *access = open(owner)?;
                    }
                    Ok(())
                });
                match again {
                    Ok(()) => opened,
                    Err(why) => return Ok(Err(why)),
                }
            }
            none => match Opened::try_new(owner, open) {
                Ok(opened) => none.insert(opened),
                Err(why) => return Ok(Err(why)),
            },
        };
        state.views += 1;
        Ok(Ok(opened.borrow_dependent().planes))
    }

    /// [`Shared::begin_view`] of all the frame's bytes in its first memory.
    pub(crate) fn begin_whole_view(&self) -> PyResult<Span> {
        let planes = self.begin_view()?;
        let whole = self.memory().and_then(|owner| {
            let memory = owner.get()?;
            let fd = |at| memory.plane_fd(at).map(|(fd, _)| fd.as_raw_fd());
            let first = planes[0].address;
            let same = planes.iter().enumerate();
            let same = same.filter(|(at, plane)| fd(*at) == fd(0) && plane.address >= first);
            let end = same.map(|(_, plane)| plane.address + plane.len - first);
            let size = usize::try_from(memory.size().unwrap_or(0)).unwrap_or(usize::MAX);
            Ok(Span {
                address: first,
                len: end.max().unwrap_or(0).max(size),
            })
        });
        whole.inspect_err(|_| self.end_view())
    }

    /// Ends the access of the CPU to memory that it may have written, though views are out: devices see
    /// what was written. The next view begins it again.
    pub(crate) fn end_access(&self) {
        if let Some(state) = self.state.here()
            && let Some(opened) = &mut state.lock().opened
        {
            opened.with_dependent_mut(|_, access| access.end());
        }
    }

    /// Takes a view back: closes the memory behind the last one.
    pub(crate) fn end_view(&self) {
        let Some(state) = self.state.here() else {
            return;
        };
        let mut state = state.lock();
        state.views = state.views.saturating_sub(1);
        if state.views == 0 {
            let opened = state.opened.take();
            drop(state);
            drop(opened);
        }
    }

    /// Runs `look` with the bytes of the planes.
    ///
    /// # Errors
    /// As [`Shared::begin_view`], and those of `look`.
    pub(crate) fn with_bytes<T>(
        &self,
        look: impl FnOnce([&[u8]; MAX_PLANES]) -> PyResult<T>,
    ) -> PyResult<T> {
        /// Ends the view, also when `look` panics.
        struct End<'a>(&'a Shared);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.end_view();
            }
        }
        let spans = self.begin_view()?;
        let _end = End(self);
        look(spans.map(|span| {
            // SAFETY: the memory is mapped and open until `_end` is dropped, which is behind
            // `look`, that can't keep the slices: they have a lifetime of this call's.
            unsafe { span.bytes() }
        }))
    }

    /// Takes the memory out, unless somebody looks at it.
    ///
    /// # Errors
    /// `BufferError` with the number of views.
    pub(crate) fn release(&self) -> PyResult<Option<Owner>> {
        // A forked child has nothing to give back.
        let Some(state) = self.state.here() else {
            return Ok(None);
        };
        let views = {
            let mut state = state.lock();
            if state.views == 0 || state.slot.is_gone() {
                return Ok(state.slot.replace(Slot::Released));
            }
            state.views
        };
        let (views, them) = match views {
            1 => ("1 view of this frame is".to_owned(), "it"),
            n => (format!("{n} views of this frame are"), "them"),
        };
        Err(PyBufferError::new_err(format!(
            "{views} out (arrays, memoryviews, tensors): delete {them} first, or leave the frame \
             to {them}"
        )))
    }

    /// Takes the memory out although somebody may look at it: views keep it mapped.
    pub(crate) fn take(&self) -> Option<Owner> {
        self.state.here()?.lock().slot.replace(Slot::Released)
    }

    /// [`Shared::take`] of a frame that is a host's from now on.
    pub(crate) fn post(&self) -> Option<Owner> {
        self.end_access();
        self.state.here()?.lock().slot.replace(Slot::Posted)
    }
}

fn open(owner: &Owner) -> Result<Access<'_>, NoView> {
    let memory = owner.here().ok_or(NoView::Released)?;
    let access = memory.open();
    access.map_err(|error| NoView::Failed(Arc::clone(owner), error))
}

fn wait(memory: &dyn Memory) -> PyResult<()> {
    let ready = Python::attach(|py| {
        until(py, u64::MAX, |slice| match memory.ready_until(slice) {
            Err(error) if error.is_timeout() => Ok(None),
            result => result.map(Some).map_err(Failure::from),
        })
    });
    ready?;
    Ok(())
}

fn released() -> PyErr {
    let why = "the frame was released or posted: its pixels are gone";
    raise(Kind::Released, Errno::BADF, why, None)
}
