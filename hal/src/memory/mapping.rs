//! Shared mappings of files, unmapped on drop.
//!
//! Source: `mmap(2)`; for dma-bufs `driver-api/dma-buf` of the kernel's documents.

#![expect(unsafe_code, reason = "mmap, munmap and pointers into what they give")]

use core::ptr::NonNull;

use rustix::fd::AsFd;
use rustix::fs::fstat;
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use super::{MemoryError, kind};
use crate::Call;

/// The access that a mapping allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading.
    Read,
    /// Reading and writing.
    ReadWrite,
}

/// A shared mapping of the first `len` bytes of a file.
///
/// # Invariants
/// `start..start + mapped` is mapped by this value alone until it is dropped; `len` is at most
/// `mapped`, and the first `len` bytes are readable, and writable if `access` says so.
#[derive(Debug)]
pub struct Mapping {
    start: NonNull<u8>,
    len: usize,
    mapped: usize,
    access: Access,
}

// SAFETY: a mapping belongs to the process, not to a thread.
unsafe impl Send for Mapping {}
// SAFETY: shared references give out pointers and byte slices, never exclusive ones.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps the first `len` bytes of `fd`, shared.
    ///
    /// # Errors
    /// [`MemoryError::OutOfBounds`] if `len` is 0 or more than the file has;
    /// [`MemoryError::System`] with `EACCES` if the descriptor does not allow the access, `EPERM`
    /// if a seal forbids it, `ENOMEM`.
    pub fn new(fd: impl AsFd, len: usize, access: Access) -> Result<Self, MemoryError> {
        let size = file_size(&fd).map_err(MemoryError::of(Call::Fstat))?;
        if len == 0 || len as u64 > size {
            return Err(MemoryError::OutOfBounds {
                end: len as u64,
                size,
            });
        }
        let mapped = kind::mapped_len(fd.as_fd(), len);
        let mut mapping = Self::at(fd, 0, len, access).map_err(MemoryError::of(Call::Mmap))?;
        // INVARIANT: the kernel maps huge pages whole.
        mapping.mapped = mapped;
        Ok(mapping)
    }

    /// Maps `len` bytes of a device from `offset` on, shared; the device checks the range.
    pub(crate) fn at(
        fd: impl AsFd,
        offset: u64,
        len: usize,
        access: Access,
    ) -> Result<Self, Errno> {
        let prot = match access {
            Access::Read => ProtFlags::READ,
            Access::ReadWrite => ProtFlags::READ | ProtFlags::WRITE,
        };
        let hint = core::ptr::null_mut();
        // SAFETY: a null hint lets the kernel choose a free range: no mapping is replaced.
        let start = unsafe { mmap(hint, len, prot, MapFlags::SHARED, fd, offset) };
        let start = NonNull::new(start?.cast()).ok_or(Errno::NOMEM)?;
        // INVARIANT: the kernel gave `len` bytes at `start` with the asked protection.
        Ok(Self {
            start,
            len,
            mapped: len,
            access,
        })
    }

    /// Returns a pointer to the first byte.
    pub fn as_ptr(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    /// Returns the number of bytes mapped.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns `false`: empty mappings are refused.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Returns whether the mapping is writable.
    pub fn is_writable(&self) -> bool {
        self.access == Access::ReadWrite
    }

    /// Returns the bytes.
    ///
    /// # Safety
    /// While the slice exists the memory must not be written, by this process, another one or a
    /// device, and the file must not be truncated.
    pub unsafe fn bytes(&self) -> &[u8] {
        // SAFETY: the type's invariant gives the range, the caller that it does not change.
        unsafe { core::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    /// Returns the bytes for writing; `None` if the mapping is read-only.
    ///
    /// # Safety
    /// While the slice exists the memory must not be read or written in another way, by this
    /// process, another one or a device, and the file must not be truncated.
    pub unsafe fn bytes_mut(&mut self) -> Option<&mut [u8]> {
        if !self.is_writable() {
            return None;
        }
        // SAFETY: the type's invariant gives the range and that it is writable, the caller
        // that it is not used otherwise.
        Some(unsafe { core::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // ThreadSanitizer does not see system calls made without the C library: it would take the
        // next mapping at this address for this one, with the accesses of all threads so far.
        if cfg!(tsan) {
            return;
        }
        // SAFETY: the range is this value's own, and no slice of it outlives the value. An
        // error is impossible for a range that mmap gave.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.mapped) };
    }
}

/// Returns the size of the file behind `fd` in bytes, dma-bufs included. For a file from another
/// process use [`kind::memory_size`], which does not block.
pub fn file_size(fd: impl AsFd) -> Result<u64, Errno> {
    match kind::memory_size(fd.as_fd()) {
        Ok(Some(size)) => Ok(size),
        _ => Ok(fstat(&fd)?.st_size as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::super::memfd;
    use super::*;

    #[test]
    fn two_mappings_of_one_file_show_the_same_bytes() {
        let fd = memfd::create(c"test", 8192).unwrap();
        let mut a = Mapping::new(&fd, 8192, Access::ReadWrite).unwrap();
        let b = Mapping::new(&fd, 4096, Access::Read).unwrap();
        // SAFETY: the only slices of this memory, one after the other.
        unsafe { a.bytes_mut() }.unwrap()[17] = 5;
        // SAFETY: as above.
        assert_eq!(unsafe { b.bytes() }[17], 5);
    }

    #[test]
    fn a_mapping_past_the_end_is_refused_with_both_sizes() {
        let fd = memfd::create(c"test", 4096).unwrap();
        for end in [0_u64, 4097] {
            assert_eq!(
                Mapping::new(&fd, end as usize, Access::Read).unwrap_err(),
                MemoryError::OutOfBounds { end, size: 4096 }
            );
        }
    }

    #[test]
    fn a_read_only_mapping_gives_no_writable_bytes() {
        let fd = memfd::create(c"test", 4096).unwrap();
        let mut map = Mapping::new(&fd, 4096, Access::Read).unwrap();
        // SAFETY: the only slice of this memory.
        assert!(unsafe { map.bytes_mut() }.is_none());
    }
}
