//! Shared mappings of files and devices, unmapped on drop.
//!
//! Source: `mmap(2)`; for dma-bufs `driver-api/dma-buf` of the kernel's documents.

#![expect(unsafe_code, reason = "mmap, munmap and pointers into mappings")]

use core::ptr::NonNull;

use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{FileType, fstat};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use rustix::param::page_size;

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

/// A shared mapping of a range of a file or device.
///
/// # Invariants
/// `mapped` bytes from `lead` bytes before `start` on are mapped by this value alone until it is
/// dropped; they include `len` bytes from `start` on, which are readable, and writable if `access`
/// says so.
#[derive(Debug)]
pub struct Mapping {
    start: NonNull<u8>,
    len: usize,
    lead: usize,
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
    /// Those of [`Mapping::range`].
    pub fn new(fd: impl AsFd, len: usize, access: Access) -> Result<Self, MemoryError> {
        Self::range(fd, 0, len, access)
    }

    /// Maps `len` bytes of `fd` from byte `offset` on, shared. The offset may lie within a page.
    ///
    /// # Errors
    /// [`MemoryError::OutOfBounds`] if `len` is 0 or the file ends before the range does; devices
    /// have no size and check the range themselves. [`MemoryError::System`] with `EACCES` if the
    /// descriptor does not allow the access, `EPERM` if a seal forbids it, `ENOMEM`.
    pub fn range(
        fd: impl AsFd,
        offset: u64,
        len: usize,
        access: Access,
    ) -> Result<Self, MemoryError> {
        let fd = fd.as_fd();
        let end = offset.checked_add(len as u64);
        let end = end.filter(|_| len > 0).unwrap_or(offset);
        check_end(fd, offset, end)?;
        let huge_page = kind::huge_page_of(fd);
        let page = huge_page.unwrap_or_else(page_size);
        // Less than a page.
        let lead = (offset % page as u64) as usize;
        let prot = match access {
            Access::Read => ProtFlags::READ,
            Access::ReadWrite => ProtFlags::READ | ProtFlags::WRITE,
        };
        let wanted = lead.checked_add(len).ok_or(NO_MEMORY)?;
        // Huge pages are mapped and unmapped as a whole.
        let mapped = match huge_page {
            Some(page) => wanted.checked_next_multiple_of(page).ok_or(NO_MEMORY)?,
            None => wanted,
        };
        let hint = core::ptr::null_mut();
        let from = offset - lead as u64;
        // SAFETY: a null hint lets the kernel choose a free range: no mapping is replaced.
        let base = unsafe { mmap(hint, wanted, prot, MapFlags::SHARED, fd, from) };
        let base = base.map_err(MemoryError::of(Call::Mmap))?;
        // SAFETY: `lead` is less than the `wanted` bytes at `base`.
        let start = unsafe { base.cast::<u8>().add(lead) };
        // INVARIANT: the kernel mapped `wanted` bytes at `base` with the requested protection.
        Ok(Self {
            start: NonNull::new(start).ok_or(NO_MEMORY)?,
            len,
            lead,
            mapped,
            access,
        })
    }

    /// Returns a pointer to the first byte and leaves it to the caller to unmap the memory.
    pub fn leak(self) -> *mut u8 {
        core::mem::ManuallyDrop::new(self).as_ptr()
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
        let base = self.start.as_ptr().wrapping_sub(self.lead);
        // SAFETY: the range is this value's own, and no slice of it outlives the value. An
        // error is impossible for a range that mmap returned.
        let _ = unsafe { munmap(base.cast(), self.mapped) };
    }
}

const NO_MEMORY: MemoryError = MemoryError::System {
    call: Call::Mmap,
    errno: Errno::NOMEM,
};

/// Checks that a range is not empty and that the file has it. A device checks that itself.
fn check_end(fd: BorrowedFd<'_>, offset: u64, end: u64) -> Result<(), MemoryError> {
    let size = match kind::memory_size(fd) {
        Ok(Some(size)) => size,
        _ => {
            let stat = fstat(fd).map_err(MemoryError::of(Call::Fstat))?;
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::CharacterDevice => end,
                _ => stat.st_size as u64,
            }
        }
    };
    match offset < end && end <= size {
        true => Ok(()),
        false => Err(MemoryError::OutOfBounds { end, size }),
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
    use rustix::fs::{CWD, Mode, OFlags, openat};

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
    fn a_range_may_begin_within_a_page() {
        let fd = memfd::create(c"test", 8192).unwrap();
        let mut whole = Mapping::new(&fd, 8192, Access::ReadWrite).unwrap();
        // SAFETY: the only slices of this memory, one after the other.
        let bytes = unsafe { whole.bytes_mut() }.unwrap();
        (bytes[4095], bytes[4096], bytes[4196]) = (1, 2, 3);
        let part = Mapping::range(&fd, 4095, 102, Access::Read).unwrap();
        assert_eq!(part.len(), 102);
        // SAFETY: as above.
        let bytes = unsafe { part.bytes() };
        assert_eq!((bytes[0], bytes[1], bytes[101]), (1, 2, 3));
    }

    #[test]
    fn a_range_past_the_end_is_refused() {
        let fd = memfd::create(c"test", 8192).unwrap();
        for (offset, len) in [(4095, 4098), (8192, 1), (8191, 0), (u64::MAX, 1)] {
            let got = Mapping::range(&fd, offset, len, Access::Read).unwrap_err();
            assert!(matches!(got, MemoryError::OutOfBounds { size: 8192, .. }));
        }
    }

    #[test]
    fn a_device_checks_the_range_itself() {
        let zero = openat(CWD, "/dev/zero", OFlags::RDONLY, Mode::empty()).unwrap();
        assert!(Mapping::range(&zero, 0, 4096, Access::Read).is_ok());
        let null = openat(CWD, "/dev/null", OFlags::RDONLY, Mode::empty()).unwrap();
        let refused = Mapping::range(&null, 0, 4096, Access::Read).unwrap_err();
        assert_eq!(refused.errno(), Errno::NODEV);
    }

    #[test]
    fn a_read_only_mapping_gives_no_writable_bytes() {
        let fd = memfd::create(c"test", 4096).unwrap();
        let mut map = Mapping::new(&fd, 4096, Access::Read).unwrap();
        // SAFETY: the only slice of this memory.
        assert!(unsafe { map.bytes_mut() }.is_none());
    }
}
