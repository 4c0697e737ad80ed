//! Memory that this process allocates for frames.

use std::os::fd::{AsFd, BorrowedFd};

use pyo3::prelude::*;
use videostream::hal::format::{Layout, MAX_PLANES};
use videostream::hal::memory::Access as MapAccess;
use videostream::hal::memory::allocate::Allocator;
use videostream::hal::ring::PlaneDescriptor;

use super::{Access, Buffer, Memory, open_buffers};
use crate::descriptor::describe;
use crate::error::to_python;

/// Memory of this process, to draw or decode into.
pub(crate) struct OwnMemory {
    pub(crate) buffer: Buffer,
    planes: [PlaneDescriptor; MAX_PLANES],
    count: usize,
}

impl OwnMemory {
    /// Allocates memory of the best kind available.
    pub(crate) fn allocate(layout: &Layout) -> PyResult<Self> {
        let allocated = Allocator::new().allocate(u64::from(layout.size));
        let memory = allocated.map_err(|e| to_python(e.into()))?;
        let (fd, size) = (memory.fd, memory.len_bytes);
        let buffer = Buffer::new(fd, size, MapAccess::ReadWrite).map_err(to_python)?;
        let descriptor = describe(layout);
        Ok(Self {
            buffer,
            planes: descriptor.planes,
            count: descriptor.planes().len(),
        })
    }
}

impl Memory for OwnMemory {
    fn open(&self) -> Result<Access<'_>, videostream::Error> {
        open_buffers(&[&self.buffer], &self.planes[..self.count], |_| 0)
    }

    fn plane_fd(&self, plane: usize) -> Option<(BorrowedFd<'_>, u32)> {
        let plane = self.planes[..self.count].get(plane)?;
        Some((self.buffer.fd.as_fd(), plane.offset))
    }

    fn is_writable(&self) -> bool {
        self.buffer.is_writable()
    }
}
