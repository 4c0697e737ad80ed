//! Messages that a client has received: buffers, fences, parameter sets, status reports.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use videostream_ipc::buffers::{Table, find};
use videostream_ipc::client::Event;
use videostream_ipc::wire::{ClientStatus, HostStatus};
use videostream_ipc::{Error, MAX_BUFFERS, MAX_CLIENTS};

/// The most messages to read at once: more than a socket's queue holds. A host that sends endlessly
/// cannot block its client.
const MAX_MESSAGES: usize = 4096;

/// An object that frames refer to by its id.
#[derive(Debug)]
enum Entry<B> {
    Memory(Arc<B>),
    Fence(Arc<OwnedFd>),
}

impl<B> Clone for Entry<B> {
    fn clone(&self) -> Self {
        match self {
            Self::Memory(buffer) => Self::Memory(Arc::clone(buffer)),
            Self::Fence(fence) => Self::Fence(Arc::clone(fence)),
        }
    }
}

/// A buffer that an [`Inbox`] can hold.
pub trait ReceivedBuffer: Sized {
    /// Creates a buffer from a descriptor of `size` bytes that the host has sent.
    ///
    /// # Errors
    /// Errors that make the connection unusable.
    fn received(fd: OwnedFd, size: u64) -> Result<Self, Error>;
}

/// Status of a host and its clients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Status of the host.
    pub host: HostStatus,
    /// Status of its clients, including the one that asked.
    pub clients: Vec<ClientStatus>,
}

/// Messages that a connection has received, for clients that use [`ipc`](crate::ipc) directly.
///
/// Frames refer to buffers and fences by an id, and the host sends them before the first such
/// frame. A search therefore reads messages, with `next`, until the id is known. Each call reads a
/// limited number of messages, so that a host cannot keep its client busy.
#[derive(Debug)]
pub struct Inbox<B> {
    contents: Mutex<Contents<B>>,
}

#[derive(Debug)]
pub(super) struct Contents<B> {
    buffers: Table<Entry<B>>,
    parameters: Option<Arc<[u8]>>,
    /// Clients received since the last status.
    clients: Vec<ClientStatus>,
    report: Option<Report>,
}

impl<B> Default for Inbox<B> {
    fn default() -> Self {
        let contents = Contents {
            buffers: Table::default(),
            parameters: None,
            clients: Vec::new(),
            report: None,
        };
        Self {
            contents: Mutex::new(contents),
        }
    }
}

impl<B> Inbox<B> {
    pub(super) fn lock(&self) -> MutexGuard<'_, Contents<B>> {
        // Poisoning is ignored: no operation below can panic with the contents half changed.
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the newest parameter sets.
    pub fn parameters(&self) -> Option<Arc<[u8]>> {
        self.lock().parameters.clone()
    }

    /// Takes the newest status report.
    pub fn take_report(&self) -> Option<Report> {
        self.lock().report.take()
    }
}

impl<B: ReceivedBuffer> Inbox<B> {
    /// Returns the buffer with this id; reads messages with `next` until it arrives.
    ///
    /// # Errors
    /// [`Error::UnknownBuffer`], [`Error::NotMemory`], and those of `next`.
    pub fn buffer(
        &self,
        id: u32,
        next: impl Fn() -> Result<Option<Event>, Error>,
    ) -> Result<Arc<B>, Error> {
        // Locked throughout, so that no other thread misses a buffer that this one is about to add.
        match self.lock().find(id, next)? {
            Entry::Memory(buffer) => Ok(buffer),
            Entry::Fence(_) => Err(Error::NotMemory { id }),
        }
    }

    /// Returns the fence with this id, found as [`Inbox::buffer`] does.
    ///
    /// # Errors
    /// [`Error::UnknownBuffer`], [`Error::BadFence`], and those of `next`.
    pub fn fence(
        &self,
        id: u32,
        next: impl Fn() -> Result<Option<Event>, Error>,
    ) -> Result<Arc<OwnedFd>, Error> {
        match self.lock().find(id, next)? {
            Entry::Fence(fence) => Ok(fence),
            Entry::Memory(_) => Err(Error::BadFence { id }),
        }
    }

    /// Handles the messages that `next` reads, until none is left or more have arrived than a
    /// socket's queue holds.
    ///
    /// # Errors
    /// Those of `next` and [`Inbox::apply`].
    pub fn pump(&self, next: impl Fn() -> Result<Option<Event>, Error>) -> Result<(), Error> {
        let mut contents = self.lock();
        for _ in 0..MAX_MESSAGES {
            match next()? {
                Some(event) => contents.apply(event)?,
                None => break,
            }
        }
        Ok(())
    }

    /// Handles one message.
    ///
    /// # Errors
    /// A message that no correct host sends.
    pub fn apply(&self, event: Event) -> Result<(), Error> {
        self.lock().apply(event)
    }
}

impl<B> Contents<B> {
    /// Iterates over the buffers, without the fences.
    pub(super) fn memory(&mut self) -> impl Iterator<Item = &mut Arc<B>> {
        self.buffers.iter_mut().filter_map(|entry| match entry {
            Entry::Memory(buffer) => Some(buffer),
            Entry::Fence(_) => None,
        })
    }
}

