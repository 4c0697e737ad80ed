//! Buffers that wait for memory from elsewhere.

use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::fcntl_dupfd_cloexec;

use super::{Core, Place};
use crate::memory::mapping::Mapping;
use crate::v4l2::{Error, MAX_MEMORY_PLANES, Memory};

/// The buffers of a queue whose memory is not the driver's, to be given it before they are queued.
#[derive(Debug)]
pub struct Places<'q> {
    memory: Memory,
    lengths: &'q [u32],
    places: &'q mut [Place],
}

impl<D: AsFd> Core<D> {
    pub(super) fn places(&mut self) -> Places<'_> {
        Places {
            memory: self.memory,
            lengths: &self.lengths[..self.plane_count.min(MAX_MEMORY_PLANES)],
            places: &mut self.places,
        }
    }
}

impl Places<'_> {
    /// Number of buffers; their indices are below it.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.places.len() as u32
    }

    /// Bytes that each memory plane needs at least.
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
            let fd = fcntl_dupfd_cloexec(plane, 0).map_err(|e| Error::system("fcntl", e))?;
            *owned = Some(fd);
        }
        *self.place(index, Memory::DmaBuf)? = Place::Imported(owned);
        Ok(())
    }

    /// Gives a place the memory that it will always have: pages of this process for each memory
    /// plane. The queue keeps them until it ends. Pages of a file (memfd) can be mapped by other
    /// processes, too: the way to share what a driver fills by address.
    ///
    /// # Errors
    /// [`Error::Argument`]: no such place, another number of planes, memory that is too short or
    /// read-only, or the queue has memory of another kind.
    pub fn lend_each(
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
        *self.place(index, Memory::UserPtr)? = Place::LentEach(each);
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

    /// The place of a buffer, if the queue's memory is of that kind.
    pub(super) fn place(&mut self, index: u32, memory: Memory) -> Result<&mut Place, Error> {
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
