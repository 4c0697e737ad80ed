//! Shared memory and fences: their checks, identity, and descriptors for clients.

use core::fmt::Write as _;

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags, SealFlags};
use videostream_hal::Call;
use videostream_hal::memory::dmabuf::{Identity, identity};
use videostream_hal::memory::{kind, sync_file};

use crate::wire::Message;
use crate::{Error, trust};

/// The descriptor of a buffer or fence. The same memory under another descriptor is equal.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) fd: OwnedFd,
    /// Device and inode. `None` for fences: all sync files share one inode.
    identity: Option<Identity>,
    /// Set if the memory can shrink.
    pub(super) unsealed: Option<Unsealed>,
}

/// State of memory that can shrink, instead of which clients of other users get a copy.
#[derive(Debug, Default)]
pub(super) struct Unsealed {
    /// At least as large, and sealed. `None` while those clients are not sent this buffer.
    pub(super) copy: Option<OwnedFd>,
}

impl PartialEq for Memory {
    fn eq(&self, other: &Self) -> bool {
        self.identity.is_some() && self.identity == other.identity
    }
}

impl Memory {
    pub(super) fn new(fd: OwnedFd) -> Result<Self, Error> {
        let identity = identity(fd.as_fd()).map_err(|e| Error::os(Call::Fstat, e.errno()))?;
        let identity = Some(identity);
        Ok(Self {
            fd,
            identity,
            unsealed: None,
        })
    }

    /// Wraps a fence; `id` is for the error.
    pub(super) fn fence(fd: OwnedFd, id: u32) -> Result<Self, Error> {
        sync_file::status(fd.as_fd()).map_err(|e| Error::of_fence(e, id))?;
        Ok(Self {
            fd,
            identity: None,
            unsealed: None,
        })
    }

    pub(super) fn is_fence(&self) -> bool {
        self.identity.is_none()
    }

    /// Marks this as memory that can shrink. It has to be a file of `size` bytes that belongs to
    /// the host's user or root; `id` is for the error.
    pub(super) fn unsealed(self, size: u64, id: u32) -> Result<Self, Error> {
        match size != 0 && trust::is_of_the_user(self.fd.as_fd(), size)? {
            true => Ok(Self {
                unsealed: Some(Unsealed::default()),
                ..self
            }),
            false => Err(Error::BadBuffer { id }),
        }
    }

    /// Returns the message and descriptor to send to a client; `None` if it gets nothing for now.
    pub(super) fn for_client(
        &self,
        (id, size): (u32, u64),
        is_own: bool,
    ) -> Option<(Message, BorrowedFd<'_>)> {
        let fd = self.fd.as_fd();
        match &self.unsealed {
            _ if self.is_fence() => Some((Message::Fence { id }, fd)),
            None => Some((Message::Buffer { id, size }, fd)),
            Some(_) if is_own => Some((Message::Unsealed { id, size }, fd)),
            Some(Unsealed { copy }) => {
                let copy = copy.as_ref()?.as_fd();
                Some((Message::Buffer { id, size }, copy))
            }
        }
    }

    /// Checks that the memory has `size` bytes and can't shrink; `id` is for the error.
    pub(super) fn check(&self, size: u64, id: u32) -> Result<(), Error> {
        match kind::is_fixed_memory(self.fd.as_fd(), size) {
            Ok(true) if size != 0 => Ok(()),
            Ok(_) => Err(Error::BadBuffer { id }),
            Err(e) => Err(Error::os(Call::Statx, e)),
        }
    }

    /// Replaces the descriptor by one that can't be mapped for writing, as far as the memory's kind
    /// allows: see [`Exports`](crate::host::Exports).
    pub(super) fn read_only(self) -> Result<Self, Error> {
        let writes = SealFlags::WRITE | SealFlags::FUTURE_WRITE;
        match rustix::fs::fcntl_get_seals(&self.fd) {
            Ok(seals) if seals.intersects(writes) => Ok(self),
            Ok(_) => Ok(Self {
                fd: open_for_reading(&self.fd)?,
                ..self
            }),
            // A dma-buf, which can't be reopened.
            Err(_) => Ok(self),
        }
    }
}

/// Reopens the file of `fd` for reading.
fn open_for_reading(fd: &OwnedFd) -> Result<OwnedFd, Error> {
    let mut path = heapless::String::<32>::new();
    let fits = write!(path, "/proc/self/fd/{}", fd.as_raw_fd());
    debug_assert!(fits.is_ok(), "a descriptor has 10 digits at most");
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    rustix::fs::open(path.as_str(), flags, Mode::empty()).map_err(|errno| Error::Reopen { errno })
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;
    use videostream_hal::memory::memfd;

    use super::*;

    #[test]
    fn a_read_only_descriptor_shares_memory() {
        use videostream_hal::memory::Access;
        use videostream_hal::memory::Mapping;
        let writable = buffer(4096);
        let again = rustix::io::dup(&writable).unwrap();
        let memory = Memory::new(writable).unwrap().read_only().unwrap();
        assert_eq!(memory, Memory::new(again).unwrap());
        let refused = Mapping::new(&memory.fd, 4096, Access::ReadWrite).unwrap_err();
        assert_eq!(refused.errno(), Errno::ACCESS);
        Mapping::new(&memory.fd, 4096, Access::Read).unwrap();
        assert!(memfd::cannot_shrink(memory.fd.as_fd()));
    }

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
    fn what_is_no_sync_file_is_no_fence() {
        let error = Memory::fence(buffer(4096), 7).unwrap_err();
        assert_eq!(error, Error::BadFence { id: 7 });
        let (pipe, _writer) = rustix::pipe::pipe().unwrap();
        assert_eq!(
            Memory::fence(pipe, 7).unwrap_err(),
            Error::BadFence { id: 7 }
        );
    }

    #[test]
    fn memory_that_can_shrink_or_is_too_small_is_refused() {
        let unsealed = Memory::new(memfd::create(c"test", 4096).unwrap()).unwrap();
        assert_eq!(unsealed.check(4096, 1), Err(Error::BadBuffer { id: 1 }));
        let sealed = Memory::new(buffer(4096)).unwrap();
        assert_eq!(sealed.check(4096, 1), Ok(()));
        assert_eq!(sealed.check(8192, 1), Err(Error::BadBuffer { id: 1 }));
        assert_eq!(sealed.check(0, 1), Err(Error::BadBuffer { id: 1 }));
    }
}