impl<B: ReceivedBuffer> Contents<B> {
    /// Finds the entry with this id among those received, then among the messages that `next`
    /// reads.
    fn find(
        &mut self,
        id: u32,
        next: impl Fn() -> Result<Option<Event>, Error>,
    ) -> Result<Entry<B>, Error> {
        let look = |contents: &Self| contents.buffers.get(id).cloned();
        let mut left = MAX_MESSAGES;
        let pump = |contents: &mut Self| {
            left -= 1;
            match next()? {
                Some(event) => contents.apply(event).map(|()| left > 0),
                None => Ok(false),
            }
        };
        find(self, look, pump)?.ok_or(Error::UnknownBuffer { id })
    }

    /// Adds a buffer or fence. A correct host has unregistered enough others before.
    fn insert(&mut self, id: u32, entry: Entry<B>) -> Result<(), Error> {
        let full = |_| Error::TooManyBuffers { count: MAX_BUFFERS };
        self.buffers.insert(id, entry).map_err(full)
    }

    fn apply(&mut self, event: Event) -> Result<(), Error> {
        match event {
            Event::Buffer(id, size, fd) => {
                let buffer = B::received(fd, size)?;
                self.insert(id, Entry::Memory(Arc::new(buffer)))?;
            }
            Event::Fence(id, fd) => self.insert(id, Entry::Fence(Arc::new(fd)))?,
            Event::Retire(id) => self.buffers.unregister(id),
            Event::Parameters(size, fd) => {
                let mut bytes = vec![0; size as usize];
                let file = std::fs::File::from(fd);
                std::os::unix::fs::FileExt::read_exact_at(&file, &mut bytes, 0).map_err(|_| {
                    Error::Unexpected {
                        what: "parameter sets that can't be read",
                    }
                })?;
                self.parameters = Some(bytes.into());
            }
            Event::Client(client) => {
                // Bounded, so that a host can't fill this client's memory.
                if self.clients.len() < MAX_CLIENTS {
                    self.clients.push(client);
                }
            }
            Event::Status(host) => {
                let clients = std::mem::take(&mut self.clients);
                self.report = Some(Report { host, clients });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use videostream_hal::memory::memfd;

    use super::*;
    use crate::share::buffer::Buffer;

    fn memory() -> OwnedFd {
        let fd = memfd::create(c"test", 4096).unwrap();
        memfd::seal(&fd, memfd::FIXED_SIZE).unwrap();
        fd
    }

    #[test]
    fn fences_and_memory_are_told_apart() {
        let inbox = Inbox::<Buffer>::default();
        inbox.apply(Event::Buffer(1, 4096, memory())).unwrap();
        // The kind was checked when the message arrived.
        inbox.apply(Event::Fence(2, memory())).unwrap();
        let none = || Ok(None);
        assert_eq!(inbox.buffer(1, none).unwrap().size(), 4096);
        inbox.fence(2, none).unwrap();
        assert_eq!(
            inbox.buffer(2, none).unwrap_err(),
            Error::NotMemory { id: 2 }
        );
        assert_eq!(inbox.fence(1, none).unwrap_err(), Error::BadFence { id: 1 });
        assert_eq!(
            inbox.fence(3, none).unwrap_err(),
            Error::UnknownBuffer { id: 3 }
        );
        inbox.apply(Event::Retire(2)).unwrap();
        assert_eq!(
            inbox.fence(2, none).unwrap_err(),
            Error::UnknownBuffer { id: 2 }
        );
    }

    /// Returns the number of messages that `act` reads from a host that always has one more.
    fn read_by<T>(
        act: impl FnOnce(&Inbox<Buffer>, &dyn Fn() -> Result<Option<Event>, Error>) -> T,
    ) -> (usize, T) {
        let read = Cell::new(0);
        let one_more = || {
            read.set(read.get() + 1);
            assert!(read.get() <= 2 * MAX_MESSAGES, "reads without end");
            Ok(Some(Event::Retire(1)))
        };
        let result = act(&Inbox::default(), &one_more);
        (read.get(), result)
    }

    #[test]
    fn inbox_reads_at_most_max_messages() {
        let (read, result) = read_by(|inbox, next| inbox.pump(next));
        assert_eq!((read, result), (MAX_MESSAGES, Ok(())));
    }

    #[test]
    fn lookup_reads_at_most_max_messages() {
        let (read, result) = read_by(|inbox, next| inbox.buffer(7, next).map(drop));
        assert_eq!(
            (read, result),
            (MAX_MESSAGES, Err(Error::UnknownBuffer { id: 7 }))
        );
        let (read, result) = read_by(|inbox, next| inbox.fence(7, next).map(drop));
        assert_eq!(
            (read, result),
            (MAX_MESSAGES, Err(Error::UnknownBuffer { id: 7 }))
        );
    }

    #[test]
    fn a_missing_buffer_is_retried_but_a_lie_is_not() {
        use videostream_ipc::Advice;
        assert_eq!(Error::UnknownBuffer { id: 3 }.advice(), Advice::Retry);
        for lie in [Error::NotMemory { id: 2 }, Error::BadFence { id: 1 }] {
            assert_eq!(lie.advice(), Advice::GiveUp);
        }
    }
}
