//! The memory of buffers: exported, mapped, imported, or attached.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::param::page_size;

use super::external_memory::check_pages;
use super::{BufferMemory, Core, HasBuffers, Queue};
use crate::memory::mapping::{Access, Mapping};
use crate::v4l2::ioctl::{self, BufferPlane};
use crate::v4l2::{Buffer, ExportAccess, Memory};
use crate::{Call, Error};

impl<D: AsFd, S: HasBuffers> Queue<D, S> {
    /// Returns sizes, offsets, and state of a buffer.
    ///
    /// # Errors
    /// See [`ioctl::querybuf`].
    pub fn query(&self, index: u32) -> Result<Buffer, Error> {
        ioctl::querybuf(self.fd(), self.core.buf_type, self.core.memory, index)
    }

    /// Exports one memory plane of a buffer as a dma-buf.
    ///
    /// # Errors
    /// See [`ioctl::expbuf`].
    pub fn export(&self, index: u32, plane: u32, access: ExportAccess) -> Result<OwnedFd, Error> {
        ioctl::expbuf(self.fd(), self.core.buf_type, index, plane, access)
    }

    /// Maps one memory plane of a driver buffer without a dma-buf, for drivers that cannot export.
    /// The driver does its own cache maintenance when the buffer is queued and dequeued.
    ///
    /// The mapping may outlive buffer and queue; kernels before 5.0 refuse to free buffers while
    /// they are mapped.
    ///
    /// # Errors
    /// - [`Error::Argument`]: the memory is not the driver's, or there is no such plane.
    /// - `EINVAL`: no such buffer, or its memory cannot be mapped (protected memory).
    /// - `EACCES`: the device was not opened for writing.
    #[doc(alias = "mmap")]
    pub fn map(&self, index: u32, plane: usize, access: Access) -> Result<Mapping, Error> {
        if self.core.memory != Memory::Mmap {
            return Err(Error::Argument {
                name: "memory type",
                value: self.core.memory.raw().into(),
            });
        }
        let buffer = self.query(index)?;
        let Some(&BufferPlane {
            length, mem_offset, ..
        }) = buffer.planes().get(plane)
        else {
            return Err(Error::Argument {
                name: "plane",
                value: plane as u64,
            });
        };
        Mapping::range(self.fd(), mem_offset.into(), length as usize, access)
            .map_err(|error| Error::of_device(Call::Mmap, error.errno()))
    }

    /// Gives a buffer its permanent memory: one dma-buf per memory plane.
    ///
    /// The queue duplicates the descriptors. As long as buffer and memory stay together, the driver
    /// can keep its mapping.
    ///
    /// # Errors
    /// - [`Error::Argument`]: no such buffer, a wrong number of planes, or a queue with another
    ///   memory type.
    /// - `EMFILE`: too many descriptors.
    pub fn import(&mut self, index: u32, planes: &[BorrowedFd<'_>]) -> Result<(), Error> {
        self.core.external_memory().import(index, planes)
    }

    /// Returns the bytes that [`Queue::attach`] needs for a buffer: every memory plane, rounded up
    /// to whole pages.
    #[must_use]
    pub fn attached_len(&self) -> usize {
        self.attached_offset(self.core.plane_count)
    }

    /// Returns the offset of a memory plane in attached memory.
    #[must_use]
    pub fn attached_offset(&self, plane: usize) -> usize {
        self.core.lent_offset(plane)
    }

    /// Gives a buffer its permanent memory: a mapping with all memory planes, one after another
    /// ([`Queue::attached_offset`]). The queue keeps it until it is dropped.
    ///
    /// # Errors
    /// [`Error::Argument`]: no such buffer, memory that is too short or read-only, or a queue with
    /// another memory type.
    pub fn attach(&mut self, index: u32, pages: Mapping) -> Result<(), Error> {
        let need = self.attached_len();
        let mut places = self.core.external_memory();
        let place = places.place(index, Memory::UserPtr)?;
        check_pages(&pages, need)?;
        *place = BufferMemory::Pages(pages);
        Ok(())
    }

    /// Returns the attached memory of a buffer. Its bytes may be read while the buffer is dequeued.
    #[must_use]
    pub fn attached(&self, index: u32) -> Option<&Mapping> {
        match self.core.places.get(index as usize) {
            Some(BufferMemory::Pages(pages)) => Some(pages),
            _ => None,
        }
    }
}

impl<D: AsFd> Core<D> {
    /// Returns the offset of a memory plane in attached memory.
    pub(super) fn lent_offset(&self, plane: usize) -> usize {
        let before = self.lengths.iter().take(plane.min(self.plane_count));
        before
            .map(|&length| (length as usize).next_multiple_of(page_size()))
            .sum()
    }
}
