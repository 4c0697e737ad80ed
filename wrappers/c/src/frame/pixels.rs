//! Access of the library to the pixels of a frame.

#![expect(unsafe_code, reason = "mapped memory becomes slices")]

use std::os::fd::BorrowedFd;

use rustix::io::Errno;
use videostream::hal::format::Layout;
use videostream::hal::memory::MemoryError;
use videostream::hal::memory::dmabuf::{CpuAccess, SyncAccess, begin_access, end_access};
use videostream::hal::memory::mapping::{Access, Mapping, file_size};
use videostream::hal::memory::memfd::is_dma_buf;

use super::buffer::Buffer;
use super::{Frame, Shape, map};

/// Result of a write into a frame: the number of bytes, and their format.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filled {
    pub(crate) size: usize,
    pub(crate) shape: Shape,
}

impl Frame {
    /// Calls `look` with the frame's bytes, mapping them for reading unless the program has.
    ///
    /// By the header's rule that one thread at a time uses a frame, the program does not write the
    /// bytes meanwhile. Other processes and devices may; `look` sees their writes or does not.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&[u8]) -> Result<T, Errno>) -> Result<T, Errno> {
        let fd = self.fd().ok_or(Errno::BADF)?;
        if let Some(view) = self.view() {
            let _access = self.access(fd, SyncAccess::Read)?;
            // SAFETY: the view has `capacity` bytes from its first one on, `size` is never more,
            // and the program lets nobody write them during this call.
            return look(unsafe { std::slice::from_raw_parts(view.as_ptr(), self.size) });
        }
        let memory = Mapping::range(fd, self.offset as u64, self.size, Access::Read)
            .map_err(MemoryError::errno)?;
        let _access = self.access(fd, SyncAccess::Read)?;
        // SAFETY: as above; the memory's length was compared with the file's.
        look(unsafe { memory.bytes() })
    }

    /// Lets `fill` write into all of the frame's memory, whatever it was used for before.
    pub(crate) fn write<T>(
        &mut self,
        fill: impl FnOnce(&mut [u8]) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let fd = self.fd().ok_or(Errno::BADF)?;
        let own;
        let view = match self.view() {
            Some(view) => view,
            None => {
                own = map(fd, self.offset, self.capacity)?;
                &own
            }
        };
        let _access = self.access(fd, SyncAccess::Write)?;
        // SAFETY: the view has `capacity` bytes from its first one on, and the program looks
        // at none of them during this call.
        fill(unsafe { std::slice::from_raw_parts_mut(view.as_ptr(), self.capacity) })
    }

    /// The existing mapping of all the frame's memory.
    fn view(&self) -> Option<&Mapping> {
        match &self.buffer {
            Some(Buffer::Pooled(memory)) => Some(memory.view()),
            _ => self.view.as_ref(),
        }
    }

    /// Begins CPU access, unless the program has begun it.
    fn access<'fd>(
        &self,
        fd: BorrowedFd<'fd>,
        access: SyncAccess,
    ) -> Result<Option<CpuAccess<'fd>>, Errno> {
        if self.is_mapped {
            return Ok(None);
        }
        let access = CpuAccess::begin(fd, access).map_err(MemoryError::errno)?;
        Ok(Some(access))
    }

    /// Whether the memory is a dma-buf.
    pub(crate) fn is_dma_buf(&self) -> bool {
        self.fd().is_some_and(is_dma_buf)
    }

    /// Where a picture of this layout lies in the frame's one memory; `None` if the frame, or the
    /// memory, ends before the picture does.
    pub(crate) fn layout_in_memory(&self, layout: &Layout) -> Option<Layout> {
        let end = self.offset.checked_add(self.size)? as u64;
        let has = file_size(self.fd()?).ok()?;
        if layout.memory_planes() != 1 || layout.size as usize > self.size || end > has {
            return None;
        }
        let offset = u32::try_from(self.offset).ok()?;
        let mut moved = *layout;
        for plane in moved.planes.get_mut(..layout.plane_count)? {
            plane.offset = plane.offset.checked_add(offset)?;
        }
        Some(moved)
    }

    /// Runs `access` while a device uses the memory: the CPU access of a mapping ends before it and
    /// begins again after it.
    pub(crate) fn with_device_access<T>(
        &self,
        access: impl FnOnce(BorrowedFd<'_>) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let fd = self.fd().ok_or(Errno::BADF)?;
        if self.is_mapped {
            end_access(fd, SyncAccess::ReadWrite).map_err(MemoryError::errno)?;
        }
        let result = access(fd);
        if self.is_mapped {
            begin_access(fd, SyncAccess::ReadWrite).map_err(MemoryError::errno)?;
        }
        result
    }

    /// Records what [`Frame::write`] has written.
    pub(crate) fn set_filled(&mut self, filled: Filled) {
        self.size = filled.size.min(self.capacity);
        self.shape = filled.shape;
    }

    /// Marks the frame as empty; [`Frame::write`] still has all of its memory.
    pub(crate) const fn set_empty(&mut self) {
        self.size = 0;
    }

    /// Whether two frames share memory, so that one would be read while it is written.
    pub(super) fn shares_memory_with(&self, other: &Self) -> bool {
        self.identity.is_some() && self.identity == other.identity
    }
}
