//! Buffers of a host, mapped when first read and unmapped to make room.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use videostream_hal::memory::{Access, Mapped, MemoryError};
use videostream_ipc::Error;

use super::inbox::{Inbox, ReceivedBuffer};

/// A buffer of frames.
#[derive(Debug)]
pub(super) struct Buffer {
    size: u64,
    fd: OwnedFd,
    mapped: OnceLock<Mapped>,
    /// Number of the latest look-up for which a frame in it was held.
    used: AtomicU64,
}

impl Buffer {
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Records that look-up `count` was for a frame in this buffer.
    pub(super) fn mark_used(&self, count: u64) {
        // Relaxed suffices: it only decides which mapping is dropped first.
        self.used.store(count, Ordering::Relaxed);
    }

    fn is_mapped(&self) -> bool {
        self.mapped.get().is_some()
    }
}

impl AsFd for Buffer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl ReceivedBuffer for Buffer {
    fn received(fd: OwnedFd, size: u64) -> Result<Self, Error> {
        Ok(Self {
            size,
            fd,
            mapped: OnceLock::new(),
            used: AtomicU64::new(0),
        })
    }
}

impl Inbox<Buffer> {
    /// Returns the mapping of a held frame's buffer. It is made at the first call and kept until
    /// more than `keep` are mapped and no frame holds the buffer.
    pub(super) fn mapped<'a>(
        &self,
        buffer: &'a Buffer,
        keep: usize,
    ) -> Result<&'a Mapped, MemoryError> {
        if let Some(mapped) = buffer.mapped.get() {
            return Ok(mapped);
        }
        self.make_room(keep);
        let new = Mapped::new(&buffer.fd, buffer.size as usize, Access::Read)?;
        // If another thread was faster, its mapping is used and this one is dropped.
        Ok(buffer.mapped.get_or_init(|| new))
    }

    /// Unmaps buffers without held frames, least recently used first, until fewer than `keep` are
    /// mapped.
    fn make_room(&self, keep: usize) {
        let mut contents = self.lock();
        let mapped = contents
            .memory()
            .filter(|buffer| buffer.is_mapped())
            .count();
        for _ in keep..=mapped {
            // No frame holds a buffer whose only reference is in the inbox.
            let idle = contents.memory().filter_map(Arc::get_mut);
            let idle = idle.filter(|buffer| buffer.is_mapped());
            let Some(oldest) = idle.min_by_key(|buffer| buffer.used.load(Ordering::Relaxed)) else {
                return;
            };
            oldest.mapped.take();
        }
    }
}
