//! What frames lie in, and who looks at it.

#![expect(unsafe_code, reason = "bytes of memory that a view holds open")]

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyBufferError;
use pyo3::prelude::*;
use rustix::io::Errno;
use videostream::Error;
use videostream::hal::format::MAX_PLANES;
use videostream::hal::memory::dmabuf::{CpuAccess, SyncAccess};
use videostream::hal::memory::{Access as MapAccess, Mapping, memfd};
use videostream::hal::ring::PlaneDescriptor;
use videostream::share::{self, Pixels};

use crate::error::{Kind, raise, to_python};
use crate::fork::Native;

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
    _kept: Kept<'a>,
}

/// What ends the access when it is dropped.
enum Kept<'a> {
    Pixels { _pixels: Pixels<'a> },
    Brackets { _brackets: Vec<CpuAccess<'a>> },
}

/// What a frame lies in. Dropping it gives the frame back.
pub(crate) trait Memory: Send + Sync {
    /// Opens the planes. The addresses are valid as long as the access lives.
    fn open(&self) -> Result<Access<'_>, Error>;

    /// The descriptor of the memory that a plane lies in, and the bytes before the plane.
    fn plane_fd(&self, plane: usize) -> Option<(BorrowedFd<'_>, u32)>;

    /// Whether the pixels may be written.
    fn is_writable(&self) -> bool {
        false
    }

    /// The frame of a client, if it is one.
    fn client_frame(&self) -> Option<&share::Frame> {
        None
    }
}

impl Memory for share::Frame {
    fn open(&self) -> Result<Access<'_>, Error> {
        let pixels = self.pixels_until(u64::MAX)?;
        let mut planes = [Span::default(); MAX_PLANES];
        for (at, span) in planes.iter_mut().enumerate() {
            let bytes = pixels.plane(at);
            *span = Span {
                address: bytes.as_ptr().expose_provenance(),
                len: bytes.len(),
            };
        }
        Ok(Access {
            planes,
            _kept: Kept::Pixels { _pixels: pixels },
        })
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
    pub(crate) size: u64,
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
            size,
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
    Ok(Access {
        planes: spans,
        _kept: Kept::Brackets {
            _brackets: brackets,
        },
    })
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
    state: Mutex<State>,
}

struct State {
    /// `None` once it was released.
    memory: Option<Owner>,
    /// Views that are out.
    views: usize,
    /// Open while there are any.
    opened: Option<Opened>,
}

impl Shared {
    pub(crate) fn new(memory: impl Memory + 'static) -> Self {
        Self::of_owner(Arc::new(Native::new(Box::new(memory))))
    }

    pub(crate) fn of_owner(owner: Owner) -> Self {
        Self {
            state: Mutex::new(State {
                memory: Some(owner),
                views: 0,
                opened: None,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The memory, as long as it was not released.
    ///
    /// # Errors
    /// `Released`.
    pub(crate) fn memory(&self) -> PyResult<Owner> {
        let state = self.lock();
        state.memory.clone().ok_or_else(released)
    }

    /// Whether it was released.
    pub(crate) fn is_released(&self) -> bool {
        self.lock().memory.is_none()
    }

    /// Adds a view: opens the memory for the first one.
    ///
    /// # Errors
    /// `Released`, `Forked`, and why the CPU can't have it.
    pub(crate) fn begin_view(&self) -> PyResult<[Span; MAX_PLANES]> {
        let mut state = self.lock();
        if state.opened.is_none() {
            let owner = state.memory.clone().ok_or_else(released)?;
            owner.get()?;
            let opened = Opened::try_new(owner, |owner| {
                owner
                    .get()
                    .and_then(|memory| memory.open().map_err(to_python))
            })?;
            state.opened = Some(opened);
        }
        let planes = state
            .opened
            .as_ref()
            .map(|opened| opened.borrow_dependent().planes);
        state.views += 1;
        planes.ok_or_else(released)
    }

    /// Takes a view back: closes the memory behind the last one.
    pub(crate) fn end_view(&self) {
        let mut state = self.lock();
        state.views = state.views.saturating_sub(1);
        if state.views == 0 {
            state.opened = None;
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
        let mut state = self.lock();
        if state.views > 0 {
            return Err(PyBufferError::new_err(format!(
                "{} views of this frame are out (arrays, memoryviews, tensors): delete them first, \
                 or leave the frame to them",
                state.views
            )));
        }
        Ok(state.memory.take())
    }

    /// Takes the memory out although somebody may look at it: views keep it mapped.
    pub(crate) fn take(&self) -> Option<Owner> {
        self.lock().memory.take()
    }
}

fn released() -> PyErr {
    let why = "the frame was released or posted: its pixels are gone";
    raise(Kind::Released, Errno::BADF, why, None)
}
