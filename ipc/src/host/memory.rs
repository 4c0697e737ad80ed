//! Memory that a host shares: what it has to be, and when two are the same.

use rustix::fd::{AsFd, OwnedFd};
use videostream_hal::memory::dmabuf::{Identity, identity};
use videostream_hal::memory::{mapping, memfd};

use crate::Error;

/// A buffer's descriptor. The same memory under another descriptor is equal.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) fd: OwnedFd,
    /// Device and inode.
    identity: Identity,
}

impl PartialEq for Memory {
    fn eq(&self, other: &Self) -> bool {
        self.identity == other.identity
    }
}

impl Memory {
    pub(super) fn new(fd: OwnedFd) -> Result<Self, Error> {
        let identity = identity(fd.as_fd()).map_err(|e| Error::Os("fstat", e.errno()))?;
        Ok(Self { fd, identity })
    }

    /// Checks that it has `size` bytes and keeps them; `id` is for the error.
    pub(super) fn check(&self, size: u64, id: u32) -> Result<(), Error> {
        let real = mapping::file_size(&self.fd).map_err(|e| Error::Os("lseek", e))?;
        if size == 0 || real < size || !memfd::cannot_shrink(self.fd.as_fd()) {
            return Err(Error::BadBuffer(id));
        }
        Ok(())
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
    fn the_same_memory_is_equal_under_another_descriptor() {
        let fd = buffer(4096);
        let again = Memory::new(rustix::io::dup(&fd).unwrap()).unwrap();
        assert_eq!(Memory::new(fd).unwrap(), again);
        assert_ne!(Memory::new(buffer(4096)).unwrap(), again);
    }

    #[test]
    fn memory_that_can_shrink_or_is_too_small_is_refused() {
        let unsealed = Memory::new(memfd::create(c"test", 4096).unwrap()).unwrap();
        assert_eq!(unsealed.check(4096, 1), Err(Error::BadBuffer(1)));
        let sealed = Memory::new(buffer(4096)).unwrap();
        assert_eq!(sealed.check(4096, 1), Ok(()));
        assert_eq!(sealed.check(8192, 1), Err(Error::BadBuffer(1)));
        assert_eq!(sealed.check(0, 1), Err(Error::BadBuffer(1)));
    }
}
