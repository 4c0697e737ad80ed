//! Memory behind a frame of the 2.x interface: allocated by name, or attached by descriptor.

#![expect(unsafe_code, reason = "a descriptor of the program is duplicated")]

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

use pyo3::prelude::*;
use rustix::fs::{OFlags, SealFlags, fcntl_get_seals, fcntl_getfl};
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use videostream::hal::memory::mapping::file_size;
use videostream::hal::memory::{Access as MapAccess, Mapped};
use videostream::hal::ring::{FrameDescriptor, MAX_PLANES, PlaneDescriptor};
use videostream::v2::NamedMemory;

use super::FrameInfo;
use crate::error::{Kind, raise};
use crate::memory::{Access, Bracket, Memory, Span, of_brackets};

/// The lowest descriptor above standard input, output and error.
const LOWEST_FD: i32 = 3;

/// Returns where the last plane of a frame ends, from the start of its memory.
fn planes_end(descriptor: &FrameDescriptor) -> u64 {
    let ends = descriptor.planes().iter();
    let ends = ends.map(|plane| u64::from(plane.offset) + u64::from(plane.size));
    ends.max().unwrap_or(0)
}

/// Memory that a frame allocated, or that the program attached to it.
pub(super) struct BackingMemory {
    // Unmapped before the memory goes.
    mapped: OnceLock<Mapped>,
    source: Source,
    is_writable: bool,
    /// Offset of the frame in it.
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

impl BackingMemory {
    pub(super) fn allocate(info: &FrameInfo, path: Option<&CStr>) -> Result<Self, (Errno, String)> {
        let size = info.whole.size;
        let bytes = planes_end(&info.descriptor).max(size);
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
        Ok(Self::new(Source::Own(memory), 0, size, bytes, info))
    }

    pub(super) fn attach(info: &FrameInfo, fd: i32, size: u64, offset: u64) -> PyResult<Self> {
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
            0 => (info.whole.size, has),
            size => (size, size),
        };
        if offset
            .checked_add(size)
            .is_none_or(|end| end > isize::MAX as u64)
        {
            let why = format!("offset={offset}, size={size}: more than memory can hold");
            return Err(raise(Kind::Other, Errno::INVAL, &why, None));
        }
        Ok(Self::new(Source::Attached(own), offset, size, room, info))
    }

    /// Puts a frame of `size` bytes at `offset`; its planes may take `room` bytes.
    fn new(source: Source, offset: u64, size: u64, room: u64, info: &FrameInfo) -> Self {
        let current_descriptor = info.descriptor;
        let fits = planes_end(&current_descriptor) <= room.max(size) && offset <= u32::MAX.into();
        let (planes, count) = match fits {
            true => (current_descriptor.planes, current_descriptor.planes().len()),
            false => {
                // Too small for the picture: one plane of plain bytes.
                let mut planes = [PlaneDescriptor::default(); MAX_PLANES];
                planes[0].size = u32::try_from(size).unwrap_or(u32::MAX);
                planes[0].stride = u32::try_from(info.whole.stride).unwrap_or(0);
                (planes, 1)
            }
        };
        let fd = source.fd();
        let mode = fcntl_getfl(fd).map(|flags| flags & OFlags::RWMODE);
        let sealed = SealFlags::WRITE | SealFlags::FUTURE_WRITE;
        let is_sealed = fcntl_get_seals(fd).is_ok_and(|seals| seals.intersects(sealed));
        Self {
            mapped: OnceLock::new(),
            is_writable: mode == Ok(OFlags::RDWR) && !is_sealed,
            source,
            offset,
            size,
            planes,
            count,
        }
    }

    fn mapped(&self) -> Result<&Mapped, videostream::Error> {
        if let Some(mapped) = self.mapped.get() {
            return Ok(mapped);
        }
        let access = match self.is_writable {
            true => MapAccess::ReadWrite,
            false => MapAccess::Read,
        };
        let planes = self.planes[..self.count].iter();
        let ends = planes.map(|plane| u64::from(plane.offset) + u64::from(plane.size));
        let len = self.offset + ends.max().unwrap_or(0).max(self.size);
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let mapped = Mapped::new(self.source.fd(), len, access)?;
        Ok(self.mapped.get_or_init(|| mapped))
    }
}

impl Memory for BackingMemory {
    fn open(&self) -> Result<Access<'_>, videostream::Error> {
        let mapped = self.mapped()?;
        let brackets = Vec::from_iter(Bracket::begin(mapped, self.source.fd())?);
        let start = mapped.mapping().as_ptr().expose_provenance() + self.offset as usize;
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
