//! The memory of frames, and CPU access to it.

#![expect(unsafe_code, reason = "bytes of memory that a view holds open")]

mod own;
mod shared;

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use pyo3::prelude::*;
use rustix::io::Errno;
use videostream::Error;
use videostream::hal::format::MAX_PLANES;
use videostream::hal::memory::{Access as MapAccess, Mapped, MemoryError, ReadGuard, WriteGuard};
use videostream::hal::ring::PlaneDescriptor;
use videostream::share::{self, Pixels};

pub(crate) use self::own::OwnMemory;
pub(crate) use self::shared::Shared;
use crate::error::{Kind, raise};
use crate::fork::ProcessLocal;

/// Address and length of a plane's bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    pub(crate) address: usize,
    pub(crate) len: usize,
}

impl Span {
    /// Returns the span of a slice.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self {
            address: bytes.as_ptr().expose_provenance(),
            len: bytes.len(),
        }
    }

    /// Returns the bytes.
    ///
    /// # Safety
    /// The bytes are mapped, and stay mapped as long as the slice lives.
    pub(crate) unsafe fn bytes<'a>(self) -> &'a [u8] {
        if self.len == 0 {
            return &[];
        }
        let start = std::ptr::with_exposed_provenance(self.address);
        // SAFETY: as the caller promises.
        unsafe { std::slice::from_raw_parts(start, self.len) }
    }

    /// Returns the bytes, to be written.
    ///
    /// # Safety
    /// As for [`Span::bytes`]; the bytes are writable, and nothing else uses them meanwhile.
    pub(crate) unsafe fn bytes_mut<'a>(self) -> &'a mut [u8] {
        if self.len == 0 {
            return &mut [];
        }
        let start = std::ptr::with_exposed_provenance_mut(self.address);
        // SAFETY: as the caller promises.
        unsafe { std::slice::from_raw_parts_mut(start, self.len) }
    }

    /// Whether two spans share a byte.
    pub(crate) fn overlaps(self, other: Self) -> bool {
        self.address < other.address + other.len && other.address < self.address + self.len
    }
}

/// The planes of a frame, open for the CPU until this is dropped.
pub(crate) struct Access<'a> {
    pub(crate) planes: [Span; MAX_PLANES],
    guard: AccessGuard<'a>,
}

/// Ends the access when it is dropped.
enum AccessGuard<'a> {
    Pixels {
        _pixels: Pixels<'a>,
    },
    Brackets {
        _brackets: Vec<Bracket<'a>>,
    },
    /// The access has ended; the memory is still mapped.
    Nothing,
}

/// CPU access to a dma-buf, as its mapping allows.
pub(crate) enum Bracket<'a> {
    Read { _guard: ReadGuard<'a> },
    Write { _guard: WriteGuard<'a> },
}

impl<'a> Bracket<'a> {
    /// Begins the access; `None` if the memory needs none.
    pub(crate) fn begin(
        mapped: &'a Mapped,
        fd: BorrowedFd<'a>,
    ) -> Result<Option<Self>, MemoryError> {
        if !mapped.is_bracketed() {
            return Ok(None);
        }
        Ok(Some(match mapped.mapping().is_writable() {
            true => Self::Write {
                _guard: mapped.read_write(fd)?,
            },
            false => Self::Read {
                _guard: mapped.read(fd)?,
            },
        }))
    }
}

impl Access<'_> {
    /// Ends CPU access to writable memory although views exist.
    fn end(&mut self) {
        if let AccessGuard::Brackets { .. } = self.guard {
            self.guard = AccessGuard::Nothing;
        }
    }

    fn has_ended(&self) -> bool {
        matches!(self.guard, AccessGuard::Nothing)
    }
}

/// The memory of a frame; dropping it releases the frame.
pub(crate) trait Memory: Send + Sync {
    /// Opens the planes, without waiting. The addresses are valid as long as the access lives.
    ///
    /// # Errors
    /// A timeout while a device still uses the memory: `ready_until` waits for it.
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

