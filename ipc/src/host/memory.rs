//! Memory that a host shares, and fences: what they have to be, and when two are the same.

use core::fmt::Write as _;

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags, SealFlags};
use rustix::io::Errno;
use videostream_hal::memory::dmabuf::{Identity, identity};
use videostream_hal::memory::{kind, sync_file};

use crate::wire::Message;
use crate::{Error, trust};

/// A buffer's descriptor. The same memory under another descriptor is equal.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) fd: OwnedFd,
    /// Device and inode. Fences have none: all sync files have the same.
    identity: Option<Identity>,
    /// It can be cut short.
    pub(super) unsealed: Option<Unsealed>,
}

/// Memory that can be cut short, which clients of other users have a copy of in its place.
#[derive(Debug, Default)]
pub(super) struct Unsealed {
    /// As large, sealed. `None`: those clients do not have this memory.
    pub(super) copy: Option<OwnedFd>,
}

impl PartialEq for Memory {
    fn eq(&self, other: &Self) -> bool {
        self.identity.is_some() && self.identity == other.identity
    }
}

impl Memory {
    pub(super) fn new(fd: OwnedFd) -> Result<Self, Error> {
        let identity = identity(fd.as_fd()).map_err(|e| Error::Os("fstat", e.errno()))?;
        let identity = Some(identity);
        Ok(Self {
            fd,
            identity,
            unsealed: None,
        })
    }

    /// A fence; `id` is for the error.
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

    /// The same as memory that can be cut short: a file of `size` bytes of the host's user, or of
    /// root's. `id` is for the error.
    pub(super) fn unsealed(self, size: u64, id: u32) -> Result<Self, Error> {
        match size != 0 && trust::is_of_the_user(self.fd.as_fd(), size)? {
            true => Ok(Self {
                unsealed: Some(Unsealed::default()),
                ..self
            }),
            false => Err(Error::BadBuffer(id)),
        }
    }

    /// What a client gets in its place, and how it is told of it; `None` for nothing now.
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

    /// Checks that it has `size` bytes and keeps them; `id` is for the error.
    pub(super) fn check(&self, size: u64, id: u32) -> Result<(), Error> {
        match kind::is_fixed_memory(self.fd.as_fd(), size) {
            Ok(true) if size != 0 => Ok(()),
            Ok(_) => Err(Error::BadBuffer(id)),
            Err(e) => Err(Error::Os("size of a buffer", e)),
        }
    }

    /// The same memory, under a descriptor that can't be mapped for writing as far as its kind
    /// allows: see [`Exports`](crate::host::Exports).
    pub(super) fn read_only(self) -> Result<Self, Error> {
        let writes = SealFlags::WRITE | SealFlags::FUTURE_WRITE;
        match rustix::fs::fcntl_get_seals(&self.fd) {
            Ok(seals) if seals.intersects(writes) => Ok(self),
            Ok(_) => Ok(Self {
                fd: open_for_reading(&self.fd)?,
                ..self
            }),
            // A dma-buf, which can't be opened anew.
            Err(_) => Ok(self),
        }
    }
}

/// Another descriptor of the file behind `fd`, for reading.
fn open_for_reading(fd: &OwnedFd) -> Result<OwnedFd, Error> {
    let mut path = heapless::String::<32>::new();
    let fits = write!(path, "/proc/self/fd/{}", fd.as_raw_fd());
    fits.map_err(|_| Error::Os("open /proc/self/fd", Errno::NAMETOOLONG))?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    rustix::fs::open(path.as_str(), flags, Mode::empty())
        .map_err(|e| Error::Os("open /proc/self/fd", e))
}

#[cfg(test)]
mod tests {
    use videostream_hal::memory::memfd;

    use super::*;

    #[test]
    fn a_descriptor_for_reading_is_of_the_same_memory_and_cannot_be_mapped_for_writing() {
        use videostream_hal::memory::Access;
        use videostream_hal::memory::mapping::{MapError, Mapping};
        let writable = buffer(4096);
        let again = rustix::io::dup(&writable).unwrap();
        let memory = Memory::new(writable).unwrap().read_only().unwrap();
        assert_eq!(memory, Memory::new(again).unwrap());
        let refused = Mapping::new(&memory.fd, 4096, Access::ReadWrite).unwrap_err();
        assert_eq!(refused, MapError::Os(Errno::ACCESS));
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
        assert_eq!(error, Error::BadFence(7));
        let (pipe, _writer) = rustix::pipe::pipe().unwrap();
        assert_eq!(Memory::fence(pipe, 7).unwrap_err(), Error::BadFence(7));
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
