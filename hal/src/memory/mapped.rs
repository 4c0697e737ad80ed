//! Mapped memory of dma-bufs and memfds, with access by the CPU between brackets.

#![expect(unsafe_code, reason = "bytes of memory that others can write")]

use rustix::fd::{AsFd, BorrowedFd};

use super::dmabuf::{CpuAccess, SyncAccess};
use super::kind::{self, Kind};
use super::{Access, Mapping, MemoryError};

/// A mapping of a dma-buf or memfd whose bytes are read and written under guards.
///
/// A guard brackets the access to a dma-buf as [`CpuAccess`] does. Access to any other memory needs
/// no bracket, and no system call.
///
/// The descriptor stays with its owner (a source, a frame, a caller), who passes it to each access:
/// it must be of the memory that was mapped, otherwise the CPU may see stale bytes.
///
/// # Example
/// ```
/// use std::os::fd::AsFd as _;
/// use videostream_hal::memory::{Access, Allocator, Mapped};
///
/// let buffer = Allocator::new().allocate(4096)?;
/// let mapped = Mapped::new(&buffer.fd, 4096, Access::ReadWrite)?;
/// let mut writing = mapped.write(buffer.fd.as_fd())?;
/// // SAFETY: nobody else has the descriptor, and there is no other guard.
/// let bytes = unsafe { writing.bytes_mut() };
/// bytes[0] = 17;
/// writing.end()?;
/// let reading = mapped.read(buffer.fd.as_fd())?;
/// // SAFETY: as above.
/// assert_eq!(unsafe { reading.bytes() }[0], 17);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Mapped {
    mapping: Mapping,
    is_bracketed: bool,
}

impl Mapped {
    /// Maps the first `len` bytes of `fd`.
    ///
    /// # Errors
    /// Those of [`Mapping::range`].
    pub fn new(fd: impl AsFd, len: usize, access: Access) -> Result<Self, MemoryError> {
        let is_bracketed = match kind::of(fd.as_fd()) {
            Ok(Kind::Memory(_) | Kind::HugePages(_) | Kind::Other) => false,
            // Before Linux 5.3 a dma-buf cannot be told from other kernel objects.
            Ok(Kind::DmaBuf | Kind::Object) | Err(_) => true,
        };
        Ok(Self {
            mapping: Mapping::new(fd, len, access)?,
            is_bracketed,
        })
    }

    /// Returns the mapping.
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// Returns whether access is bracketed, that is, whether the memory is a dma-buf.
    pub fn is_bracketed(&self) -> bool {
        self.is_bracketed
    }

    /// Begins to read. Waits for the fences of devices that write the memory.
    ///
    /// # Errors
    /// Those of [`CpuAccess::begin`].
    pub fn read<'a>(&'a self, fd: BorrowedFd<'a>) -> Result<ReadGuard<'a>, MemoryError> {
        Ok(ReadGuard {
            mapping: &self.mapping,
            access: self.begin(fd, SyncAccess::Read)?,
        })
    }

    /// Begins to write, without reading what was there. Waits for the fences of devices that use
    /// the memory.
    ///
    /// # Errors
    /// [`MemoryError::ReadOnly`] if it is mapped for reading; those of [`CpuAccess::begin`].
    pub fn write<'a>(&'a self, fd: BorrowedFd<'a>) -> Result<WriteGuard<'a>, MemoryError> {
        self.begin_write(fd, SyncAccess::Write)
    }

    /// Begins to read and write. Waits for the fences of devices that use the memory.
    ///
    /// # Errors
    /// Those of [`Mapped::write`].
    pub fn read_write<'a>(&'a self, fd: BorrowedFd<'a>) -> Result<WriteGuard<'a>, MemoryError> {
        self.begin_write(fd, SyncAccess::ReadWrite)
    }

