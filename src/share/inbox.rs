//! What a client has received: buffers, mapped when first read and dropped when nobody uses
//! them; parameter sets; answers.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use videostream_hal::memory::mapping::MapError;
use videostream_hal::memory::{Access, Mapping, memfd};
use videostream_ipc::buffers::{Table, find};
use videostream_ipc::client::Event;
use videostream_ipc::wire::{ClientStatus, HostStatus};
use videostream_ipc::{Error, MAX_BUFFERS, MAX_CLIENTS};

/// Most messages taken in at once: a socket's queue has fewer, so that a host that sends
/// without end does not hold anybody up.
const MAX_MESSAGES: usize = 4096;

/// Memory that frames lie in.
#[derive(Debug)]
pub(super) struct Buffer {
    size: u64,
    fd: OwnedFd,
    is_dma_buf: bool,
    mapping: OnceLock<Mapping>,
    /// When a frame in it was last held, by the count of such looks.
    used: AtomicU64,
}

impl Buffer {
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Whether CPU access has to be bracketed.
    pub(super) fn is_dma_buf(&self) -> bool {
        self.is_dma_buf
    }
}

impl AsFd for Buffer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// What a frame names by a number.
#[derive(Clone, Debug)]
enum Entry {
    Memory(Arc<Buffer>),
    Fence(Arc<OwnedFd>),
}

/// How a host and its clients do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The host.
    pub host: HostStatus,
    /// Its clients, whoever asked included.
    pub clients: Vec<ClientStatus>,
}

/// What one connection has received.
#[derive(Debug)]
pub(super) struct Inbox {
    contents: Mutex<Contents>,
    /// Most mappings kept of buffers that no frame holds, and of all together as far as
    /// frames leave room.
    keep_mapped: usize,
}

#[derive(Debug, Default)]
struct Contents {
    buffers: Table<Entry>,
    parameters: Option<Arc<[u8]>>,
    /// Clients told of since the last status.
    clients: Vec<ClientStatus>,
    report: Option<Report>,
    /// Looks for buffers so far.
    looks: u64,
}

impl Inbox {
    pub(super) fn new(keep_mapped: usize) -> Self {
        Self {
            contents: Mutex::default(),
            keep_mapped,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        // A thread that panicked here has left everything whole: nothing below is half done.
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The buffer with this id, which may still have to be taken from `next`, what the host
    /// has sent. Locked throughout, so that a buffer is there before anybody looks in vain.
    pub(super) fn buffer(
        &self,
        id: u32,
        next: impl Fn() -> Result<Option<Event>, Error>,
    ) -> Result<Arc<Buffer>, Error> {
        let mut contents = self.lock();
        let Entry::Memory(buffer) = contents.find(id, next)? else {
            return Err(Error::NotMemory(id));
        };
        contents.looks += 1;
        // Relaxed: read under the same lock.
        buffer.used.store(contents.looks, Ordering::Relaxed);
        Ok(buffer)
    }

    /// The fence with this id, found as buffers are.
    pub(super) fn fence(
        &self,
        id: u32,
        next: impl Fn() -> Result<Option<Event>, Error>,
    ) -> Result<Arc<OwnedFd>, Error> {
        match self.lock().find(id, next)? {
            Entry::Fence(fence) => Ok(fence),
            Entry::Memory(_) => Err(Error::BadFence(id)),
        }
    }

    /// The mapping of a buffer that a frame holds, made at the first call and kept until
    /// others need its place and no frame holds the buffer.
    pub(super) fn mapping<'a>(&self, buffer: &'a Buffer) -> Result<&'a Mapping, MapError> {
        if let Some(mapping) = buffer.mapping.get() {
            return Ok(mapping);
        }
        self.lock().make_room(self.keep_mapped);
        let new = Mapping::new(&buffer.fd, buffer.size as usize, Access::Read)?;
        // Another thread may have been first: then this one is unmapped again.
        Ok(buffer.mapping.get_or_init(|| new))
    }

    /// The newest parameter sets.
    pub(super) fn parameters(&self) -> Option<Arc<[u8]>> {
        self.lock().parameters.clone()
    }

    /// The newest answer to a look, once.
    pub(super) fn take_report(&self) -> Option<Report> {
        self.lock().report.take()
    }

    /// Takes in what `next` reads from the host, until nothing is left or more has come than
    /// a socket holds.
    pub(super) fn pump(
        &self,
        next: impl Fn() -> Result<Option<Event>, Error>,
    ) -> Result<(), Error> {
        let mut contents = self.lock();
        for _ in 0..MAX_MESSAGES {
            match next()? {
                Some(event) => contents.apply(event)?,
                None => break,
            }
        }
        Ok(())
    }

    /// Takes in one event.
    pub(super) fn apply(&self, event: Event) -> Result<(), Error> {
        self.lock().apply(event)
    }
}

impl Contents {
    /// What has this id, as far as it has come or is in what `next` takes in.
    fn find(
        &mut self,
        id: u32,
        next: impl Fn() -> Result<Option<Event>, Error>,
    ) -> Result<Entry, Error> {
        let look = |contents: &Self| contents.buffers.get(id).cloned();
        let mut left = MAX_MESSAGES;
        let pump = |contents: &mut Self| {
            left -= 1;
            match next()? {
                Some(event) => contents.apply(event).map(|()| left > 0),
                None => Ok(false),
            }
        };
        find(self, look, pump)?.ok_or(Error::UnknownBuffer(id))
    }

