//! One attachment to one host, and what its frames keep of it.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;
use rustix::net::{Shutdown, shutdown};
use videostream::hal::memory::sync_file;
use videostream::hal::ring::cells::SlotId;
use videostream::ipc::client::{Client, Knock};
use videostream::ipc::{Error, client};

use super::received::{Inbox, Received};
use crate::error::errno_of;

/// One attachment to one host; frames keep it alive.
#[derive(Debug)]
pub(crate) struct Connection {
    ipc: client::Client,
    inbox: Mutex<Inbox>,
    /// The program has ended it.
    is_cut: AtomicBool,
}

impl Connection {
    /// Goes in after a knock that was answered.
    pub(super) fn new(knock: Knock, deadline_ns: u64) -> Result<Self, Error> {
        let mut inbox = Inbox::default();
        let ipc = knock.finish(deadline_ns, |event| inbox.apply(event))?;
        Ok(Self {
            ipc,
            inbox: Mutex::new(inbox),
            is_cut: AtomicBool::new(false),
        })
    }

    pub(super) fn ipc(&self) -> &Client {
        &self.ipc
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        // A thread that panicked here has left everything whole: nothing in it is half done.
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The memory that a frame names.
    pub(super) fn memory(&self, id: u32) -> Result<Arc<Received>, Error> {
        self.inbox().memory(id, || self.ipc.pump())
    }

    /// The fence that a frame names.
    pub(super) fn fence(&self, id: u32) -> Result<Arc<OwnedFd>, Error> {
        self.inbox().fence(id, || self.ipc.pump())
    }

    /// Waits until the work behind a frame's fence is done; `false` if it failed or has not come,
    /// as may happen to who let many frames pass.
    pub(super) fn complete(&self, fence: u32, deadline_ns: u64) -> Result<bool, Error> {
        let done = self.fence(fence).and_then(|fd| {
            let done = sync_file::wait(fd.as_fd(), deadline_ns);
            done.map_err(|error| Error::of_fence(error, fence))
        });
        match done {
            Ok(()) => Ok(true),
            Err(Error::UnknownBuffer(_) | Error::FenceFailed(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(super) fn pump(&self) -> Result<(), Error> {
        let result = self.inbox().pump(|| self.ipc.pump());
        // A host that is always one step ahead.
        #[cfg(test)]
        super::tests::go_on();
        result
    }

    /// Ends it for all threads: waits, locks, and what the host keeps for them.
    pub(super) fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
        self.ipc.cancel();
        // Fails if the host was first.
        let _ = shutdown(self.ipc.socket_fd(), Shutdown::Both);
    }

    fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::SeqCst)
    }
}

/// Where a frame came from, and its lock.
#[derive(Debug)]
pub(crate) struct Origin {
    connection: Arc<Connection>,
    serial: u64,
    locked: Option<SlotId>,
}

impl Origin {
    pub(super) fn new(connection: Arc<Connection>, serial: u64) -> Self {
        Self {
            connection,
            serial,
            locked: None,
        }
    }

    /// Keeps the frame from the host. A frame that is locked stays so, and counts once.
    pub(crate) fn lock(&mut self) -> Result<(), Errno> {
        if self.connection.is_cut() {
            return Err(Errno::SHUTDOWN);
        }
        if self.locked.is_some() {
            return Ok(());
        }
        let ipc = &self.connection.ipc;
        if ipc.ring().0.is_closed() {
            return Err(errno_of(Error::HostGone));
        }
        match ipc.hold_serial(self.serial) {
            Ok(Some(slot)) => {
                self.locked = Some(slot);
                Ok(())
            }
            Ok(None) => Err(Errno::EXIST),
            Err(error) => Err(errno_of(error)),
        }
    }

    /// Gives the frame back to the host; whether the connection was cut.
    pub(crate) fn unlock(&mut self) -> bool {
        if let Some(slot) = self.locked.take() {
            self.connection.ipc.release(slot);
        }
        self.connection.is_cut()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.unlock();
    }
}
