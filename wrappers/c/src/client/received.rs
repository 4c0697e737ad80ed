//! What a host has sent: memory, mapped once and for all frames in it, and fences.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, OnceLock};

use rustix::io::Errno;
use videostream::hal::memory::dmabuf::{Identity, identity};
use videostream::ipc::Error;
use videostream::ipc::buffers::{Table, find};
use videostream::ipc::client::Event;

use crate::frame::View;

/// Most messages taken in at once: a socket has fewer, so that a host that sends without end does
/// not hold anybody up.
const MAX_MESSAGES: usize = 4096;

/// Memory of a host.
#[derive(Debug)]
pub(crate) struct Received {
    // Unmapped before the descriptor goes.
    view: OnceLock<View>,
    fd: OwnedFd,
    size: usize,
    identity: Identity,
}

impl Received {
    fn new(fd: OwnedFd, size: u64) -> Result<Self, Error> {
        let os = |errno| Error::Os("fstat", errno);
        Ok(Self {
            view: OnceLock::new(),
            identity: identity(fd.as_fd()).map_err(|error| os(error.errno()))?,
            fd,
            size: usize::try_from(size).map_err(|_| Error::Os("mmap", Errno::OVERFLOW))?,
        })
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    pub(crate) const fn identity(&self) -> Identity {
        self.identity
    }

    /// Whether it has `len` bytes from `offset` on.
    pub(crate) fn has(&self, offset: usize, len: usize) -> bool {
        offset.checked_add(len).is_some_and(|end| end <= self.size)
    }

    /// The byte at `offset`, from which `len` are mapped: for writing too, if the host allows it.
    pub(crate) fn map(&self, offset: usize, len: usize) -> Result<*mut u8, Errno> {
        if len == 0 || !self.has(offset, len) {
            return Err(Errno::INVAL);
        }
        let view = match self.view.get() {
            Some(view) => view,
            None => {
                let view = View::as_allowed(self.fd(), 0, self.size)?;
                // Another thread may have been first: then this one is unmapped again.
                self.view.get_or_init(|| view)
            }
        };
        Ok(view.as_ptr().wrapping_add(offset))
    }
}

/// What a frame names by a number.
#[derive(Clone, Debug)]
enum Entry {
    Memory(Arc<Received>),
    Fence(Arc<OwnedFd>),
}

/// What one connection has received and not been told to forget.
#[derive(Debug, Default)]
pub(super) struct Inbox(Table<Entry>);

impl Inbox {
    /// The memory with this id, which may still have to be taken from `next`.
    pub(super) fn memory(
        &mut self,
        id: u32,
        next: impl Fn() -> Result<Option<Event>, Error>,
    ) -> Result<Arc<Received>, Error> {
        match self.find(id, next)? {
            Entry::Memory(memory) => Ok(memory),
            Entry::Fence(_) => Err(Error::NotMemory(id)),
        }
    }

    /// The fence with this id, found as memory is.
    pub(super) fn fence(
        &mut self,
        id: u32,
        next: impl Fn() -> Result<Option<Event>, Error>,
    ) -> Result<Arc<OwnedFd>, Error> {
        match self.find(id, next)? {
            Entry::Fence(fence) => Ok(fence),
            Entry::Memory(_) => Err(Error::BadFence(id)),
        }
    }

    fn find(
        &mut self,
        id: u32,
        next: impl Fn() -> Result<Option<Event>, Error>,
    ) -> Result<Entry, Error> {
        let mut left = MAX_MESSAGES;
        let pump = |inbox: &mut Self| {
            left -= 1;
            match next()? {
                Some(event) => inbox.apply(event).map(|()| left > 0),
                None => Ok(false),
            }
        };
        let look = |inbox: &Self| inbox.0.get(id).cloned();
        find(self, look, pump)?.ok_or(Error::UnknownBuffer(id))
    }

    /// Takes in what `next` reads, until nothing is left or more has come than a socket holds.
    pub(super) fn pump(
        &mut self,
        next: impl Fn() -> Result<Option<Event>, Error>,
    ) -> Result<(), Error> {
        for _ in 0..MAX_MESSAGES {
            match next()? {
                Some(event) => self.apply(event)?,
                None => break,
            }
        }
        Ok(())
    }

    pub(super) fn apply(&mut self, event: Event) -> Result<(), Error> {
        let full = |_| Error::TooManyBuffers(videostream::ipc::MAX_BUFFERS);
        match event {
            Event::Buffer(id, size, fd) => {
                let memory = Arc::new(Received::new(fd, size)?);
                self.0.insert(id, Entry::Memory(memory)).map_err(full)
            }
            Event::Fence(id, fd) => {
                let fence = Arc::new(fd);
                self.0.insert(id, Entry::Fence(fence)).map_err(full)
            }
            Event::Retire(id) => {
                self.0.retire(id);
                Ok(())
            }
            // A stream's parameter sets are of no use to this interface; nobody asks for the rest.
            Event::Parameters(..) | Event::Client(_) | Event::Status(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// How many messages `act` reads of a host that always has one more.
    fn read_by<T>(
        act: impl FnOnce(&mut Inbox, &dyn Fn() -> Result<Option<Event>, Error>) -> T,
    ) -> (usize, T) {
        let read = Cell::new(0);
        let one_more = || {
            read.set(read.get() + 1);
            assert!(read.get() <= 2 * MAX_MESSAGES, "it is listened to on");
            Ok(Some(Event::Retire(1)))
        };
        let result = act(&mut Inbox::default(), &one_more);
        (read.get(), result)
    }

    #[test]
    fn who_takes_in_what_a_host_says_does_not_listen_without_end() {
        let (read, result) = read_by(|inbox, next| inbox.pump(next));
        assert_eq!((read, result), (MAX_MESSAGES, Ok(())));
    }

    #[test]
    fn who_looks_for_what_a_frame_names_does_not_listen_without_end() {
        let (read, result) = read_by(|inbox, next| inbox.memory(7, next).map(drop));
        assert_eq!((read, result), (MAX_MESSAGES, Err(Error::UnknownBuffer(7))));
        let (read, result) = read_by(|inbox, next| inbox.fence(7, next).map(drop));
        assert_eq!((read, result), (MAX_MESSAGES, Err(Error::UnknownBuffer(7))));
    }
}