    fn begin_write<'a>(
        &'a self,
        fd: BorrowedFd<'a>,
        access: SyncAccess,
    ) -> Result<WriteGuard<'a>, MemoryError> {
        if !self.mapping.is_writable() {
            return Err(MemoryError::ReadOnly);
        }
        // INVARIANT: the mapping is writable.
        Ok(WriteGuard {
            mapping: &self.mapping,
            access: self.begin(fd, access)?,
        })
    }

    fn begin<'a>(
        &self,
        fd: BorrowedFd<'a>,
        access: SyncAccess,
    ) -> Result<Option<CpuAccess<'a>>, MemoryError> {
        match self.is_bracketed {
            true => CpuAccess::begin(fd, access).map(Some),
            false => Ok(None),
        }
    }
}

/// Read access by the CPU, until the guard is dropped.
#[derive(Debug)]
#[must_use = "the access ends when the guard is dropped"]
pub struct ReadGuard<'a> {
    mapping: &'a Mapping,
    access: Option<CpuAccess<'a>>,
}

impl ReadGuard<'_> {
    /// Returns the bytes.
    ///
    /// # Safety
    /// While the slice lives nobody may write the memory, in this process, another one or a device,
    /// and nobody may shorten the file.
    pub unsafe fn bytes(&self) -> &[u8] {
        // SAFETY: the caller's promise.
        unsafe { self.mapping.bytes() }
    }

    /// Ends the access, as drop does, and returns the error that drop ignores.
    ///
    /// # Errors
    /// Those of [`CpuAccess::end`].
    pub fn end(self) -> Result<(), MemoryError> {
        self.access.map_or(Ok(()), CpuAccess::end)
    }
}

/// Write access by the CPU, until the guard is dropped.
///
/// # Invariants
/// The mapping is writable.
#[derive(Debug)]
#[must_use = "the access ends when the guard is dropped"]
pub struct WriteGuard<'a> {
    mapping: &'a Mapping,
    access: Option<CpuAccess<'a>>,
}

impl WriteGuard<'_> {
    /// Returns the bytes for writing.
    ///
    /// # Safety
    /// While the slice lives nobody else may read or write the memory: through another guard or
    /// mapping, in another process or a device. Nobody may shorten the file.
    pub unsafe fn bytes_mut(&mut self) -> &mut [u8] {
        let (start, len) = (self.mapping.as_ptr(), self.mapping.len());
        // SAFETY: the mapping has `len` bytes and is writable, by the invariants of both types;
        // the caller makes sure that nobody else uses them.
        unsafe { core::slice::from_raw_parts_mut(start, len) }
    }

    /// Ends the access, as drop does, and returns the error that drop ignores.
    ///
    /// # Errors
    /// Those of [`CpuAccess::end`].
    pub fn end(self) -> Result<(), MemoryError> {
        self.access.map_or(Ok(()), CpuAccess::end)
    }
}

#[cfg(test)]
mod tests {
    use super::super::memfd;
    use super::*;

    #[test]
    fn a_memfd_is_accessed_without_a_bracket() {
        let fd = memfd::create(c"mapped-test", 4096).unwrap();
        let mapped = Mapped::new(&fd, 4096, Access::ReadWrite).unwrap();
        assert!(!mapped.is_bracketed());
        let mut writing = mapped.read_write(fd.as_fd()).unwrap();
        assert!(writing.access.is_none());
        // SAFETY: the only slice of this memory.
        let bytes = unsafe { writing.bytes_mut() };
        bytes[4095] = 5;
        writing.end().unwrap();
        let reading = mapped.read(fd.as_fd()).unwrap();
        // SAFETY: as above.
        assert_eq!(unsafe { reading.bytes() }[4095], 5);
    }

    #[test]
    fn a_read_only_mapping_cannot_be_written() {
        let fd = memfd::create(c"mapped-test", 4096).unwrap();
        let mapped = Mapped::new(&fd, 4096, Access::Read).unwrap();
        let refused = mapped.write(fd.as_fd()).unwrap_err();
        assert_eq!(refused, MemoryError::ReadOnly);
        assert!(mapped.read(fd.as_fd()).is_ok());
    }
}
