//! A frame's memory mapped into the process.

#![expect(unsafe_code, reason = "mmap and munmap")]

use std::os::fd::BorrowedFd;
use std::ptr::NonNull;

use rustix::fs::{FileType, fstat};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use rustix::param::page_size;
use videostream::hal::memory::kind::mapped_len;
use videostream::hal::memory::mapping::file_size;

/// A shared mapping from the page on that the frame's first byte lies in.
///
/// # Invariants
/// `len` bytes from `start` on are mapped by this value alone; `lead` is less than `len`.
#[derive(Debug)]
pub(crate) struct View {
    start: NonNull<u8>,
    len: usize,
    lead: usize,
    mapped: usize,
}

// SAFETY: a mapping belongs to the process, not to a thread.
unsafe impl Send for View {}
// SAFETY: shared references give out pointers only.
unsafe impl Sync for View {}

impl View {
    /// Maps `len` bytes from `offset` on, for reading and writing.
    pub(crate) fn new(fd: BorrowedFd<'_>, offset: usize, len: usize) -> Result<Self, Errno> {
        Self::map(fd, offset, len, ProtFlags::READ | ProtFlags::WRITE)
    }

    /// The same for writing as far as the descriptor allows it.
    pub(crate) fn as_allowed(fd: BorrowedFd<'_>, offset: usize, len: usize) -> Result<Self, Errno> {
        match Self::new(fd, offset, len) {
            Err(Errno::ACCESS | Errno::PERM) => Self::map(fd, offset, len, ProtFlags::READ),
            other => other,
        }
    }

    fn map(fd: BorrowedFd<'_>, offset: usize, len: usize, prot: ProtFlags) -> Result<Self, Errno> {
        let end = offset.checked_add(len).ok_or(Errno::INVAL)?;
        if len == 0 || !reaches(fd, end)? {
            return Err(Errno::INVAL);
        }
        let lead = offset % page_size();
        let len = lead.checked_add(len).ok_or(Errno::INVAL)?;
        let from = u64::try_from(offset - lead).map_err(|_| Errno::INVAL)?;
        let hint = std::ptr::null_mut();
        // SAFETY: a null hint lets the kernel choose a free range: no mapping is replaced.
        let start = unsafe { mmap(hint, len, prot, MapFlags::SHARED, fd, from) };
        let start = NonNull::new(start?.cast()).ok_or(Errno::NOMEM)?;
        // INVARIANT: the kernel gave `len` bytes at `start`, and `lead` bytes are before the rest;
        // of huge pages it maps whole ones.
        Ok(Self {
            start,
            len,
            lead,
            mapped: mapped_len(fd, len),
        })
    }

    /// Bytes that can be used.
    pub(crate) const fn len(&self) -> usize {
        self.len - self.lead
    }

    /// The frame's first byte.
    pub(crate) fn as_ptr(&self) -> *mut u8 {
        // SAFETY: `lead` is within the mapping, by the type's invariant.
        unsafe { self.start.as_ptr().add(self.lead) }
    }
}

impl View {
    /// Leaves the mapping to the caller: its first byte.
    pub(crate) fn leave_mapped(self) -> *mut u8 {
        let start = self.as_ptr();
        std::mem::forget(self);
        start
    }
}

impl Drop for View {
    fn drop(&mut self) {
        // SAFETY: the range is this value's own; what pointers the program has are over, as the
        // header says. An error is impossible for a range that mmap gave.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.mapped) };
    }
}

/// Whether the memory has `end` bytes. Devices have no size, and check the range themselves.
fn reaches(fd: BorrowedFd<'_>, end: usize) -> Result<bool, Errno> {
    let kind = FileType::from_raw_mode(fstat(fd)?.st_mode);
    let end = u64::try_from(end).map_err(|_| Errno::INVAL)?;
    Ok(kind == FileType::CharacterDevice || file_size(fd)? >= end)
}
