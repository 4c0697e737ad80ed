//! One attachment to one host.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use rustix::event::epoll;
use videostream_hal::memory::Mapping;
use videostream_hal::memory::mapping::MapError;
use videostream_hal::time::{deadline_in, now_ns};
use videostream_ipc as ipc;
use videostream_ipc::address::Address;
use videostream_ipc::client::Woken;

use super::inbox::{Buffer, Inbox, Report};
use crate::{Error, Result};

/// How often a thread that waits for an answer looks whether another one has it.
const ANSWER_LOOK_NS: u64 = 50_000_000;

/// An epoll descriptor over both that a client can be told by.
fn watch(client: &ipc::client::Client) -> rustix::io::Result<OwnedFd> {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for fd in [client.socket_fd(), client.event_fd()] {
        let data = epoll::EventData::new_u64(0);
        epoll::add(&epoll, fd, data, epoll::EventFlags::IN)?;
    }
    Ok(epoll)
}

/// A connection that the host has not answered yet.
#[derive(Debug)]
pub(super) struct Pending {
    knock: ipc::client::Knock,
    inbox: Inbox,
    socket: String,
}

impl Pending {
    /// Connects and says what is wanted. Keeps at most `keep_mapped` buffers mapped that no frame holds.
    pub(super) fn new(
        path: &Path,
        config: ipc::client::Config,
        keep_mapped: usize,
    ) -> Result<Self> {
        let socket = path.display().to_string();
        let knock = Address::new(path.as_os_str().as_encoded_bytes())
            .and_then(|address| ipc::client::Knock::new(&address, config));
        match knock {
            Ok(knock) => Ok(Self {
                knock,
                inbox: Inbox::new(keep_mapped),
                socket,
            }),
            Err(why) => Err(Error::Share { socket, why }),
        }
    }

    /// Waits until `deadline_ns` for the host's answer; after a timeout the wait can go on.
    pub(super) fn answer(&self, deadline_ns: u64) -> Result<ipc::client::Welcome> {
        let answer = self.knock.answer(deadline_ns, |e| self.inbox.apply(e));
        answer.map_err(|why| Error::Share {
            socket: self.socket.clone(),
            why,
        })
    }

    /// Readable when the host has answered.
    pub(super) fn socket_fd(&self) -> BorrowedFd<'_> {
        self.knock.socket_fd()
    }

    /// Goes in with the host's answer.
    pub(super) fn enter(self, welcome: ipc::client::Welcome) -> Result<Connection> {
        let Self {
            knock,
            inbox,
            socket,
        } = self;
        match knock.enter(welcome) {
            Ok(ipc) => Ok(Connection {
                events: watch(&ipc).map_err(|e| Error::Os("epoll", e.into()))?,
                ipc,
                inbox,
                socket,
            }),
            Err(why) => Err(Error::Share { socket, why }),
        }
    }
}

/// One attachment to one host; frames and readers keep it alive.
#[derive(Debug)]
pub(super) struct Connection {
    ipc: ipc::client::Client,
    inbox: Inbox,
    socket: String,
    /// An epoll descriptor over the host's messages and frames, for event loops.
    events: OwnedFd,
}

impl Connection {
    pub(super) fn ipc(&self) -> &ipc::client::Client {
        &self.ipc
    }

    /// Readable when the host has sent a message or, while armed, a frame.
    pub(super) fn events(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }

    pub(super) fn error(&self, why: ipc::Error) -> Error {
        Error::Share {
            socket: self.socket.clone(),
            why,
        }
    }

    /// The buffer that a frame names. An unknown one is in the socket: the host sends it
    /// before the first frame that lies in it.
    pub(super) fn buffer(&self, id: u32) -> Result<Arc<Buffer>> {
        let buffer = self.inbox.buffer(id, || self.ipc.pump());
        buffer.map_err(|why| self.error(why))
    }

    /// The fence that a frame names, which comes before the frame as a buffer does.
    pub(super) fn fence(&self, id: u32) -> Result<Arc<OwnedFd>> {
        let fence = self.inbox.fence(id, || self.ipc.pump());
        fence.map_err(|why| self.error(why))
    }

    /// The mapping of a buffer that a frame holds.
    pub(super) fn mapping<'a>(
        &self,
        buffer: &'a Buffer,
    ) -> std::result::Result<&'a Mapping, MapError> {
        self.inbox.mapping(buffer)
    }

    /// The newest parameter sets.
    pub(super) fn parameters(&self) -> Result<Option<Arc<[u8]>>> {
        self.pump()?;
        Ok(self.inbox.parameters())
    }

    pub(super) fn pump(&self) -> Result<()> {
        let result = self.inbox.pump(|| self.ipc.pump());
        // A host that is always one step ahead.
        #[cfg(test)]
        super::tests::endless::go_on();
        result.map_err(|why| self.error(why))
    }

    /// Waits for a frame newer than `after`, taking in what the host sends meanwhile.
    pub(super) fn wait(&self, after: u64, deadline_ns: u64) -> Result<()> {
        let woken = self.ipc.wait(after, deadline_ns);
        if woken.map_err(|why| self.error(why))? == Woken::Message {
            self.pump()?;
        }
        Ok(())
    }

    /// Asks the host how it does and waits for the answer.
    pub(super) fn look(&self, deadline_ns: u64) -> Result<Report> {
        self.ipc.look().map_err(|why| self.error(why))?;
        loop {
            self.pump()?;
            if let Some(report) = self.inbox.take_report() {
                return Ok(report);
            }
            // Frames do not matter here: wait for what comes behind the newest possible. Not for
            // long at once, since another thread may take the answer in.
            let soon = deadline_in(ANSWER_LOOK_NS).min(deadline_ns);
            match self.wait(u64::MAX, soon) {
                // A host that talks without end is not listened to without end.
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
