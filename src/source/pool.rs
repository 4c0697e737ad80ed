//! Pools of buffers for sources without a driver.

#![expect(unsafe_code, reason = "writing to buffers that only this process uses")]

use std::os::fd::{AsFd, BorrowedFd};

use videostream_hal::Call;
use videostream_hal::format::Layout;
use videostream_hal::memory::allocate::{Allocation, Allocator, Origin};
use videostream_hal::memory::{Access, Mapped, memfd};
use videostream_hal::ring::MAX_SLOTS;

use crate::{Error, PictureMut, Result};

/// A pool of equal buffers, each either free or in use.
///
/// # Invariants
/// `free` contains indices below `buffers.len()`, each at most once.
#[derive(Debug)]
pub struct Pool {
    buffers: Vec<(Allocation, Mapped)>,
    free: Vec<u32>,
    layout: Layout,
}

impl Pool {
    /// Allocates and maps `count` buffers for pictures of `layout`, of the best available memory.
    /// `count` is from 1 to 1024, the largest number of frames of a host.
    ///
    /// # Errors
    /// [`Error::BufferCount`] for another number, [`Error::Memory`] with the error of each kind of
    /// memory, [`Error::Access`].
    pub fn new(allocator: &Allocator, layout: Layout, count: u32) -> Result<Self> {
        if !(1..=MAX_SLOTS).contains(&count) {
            return Err(Error::BufferCount { count });
        }
        let mut buffers = Vec::with_capacity(count as usize);
        for _ in 0..count {
            let memory = allocator.allocate(u64::from(layout.size))?;
            let len = memory.len_bytes as usize;
            let mapped = Mapped::new(&memory.fd, len, Access::ReadWrite)?;
            if memory.report.taken == Some(Origin::Memfd) {
                // Clients must not write: after the seal only the mapping above can.
                let seals = memfd::FIXED_SIZE_READ_ONLY;
                memfd::seal(&memory.fd, seals).map_err(Error::of(Call::Fcntl))?;
            }
            buffers.push((memory, mapped));
        }
        Ok(Self {
            buffers,
            free: (0..count).rev().collect(),
            layout,
        })
    }

    /// Returns the number of buffers.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.buffers.len() as u32
    }

    /// Returns whether the pool has no buffers at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buffers.is_empty()
    }

    /// Returns the kind of memory of the buffers.
    #[must_use]
    pub fn origin(&self) -> Option<Origin> {
        self.buffers.first()?.0.report.taken
    }

    /// Returns buffer `index`.
    #[must_use]
    pub fn buffer(&self, index: u32) -> Option<&Allocation> {
        Some(&self.buffers.get(index as usize)?.0)
    }

    /// Returns the file descriptor of buffer `index` and its size in bytes; empty if it does not
    /// exist.
    #[must_use]
    pub fn fds(&self, index: u32) -> Vec<(BorrowedFd<'_>, u64)> {
        let buffer = self.buffer(index).into_iter();
        buffer.map(|b| (b.fd.as_fd(), b.len_bytes)).collect()
    }

    /// Returns whether a buffer is free.
    #[must_use]
    pub fn has_free(&self) -> bool {
        !self.free.is_empty()
    }

    /// Takes a free buffer, lets `draw` fill it, and returns its index; `None` if no buffer is
    /// free.
    ///
    /// # Errors
    /// The error of `draw`, after which the buffer is free again; [`Error::Access`].
    pub fn fill(
        &mut self,
        draw: impl FnOnce(&mut PictureMut<'_>) -> Result<()>,
    ) -> Result<Option<u32>> {
        let Some(index) = self.free.pop() else {
            return Ok(None);
        };
        let result = self.draw_into(index, draw);
        if result.is_err() {
            self.free.push(index);
        }
        result.map(|()| Some(index))
    }

    fn draw_into(
        &mut self,
        index: u32,
        draw: impl FnOnce(&mut PictureMut<'_>) -> Result<()>,
    ) -> Result<()> {
        let (memory, mapped) = &self.buffers[index as usize];
        let mut access = mapped.write(memory.fd.as_fd())?;
        // SAFETY: the buffer was free, so no client holds a frame in it (`put` is called only
        // then), and the pool is the only writer. Its size is fixed.
        let bytes = unsafe { access.bytes_mut() };
        draw(&mut PictureMut::new(bytes, &self.layout)?)?;
        Ok(access.end()?)
    }

    /// Puts a buffer that is no longer read back into the pool.
    pub fn put(&mut self, index: u32) {
        if index < self.len() && !self.free.contains(&index) {
            self.free.push(index);
        }
    }
}
