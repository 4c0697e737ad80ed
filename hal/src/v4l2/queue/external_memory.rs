//! Buffers that wait for external memory.

use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::fcntl_dupfd_cloexec;

use super::{BufferMemory, Core};
use crate::memory::mapping::Mapping;
use crate::v4l2::{MAX_MEMORY_PLANES, Memory};
use crate::{Call, Error};

/// The buffers of a queue whose memory is not the driver's. Each needs memory before it is queued.
#[derive(Debug)]
pub struct ExternalMemory<'q> {
    memory: Memory,
    lengths: &'q [u32],
    places: &'q mut [BufferMemory],
}

impl<D: AsFd> Core<D> {
    pub(super) fn external_memory(&mut self) -> ExternalMemory<'_> {
        ExternalMemory {
            memory: self.memory,
            lengths: &self.lengths[..self.plane_count.min(MAX_MEMORY_PLANES)],
            places: &mut self.places,
        }
    }
}

impl ExternalMemory<'_> {
    /// Returns the number of buffers; indices are below it.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.places.len() as u32
    }

    /// Returns the minimum length in bytes of each memory plane.
    #[must_use]
    pub const fn lengths(&self) -> &[u32] {
        self.lengths
    }

    /// See [`Queue::import`](super::Queue::import).
    ///
    /// # Errors
    /// Those of [`Queue::import`](super::Queue::import).
    pub fn import(&mut self, index: u32, planes: &[BorrowedFd<'_>]) -> Result<(), Error> {
        self.check_planes(planes.len())?;
        let mut owned = [const { None }; MAX_MEMORY_PLANES];
        for (owned, plane) in owned.iter_mut().zip(planes) {
            let fd = fcntl_dupfd_cloexec(plane, 0).map_err(|e| Error::system(Call::Fcntl, e))?;
            *owned = Some(fd);
        }
        *self.place(index, Memory::DmaBuf)? = BufferMemory::Imported(owned);
        Ok(())
    }

    /// Gives a buffer its permanent memory: one mapping for each memory plane. The queue keeps the
    /// mappings until it is dropped.
    ///
    /// Pages of a file (memfd) can be mapped by other processes, too, which makes it possible to
    /// share what a driver fills by address.
    ///
    /// # Errors
    /// [`Error::Argument`]: no such buffer, a wrong number of planes, memory that is too short or
    /// read-only, or a queue with another memory type.
    pub fn attach_planes(
        &mut self,
        index: u32,
        planes: impl IntoIterator<Item = Mapping>,
    ) -> Result<(), Error> {
        let mut each = heapless::Vec::new();
        for pages in planes {
            let need = self.lengths.get(each.len()).copied().unwrap_or(0);
            check_pages(&pages, need as usize)?;
            if each.push(pages).is_err() {
                break;
            }
        }
        self.check_planes(each.len())?;
        *self.place(index, Memory::UserPtr)? = BufferMemory::PlanePages(each);
        Ok(())
    }

    fn check_planes(&self, count: usize) -> Result<(), Error> {
        if count == self.lengths.len() {
            return Ok(());
        }
        Err(Error::Argument {
            name: "planes",
            value: count as u64,
        })
    }

    /// Returns the memory entry of a buffer, if the queue has that memory type.
    pub(super) fn place(&mut self, index: u32, memory: Memory) -> Result<&mut BufferMemory, Error> {
        if self.memory != memory {
            return Err(Error::Argument {
                name: "memory type",
                value: self.memory.raw().into(),
            });
        }
        let place = self.places.get_mut(index as usize);
        place.ok_or(Error::Argument {
            name: "buffer index",
            value: index.into(),
        })
    }
}

/// Refuses pages that cannot be filled with `need` bytes.
pub(super) fn check_pages(pages: &Mapping, need: usize) -> Result<(), Error> {
    let len = if pages.is_writable() { pages.len() } else { 0 };
    if len < need || len == 0 {
        return Err(Error::Argument {
            name: "bytes that can be written",
            value: len as u64,
        });
    }
    Ok(())
}
