//! A connection to a host.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::event::epoll;
use videostream_hal::Call;
use videostream_hal::memory::{Mapped, MemoryError};
use videostream_hal::time::{deadline_in, now_ns};
use videostream_ipc as ipc;
use videostream_ipc::address::Address;
use videostream_ipc::client::Woken;

use super::buffer::Buffer;
use super::inbox::{Inbox, Report};
use crate::{Error, Result};

/// Interval at which a thread that waits for an answer checks whether another one has received it.
const ANSWER_LOOK_NS: u64 = 50_000_000;

/// Creates an epoll descriptor over the socket and the event of new frames.
fn watch(client: &ipc::client::Client) -> Result<OwnedFd> {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(Error::of(Call::EpollCreate))?;
    for fd in [client.socket_fd(), client.event_fd()] {
        let data = epoll::EventData::new_u64(0);
        epoll::add(&epoll, fd, data, epoll::EventFlags::IN).map_err(Error::of(Call::EpollCtl))?;
    }
    Ok(epoll)
}

/// A connection that the host has not answered yet.
#[derive(Debug)]
pub(super) struct Pending {
    pending: ipc::client::PendingClient,
    inbox: Inbox<Buffer>,
    keep_mapped: usize,
    socket: String,
}

impl Pending {
    /// Connects and sends the request. At most `keep_mapped` buffers without held frames stay
    /// mapped.
    pub(super) fn new(
        path: &Path,
        config: ipc::client::Config,
        keep_mapped: usize,
    ) -> Result<Self> {
        let socket = path.display().to_string();
        let pending = Address::new(path.as_os_str().as_encoded_bytes())
            .and_then(|address| ipc::client::PendingClient::new(&address, config));
        match pending {
            Ok(pending) => Ok(Self {
                pending,
                inbox: Inbox::default(),
                keep_mapped,
                socket,
            }),
            Err(why) => Err(Error::Share { socket, why }),
        }
    }

    /// Waits until `deadline_ns` for the host's answer; after a time-out it can be called again.
    pub(super) fn answer(&self, deadline_ns: u64) -> Result<ipc::client::Welcome> {
        let answer = self.pending.answer(deadline_ns, |e| self.inbox.apply(e));
        answer.map_err(|why| Error::Share {
            socket: self.socket.clone(),
            why,
        })
    }

    /// Returns the socket, which is readable when the host has answered.
    pub(super) fn socket_fd(&self) -> BorrowedFd<'_> {
        self.pending.socket_fd()
    }

    /// Completes the connection with the host's answer.
    pub(super) fn enter(self, welcome: ipc::client::Welcome) -> Result<Connection> {
        let Self {
            pending,
            inbox,
            keep_mapped,
            socket,
        } = self;
        match pending.enter(welcome) {
            Ok(ipc) => Ok(Connection {
                events: watch(&ipc)?,
                ipc,
                inbox,
                keep_mapped,
                held: AtomicU64::new(0),
                socket,
            }),
            Err(why) => Err(Error::Share { socket, why }),
        }
    }
}

/// A connection to a host; frames and readers keep it alive.
#[derive(Debug)]
pub(super) struct Connection {
    ipc: ipc::client::Client,
    inbox: Inbox<Buffer>,
    /// Most mappings to keep. Mappings of held frames are kept even beyond it.
    keep_mapped: usize,
    /// Number of buffer look-ups so far; it orders the mappings by their last use.
    held: AtomicU64,
    socket: String,
    /// An epoll descriptor over the host's messages and frames, for event loops.
    events: OwnedFd,
}

impl Connection {
    pub(super) fn ipc(&self) -> &ipc::client::Client {
        &self.ipc
    }

    /// Returns a file descriptor that is readable when the host has sent a message or, while armed,
    /// a frame.
    pub(super) fn events(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }

    pub(super) fn error(&self, why: ipc::Error) -> Error {
        Error::Share {
            socket: self.socket.clone(),
            why,
        }
    }

    /// Returns the buffer with this id. If it is not known yet, it is still in the socket, since
    /// the host sends a buffer before the first frame in it.
    pub(super) fn buffer(&self, id: u32) -> Result<Arc<Buffer>> {
        let buffer = self.inbox.buffer(id, || self.ipc.pump());
        let buffer = buffer.map_err(|why| self.error(why))?;
        // Relaxed: a count, which orders nothing.
        buffer.mark_used(self.held.fetch_add(1, Ordering::Relaxed) + 1);
        Ok(buffer)
    }

    /// Returns the fence with this id, which the host also sends before the frame.
    pub(super) fn fence(&self, id: u32) -> Result<Arc<OwnedFd>> {
        let fence = self.inbox.fence(id, || self.ipc.pump());
        fence.map_err(|why| self.error(why))
    }

    /// Returns the mapping of a held frame's buffer.
    pub(super) fn mapped<'a>(
        &self,
        buffer: &'a Buffer,
    ) -> std::result::Result<&'a Mapped, MemoryError> {
        self.inbox.mapped(buffer, self.keep_mapped)
    }

    /// Returns the newest parameter sets.
    pub(super) fn parameters(&self) -> Result<Option<Arc<[u8]>>> {
        self.pump()?;
        Ok(self.inbox.parameters())
    }

    pub(super) fn pump(&self) -> Result<()> {
        let result = self.inbox.pump(|| self.ipc.pump());
        // Lets a test's host send more after each read.
        #[cfg(test)]
        super::tests::endless::go_on();
        result.map_err(|why| self.error(why))
    }

    /// Waits for a frame newer than `after`, and handles messages of the host meanwhile.
    pub(super) fn wait(&self, after: u64, deadline_ns: u64) -> Result<()> {
        let woken = self.ipc.wait(after, deadline_ns);
        if woken.map_err(|why| self.error(why))? == Woken::Message {
            self.pump()?;
        }
        Ok(())
    }

    /// Requests the host's status and waits for the answer.
    pub(super) fn look(&self, deadline_ns: u64) -> Result<Report> {
        self.ipc.look().map_err(|why| self.error(why))?;
        loop {
            self.pump()?;
            if let Some(report) = self.inbox.take_report() {
                return Ok(report);
            }
            // Wait behind the newest possible serial, so that no frame ends the wait; and only
            // briefly, since another thread may receive the answer.
            let soon = deadline_in(ANSWER_LOOK_NS).min(deadline_ns);
            match self.wait(u64::MAX, soon) {
                // A host that sends messages endlessly must not extend the wait.
                Ok(()) if now_ns() >= deadline_ns => {
                    return Err(self.error(ipc::Error::TimedOut));
                }
                Ok(()) => {}
                Err(e) if e.is_timeout() && now_ns() < deadline_ns => {}
                Err(e) => return Err(e),
            }
        }
    }
}
