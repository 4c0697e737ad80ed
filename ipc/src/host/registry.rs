//! The host's buffers, each with an id that is never used twice.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use videostream_hal::memory::dmabuf::{Identity, identity};
use videostream_hal::memory::{mapping, memfd};

use crate::{Error, MAX_BUFFERS};

/// A bounded set of buffers.
#[derive(Debug)]
pub(super) struct Registry {
    entries: [Option<Entry>; MAX_BUFFERS],
    last_id: u32,
}

#[derive(Debug)]
struct Entry {
    id: u32,
    size: u64,
    fd: OwnedFd,
    /// Device and inode: the same memory under another descriptor is found by it.
    identity: Identity,
}

impl Registry {
    pub(super) fn new() -> Self {
        Self {
            entries: [const { None }; MAX_BUFFERS],
            last_id: 0,
        }
    }

    /// Adds a buffer, or finds the one with the same memory. Ids start at 1.
    pub(super) fn insert(&mut self, fd: OwnedFd, size: u64) -> Result<u32, Error> {
        let identity = identity(fd.as_fd()).map_err(|e| Error::Os("fstat", e.errno()))?;
        let same = self
            .entries
            .iter()
            .flatten()
            .find(|e| e.identity == identity);
        if let Some(entry) = same {
            return Ok(entry.id);
        }
        let real = mapping::file_size(&fd).map_err(|e| Error::Os("lseek", e))?;
        let id = self.last_id.wrapping_add(1).max(1);
        if size == 0 || real < size || !memfd::cannot_shrink(fd.as_fd()) {
            return Err(Error::BadBuffer(id));
        }
        let place = self.entries.iter().position(Option::is_none);
        let place = place.ok_or(Error::TooManyBuffers(MAX_BUFFERS))?;
        self.last_id = id;
        self.entries[place] = Some(Entry {
            id,
            size,
            fd,
            identity,
        });
        Ok(id)
    }

    /// Removes a buffer; whether it was there.
    pub(super) fn remove(&mut self, id: u32) -> bool {
        let place = self
            .entries
            .iter()
            .position(|e| e.as_ref().is_some_and(|e| e.id == id));
        place.map(|place| self.entries[place] = None).is_some()
    }

    /// All buffers: place, id, size, descriptor.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, u32, u64, BorrowedFd<'_>)> {
        let entries = self.entries.iter().enumerate();
        entries.filter_map(|(place, e)| {
            let e = e.as_ref()?;
            Some((place, e.id, e.size, e.fd.as_fd()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(size: usize) -> OwnedFd {
        let fd = memfd::create(c"test", size).unwrap();
        memfd::seal(&fd, memfd::FIXED_SIZE).unwrap();
        fd
    }

    #[test]
    fn the_same_memory_keeps_its_id_under_another_descriptor() {
        let mut r = Registry::new();
        let fd = buffer(4096);
        let again = rustix::io::dup(&fd).unwrap();
        let id = r.insert(fd, 4096).unwrap();
        assert_eq!(r.insert(again, 4096), Ok(id));
        assert_ne!(r.insert(buffer(4096), 4096), Ok(id));
        assert_eq!(r.iter().count(), 2);
    }

    #[test]
    fn ids_are_not_used_again() {
        let mut r = Registry::new();
        let a = r.insert(buffer(4096), 4096).unwrap();
        assert!(r.remove(a));
        assert!(!r.remove(a));
        assert_ne!(r.insert(buffer(4096), 4096), Ok(a));
    }

    #[test]
    fn memory_that_can_shrink_or_is_too_small_is_refused() {
        let mut r = Registry::new();
        let unsealed = memfd::create(c"test", 4096).unwrap();
        assert_eq!(r.insert(unsealed, 4096), Err(Error::BadBuffer(1)));
        assert_eq!(r.insert(buffer(4096), 8192), Err(Error::BadBuffer(1)));
    }

    #[test]
    fn the_registry_is_bounded() {
        let mut r = Registry::new();
        for _ in 0..MAX_BUFFERS {
            r.insert(buffer(4096), 4096).unwrap();
        }
        let full = Err(Error::TooManyBuffers(MAX_BUFFERS));
        assert_eq!(r.insert(buffer(4096), 4096), full);
    }
}
