//! Memory that a client has received from a host.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

use rustix::io::Errno;
use videostream::hal::Call;
use videostream::hal::memory::Mapping;
use videostream::hal::memory::dmabuf::{Identity, identity};
use videostream::ipc::Error;
use videostream::share::ReceivedBuffer;

use super::map_as_allowed;

/// Memory of a host, mapped once for all frames in it.
#[derive(Debug)]
pub(crate) struct HostMemory {
    // Unmapped before the descriptor goes.
    view: OnceLock<Mapping>,
    fd: OwnedFd,
    size: usize,
    identity: Identity,
}

impl ReceivedBuffer for HostMemory {
    fn received(fd: OwnedFd, size: u64) -> Result<Self, Error> {
        let os = |errno| Error::Os {
            call: Call::Fstat,
            errno,
        };
        Ok(Self {
            view: OnceLock::new(),
            identity: identity(fd.as_fd()).map_err(|error| os(error.errno()))?,
            fd,
            size: usize::try_from(size).map_err(|_| os(Errno::OVERFLOW))?,
        })
    }
}

impl HostMemory {
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    pub(crate) const fn identity(&self) -> Identity {
        self.identity
    }

    /// Whether the range lies in the memory.
    pub(crate) fn has(&self, offset: usize, len: usize) -> bool {
        offset.checked_add(len).is_some_and(|end| end <= self.size)
    }

    /// Maps the memory, for writing too if the host allows it. Returns the byte at `offset`, with
    /// `len` bytes behind it.
    pub(crate) fn map(&self, offset: usize, len: usize) -> Result<*mut u8, Errno> {
        if len == 0 || !self.has(offset, len) {
            return Err(Errno::INVAL);
        }
        let view = match self.view.get() {
            Some(view) => view,
            None => {
                let view = map_as_allowed(self.fd(), 0, self.size)?;
                // Another thread may have been first: then this one is unmapped again.
                self.view.get_or_init(|| view)
            }
        };
        Ok(view.as_ptr().wrapping_add(offset))
    }
}