    /// The buffers, without the fences.
    fn memory(&mut self) -> impl Iterator<Item = &mut Arc<Buffer>> {
        self.buffers.iter_mut().filter_map(|entry| match entry {
            Entry::Memory(buffer) => Some(buffer),
            Entry::Fence(_) => None,
        })
    }

    /// Adds a buffer or fence. An honest host has told before what makes room for it.
    fn insert(&mut self, id: u32, entry: Entry) -> Result<(), Error> {
        let full = |_| Error::TooManyBuffers(MAX_BUFFERS);
        self.buffers.insert(id, entry).map_err(full)
    }

    /// Unmaps buffers that no frame holds, those used longest ago first, until fewer than `keep`
    /// are mapped.
    fn make_room(&mut self, keep: usize) {
        let is_mapped = |b: &&mut Arc<Buffer>| b.mapping.get().is_some();
        let mapped = self.memory().filter(is_mapped).count();
        for _ in keep..=mapped {
            // Held by this table alone.
            let idle = self.memory().filter_map(Arc::get_mut);
            let idle = idle.filter(|b| b.mapping.get().is_some());
            let Some(oldest) = idle.min_by_key(|b| b.used.load(Ordering::Relaxed)) else {
                return;
            };
            oldest.mapping.take();
        }
    }

    fn apply(&mut self, event: Event) -> Result<(), Error> {
        match event {
            Event::Buffer(id, size, fd) => {
                let buffer = Arc::new(Buffer {
                    size,
                    is_dma_buf: memfd::is_dma_buf(fd.as_fd()),
                    fd,
                    mapping: OnceLock::new(),
                    used: AtomicU64::new(0),
                });
                self.insert(id, Entry::Memory(buffer))?;
            }
            Event::Fence(id, fd) => self.insert(id, Entry::Fence(Arc::new(fd)))?,
            Event::Retire(id) => self.buffers.retire(id),
            Event::Parameters(size, fd) => {
                let mut bytes = vec![0; size as usize];
                let file = std::fs::File::from(fd);
                std::os::unix::fs::FileExt::read_exact_at(&file, &mut bytes, 0)
                    .map_err(|_| Error::Unexpected("parameter sets that can't be read"))?;
                self.parameters = Some(bytes.into());
            }
            Event::Client(client) => {
                // A host that goes on and on can't fill this client's memory.
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

    use super::*;

    fn memory() -> OwnedFd {
        let fd = memfd::create(c"test", 4096).unwrap();
        memfd::seal(&fd, memfd::FIXED_SIZE).unwrap();
        fd
    }

    #[test]
    fn a_fence_is_no_memory_and_memory_no_fence_and_what_is_not_there_may_come() {
        let inbox = Inbox::new(8);
        inbox.apply(Event::Buffer(1, 4096, memory())).unwrap();
        // What it is was looked at when the message came.
        inbox.apply(Event::Fence(2, memory())).unwrap();
        let none = || Ok(None);
        assert_eq!(inbox.buffer(1, none).unwrap().size(), 4096);
        inbox.fence(2, none).unwrap();
        assert_eq!(inbox.buffer(2, none).unwrap_err(), Error::NotMemory(2));
        assert_eq!(inbox.fence(1, none).unwrap_err(), Error::BadFence(1));
        assert_eq!(inbox.fence(3, none).unwrap_err(), Error::UnknownBuffer(3));
        inbox.apply(Event::Retire(2)).unwrap();
        assert_eq!(inbox.fence(2, none).unwrap_err(), Error::UnknownBuffer(2));
    }

    /// How many messages `act` reads of a host that always has one more.
    fn read_by<T>(
        act: impl FnOnce(&Inbox, &dyn Fn() -> Result<Option<Event>, Error>) -> T,
    ) -> (usize, T) {
        let read = Cell::new(0);
        let one_more = || {
            read.set(read.get() + 1);
            assert!(read.get() <= 2 * MAX_MESSAGES, "it is listened to on");
            Ok(Some(Event::Retire(1)))
        };
        let result = act(&Inbox::new(8), &one_more);
        (read.get(), result)
    }

    #[test]
    fn who_takes_in_what_a_host_says_does_not_listen_without_end() {
        let (read, result) = read_by(|inbox, next| inbox.pump(next));
        assert_eq!((read, result), (MAX_MESSAGES, Ok(())));
    }

    #[test]
    fn who_looks_for_what_a_frame_names_does_not_listen_without_end() {
        let (read, result) = read_by(|inbox, next| inbox.buffer(7, next).map(drop));
        assert_eq!((read, result), (MAX_MESSAGES, Err(Error::UnknownBuffer(7))));
        let (read, result) = read_by(|inbox, next| inbox.fence(7, next).map(drop));
        assert_eq!((read, result), (MAX_MESSAGES, Err(Error::UnknownBuffer(7))));
    }

    #[test]
    fn what_has_not_come_is_worth_another_frame_and_a_lie_is_not() {
        use videostream_ipc::Advice;
        assert_eq!(Error::UnknownBuffer(3).advice(), Advice::Retry);
        for lie in [Error::NotMemory(2), Error::BadFence(1)] {
            assert_eq!(lie.advice(), Advice::GiveUp);
        }
    }
}
