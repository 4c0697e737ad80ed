//! Buffers of our own for sources without a driver.

#![expect(unsafe_code, reason = "writing to buffers that only this process uses")]

use std::os::fd::{AsFd, BorrowedFd};

use videostream_hal::format::Layout;
use videostream_hal::memory::allocate::{Allocation, Allocator, Origin};
use videostream_hal::memory::dmabuf::{CpuAccess, SyncAccess};
use videostream_hal::memory::{Access, Mapping, memfd};
use videostream_hal::ring::MAX_SLOTS;

use crate::{Error, PictureMut, Result};

/// Equal buffers, each either in the pool or out.
///
/// # Invariants
/// `free` holds indices below `buffers.len()`, each at most once.
#[derive(Debug)]
pub struct Pool {
    buffers: Vec<(Allocation, Mapping)>,
    free: Vec<u32>,
    layout: Layout,
}

impl Pool {
    /// `count` buffers for pictures of `layout`, mapped, from the best memory there is; from 1 to 1024, as many as
    /// a host can have frames.
    ///
    /// # Errors
    /// [`Error::BufferCount`] for another number, [`Error::Memory`] with what each kind of memory said, [`Error::Map`].
    pub fn new(allocator: &Allocator, layout: Layout, count: u32) -> Result<Self> {
        if !(1..=MAX_SLOTS).contains(&count) {
            return Err(Error::BufferCount { count });
        }
        let mut buffers = Vec::with_capacity(count as usize);
        for _ in 0..count {
            let memory = allocator.allocate(u64::from(layout.size))?;
            let len = memory.len_bytes as usize;
            let mapping = Mapping::new(&memory.fd, len, Access::ReadWrite)?;
            if memory.report.taken == Some(Origin::Memfd) {
                // Readers get no way to write: only the mapping above can.
                let seals = memfd::FIXED_SIZE_READ_ONLY;
                memfd::seal(&memory.fd, seals).map_err(|e| Error::Os("seal memory", e.into()))?;
            }
            buffers.push((memory, mapping));
        }
        Ok(Self {
            buffers,
            free: (0..count).rev().collect(),
            layout,
        })
    }

    /// Number of buffers.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.buffers.len() as u32
    }

    /// Whether there are no buffers at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buffers.is_empty()
    }

    /// What kind of memory the buffers are.
    #[must_use]
    pub fn origin(&self) -> Option<Origin> {
        self.buffers.first()?.0.report.taken
    }

    /// Buffer `index`.
    #[must_use]
    pub fn buffer(&self, index: u32) -> Option<&Allocation> {
        Some(&self.buffers.get(index as usize)?.0)
    }

    /// The descriptor of buffer `index` and its length in bytes; nothing for one that does not exist.
    #[must_use]
    pub fn fds(&self, index: u32) -> Vec<(BorrowedFd<'_>, u64)> {
        let buffer = self.buffer(index).into_iter();
        buffer.map(|b| (b.fd.as_fd(), b.len_bytes)).collect()
    }

    /// Whether a buffer is free.
    #[must_use]
    pub fn has_free(&self) -> bool {
        !self.free.is_empty()
    }

    /// Takes a free buffer, lets `draw` fill it, and gives its index. `None`: all are out.
    ///
    /// # Errors
    /// What `draw` fails with, after which the buffer is free again; [`Error::DmaBuf`].
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
        let (memory, mapping) = &mut self.buffers[index as usize];
        let is_dma_buf = memory.report.taken.is_some_and(Origin::is_dma_buf);
        let access = if is_dma_buf {
            Some(CpuAccess::begin(memory.fd.as_fd(), SyncAccess::Write)?)
        } else {
            None
        };
        // SAFETY: the buffer was free: no client holds a frame in it, which is when `put` is
        // called, and the pool is the only writer. Its size is fixed.
        let bytes = unsafe { mapping.bytes_mut() }.unwrap_or_default();
        draw(&mut PictureMut::new(bytes, &self.layout)?)?;
        access.map_or(Ok(()), CpuAccess::end).map_err(Error::DmaBuf)
    }

    /// Puts a buffer back that nobody reads any more.
    pub fn put(&mut self, index: u32) {
        if index < self.len() && !self.free.contains(&index) {
            self.free.push(index);
        }
    }
}
