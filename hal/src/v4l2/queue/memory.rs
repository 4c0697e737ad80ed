//! The memory of buffers: out of the driver, or into it.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::param::page_size;

use super::places::check_pages;
use super::{Core, HasBuffers, Place, Queue};
use crate::memory::mapping::{Access, Mapping};
use crate::v4l2::ioctl::{self, BufferPlane};
use crate::v4l2::{Buffer, Error, ExportAccess, Memory};

impl<D: AsFd, S: HasBuffers> Queue<D, S> {
    /// Sizes, offsets and state of a buffer.
    ///
    /// # Errors
    /// See [`ioctl::querybuf`].
    pub fn query(&self, index: u32) -> Result<Buffer, Error> {
        ioctl::querybuf(self.fd(), self.core.buf_type, self.core.memory, index)
    }

    /// A dma-buf descriptor for one memory plane of a buffer.
    ///
    /// # Errors
    /// See [`ioctl::expbuf`].
    pub fn export(&self, index: u32, plane: u32, access: ExportAccess) -> Result<OwnedFd, Error> {
        ioctl::expbuf(self.fd(), self.core.buf_type, index, plane, access)
    }

    /// Maps one memory plane of a buffer of the driver, without a dma-buf: for drivers that
    /// cannot export. The driver brackets accesses with its own cache operations at queue and
    /// dequeue.
    ///
    /// The pages outlive buffer and queue; kernels before 5.0 refuse to free buffers while they
    /// are mapped.
    ///
    /// # Errors
    /// - [`Error::Argument`]: the memory is not the driver's, or there is no such plane.
    /// - `EINVAL`: no such buffer, or the driver's memory cannot be mapped (protected memory).
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
        Mapping::at(self.fd(), mem_offset.into(), length as usize, access)
            .map_err(|errno| Error::system("mmap", errno))
    }

    /// Gives a place the memory that it will always have: one dma-buf per memory plane.
    ///
    /// The queue keeps descriptors of its own. Keeping memory and place together lets the driver
    /// keep its mapping, too.
    ///
    /// # Errors
    /// - [`Error::Argument`]: no such place, another number of planes, or the queue has memory of
    ///   another kind.
    /// - `EMFILE`: too many descriptors.
    pub fn import(&mut self, index: u32, planes: &[BorrowedFd<'_>]) -> Result<(), Error> {
        self.core.places().import(index, planes)
    }

    /// Bytes that the memory of a buffer must have for [`Queue::lend`]: every memory plane,
    /// rounded up to whole pages.
    #[must_use]
    pub fn lent_len(&self) -> usize {
        self.lent_offset(self.core.plane_count)
    }

    /// Where a memory plane begins in the memory of a buffer that was lent.
    #[must_use]
    pub fn lent_offset(&self, plane: usize) -> usize {
        self.core.lent_offset(plane)
    }

    /// Gives a place the memory that it will always have: pages of this process, for all memory
    /// planes one after another ([`Queue::lent_offset`]). The queue keeps them until it ends.
    ///
    /// # Errors
    /// [`Error::Argument`]: no such place, memory that is too short or read-only, or the queue
    /// has memory of another kind.
    pub fn lend(&mut self, index: u32, pages: Mapping) -> Result<(), Error> {
        let need = self.lent_len();
        let mut places = self.core.places();
        let place = places.place(index, Memory::UserPtr)?;
        check_pages(&pages, need)?;
        *place = Place::Lent(pages);
        Ok(())
    }

    /// The memory of a buffer that was lent. Its bytes may be looked at while it is dequeued.
    #[must_use]
    pub fn lent(&self, index: u32) -> Option<&Mapping> {
        match self.core.places.get(index as usize) {
            Some(Place::Lent(pages)) => Some(pages),
            _ => None,
        }
    }
}

impl<D: AsFd> Core<D> {
    /// Where a memory plane begins in the memory of a buffer that was lent.
    pub(super) fn lent_offset(&self, plane: usize) -> usize {
        let before = self.lengths.iter().take(plane.min(self.plane_count));
        before
            .map(|&length| (length as usize).next_multiple_of(page_size()))
            .sum()
    }
}