    /// Size of the frame in this memory, if it differs from the frame's own.
    fn size(&self) -> Option<u64> {
        None
    }

    /// The planes in this memory, if they differ from the frame's own.
    fn planes(&self) -> Option<&[PlaneDescriptor]> {
        None
    }

    /// The name of the memory, if the frame allocated it.
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
            guard: AccessGuard::Pixels { _pixels: pixels },
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

/// A mapped buffer of this process: drawn into, or filled by a source or decoder.
pub(crate) struct Buffer {
    pub(crate) fd: OwnedFd,
    mapped: Mapped,
}

impl Buffer {
    /// Maps memory.
    pub(crate) fn new(fd: OwnedFd, size: u64, access: MapAccess) -> Result<Self, Error> {
        Ok(Self {
            mapped: Mapped::new(&fd, size as usize, access)?,
            fd,
        })
    }

    /// Whether the pixels may be written.
    pub(crate) fn is_writable(&self) -> bool {
        self.mapped.mapping().is_writable()
    }
}

/// Opens planes that lie in buffers of this process; `part` maps a plane to the index of its
/// buffer.
pub(crate) fn open_buffers<'a>(
    buffers: &[&'a Buffer],
    planes: &[PlaneDescriptor],
    part: impl Fn(usize) -> usize,
) -> Result<Access<'a>, Error> {
    let mut brackets = Vec::new();
    for buffer in buffers {
        brackets.extend(Bracket::begin(&buffer.mapped, buffer.fd.as_fd())?);
    }
    let mut spans = [Span::default(); MAX_PLANES];
    for (at, (span, plane)) in spans.iter_mut().zip(planes).enumerate() {
        let Some(buffer) = buffers.get(part(at)) else {
            continue;
        };
        let mapping = buffer.mapped.mapping();
        let offset = (plane.offset as usize).min(mapping.len());
        *span = Span {
            address: mapping.as_ptr().expose_provenance() + offset,
            len: (plane.size as usize).min(mapping.len() - offset),
        };
    }
    Ok(of_brackets(spans, brackets))
}

/// Makes an access that lasts as long as the brackets.
pub(crate) fn of_brackets(planes: [Span; MAX_PLANES], brackets: Vec<Bracket<'_>>) -> Access<'_> {
    Access {
        planes,
        guard: AccessGuard::Brackets {
            _brackets: brackets,
        },
    }
}

/// Copies the planes of one memory to another, as far as they fit.
pub(crate) fn copy(from: &dyn Memory, to: &dyn Memory) -> Result<(), Error> {
    let (from, to) = (from.open()?, to.open()?);
    for (from, to) in from.planes.iter().zip(&to.planes) {
        let len = from.len.min(to.len);
        let source: *const u8 = std::ptr::with_exposed_provenance(from.address);
        let target: *mut u8 = std::ptr::with_exposed_provenance_mut(to.address);
        if len > 0 {
            // SAFETY: both are mapped and open until the end of this function, and as long as `len`
            // at least. They may overlap, should a caller copy memory onto itself.
            unsafe { target.copy_from(source, len) };
        }
    }
    Ok(())
}

/// Memory that a frame, its views and a host share.
pub(crate) type Owner = Arc<ProcessLocal<Box<dyn Memory>>>;

/// The descriptors of a frame's memory, each once, in the order of its planes.
///
/// # Errors
/// `Error` with EBADF for memory without a descriptor.
pub(crate) fn parts(memory: &Owner) -> PyResult<Vec<BorrowedFd<'_>>> {
    let memory = memory.get()?;
    let mut parts: Vec<BorrowedFd<'_>> = Vec::new();
    for at in 0.. {
        let Some((fd, _)) = memory.plane_fd(at) else {
            break;
        };
        if parts
            .iter()
            .all(|known| known.as_raw_fd() != fd.as_raw_fd())
        {
            parts.push(fd);
        }
    }
    match parts.is_empty() {
        true => Err(raise(
            Kind::Other,
            Errno::BADF,
            "the frame has no memory to share",
            None,
        )),
        false => Ok(parts),
    }
}
