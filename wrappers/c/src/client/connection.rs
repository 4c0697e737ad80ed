//! A connection to a host, which its frames keep open.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::Errno;
use rustix::net::{Shutdown, shutdown};
use videostream::hal::memory::sync_file;
use videostream::hal::ring::cells::SlotId;
use videostream::ipc::client::{Client, PendingClient};
use videostream::ipc::{Error, client};
use videostream::share::Inbox;

use crate::error::errno_of;
use crate::frame::{HostMemory, Sender};

/// A connection to a host; frames keep it alive.
#[derive(Debug)]
pub(crate) struct Connection {
    ipc: client::Client,
    inbox: Inbox<HostMemory>,
    /// Ended by the program.
    is_cut: AtomicBool,
}

impl Connection {
    /// Completes a connection that the host has answered.
    pub(super) fn new(pending: PendingClient, deadline_ns: u64) -> Result<Self, Error> {
        let inbox = Inbox::default();
        let ipc = pending.finish(deadline_ns, |event| inbox.apply(event))?;
        Ok(Self {
            ipc,
            inbox,
            is_cut: AtomicBool::new(false),
        })
    }

    pub(super) fn ipc(&self) -> &Client {
        &self.ipc
    }

    /// Finds the memory that a frame names.
    pub(super) fn memory(&self, id: u32) -> Result<Arc<HostMemory>, Error> {
        self.inbox.buffer(id, || self.ipc.pump())
    }

    /// Finds the fence that a frame names.
    pub(super) fn fence(&self, id: u32) -> Result<Arc<OwnedFd>, Error> {
        self.inbox.fence(id, || self.ipc.pump())
    }

    /// Waits for a frame's fence; `false` if it failed, or if it is unknown because this client has
    /// skipped many frames.
    pub(super) fn complete(&self, fence: u32, deadline_ns: u64) -> Result<bool, Error> {
        let done = self.fence(fence).and_then(|fd| {
            let done = sync_file::wait(fd.as_fd(), deadline_ns);
            done.map_err(|error| Error::of_fence(error, fence))
        });
        match done {
            Ok(()) => Ok(true),
            Err(Error::UnknownBuffer { .. } | Error::FenceFailed { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(super) fn pump(&self) -> Result<(), Error> {
        let result = self.inbox.pump(|| self.ipc.pump());
        // A host that is always one step ahead.
        #[cfg(test)]
        super::tests::go_on();
        result
    }

    /// Ends waits and locks of all threads, and the connection at the host.
    pub(super) fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
        self.ipc.cancel();
        // Fails if the host has closed it before.
        let _ = shutdown(self.ipc.socket_fd(), Shutdown::Both);
    }
}

impl Sender for Connection {
    fn lock(&self, serial: u64) -> Result<SlotId, Errno> {
        if self.ipc.ring().0.is_closed() {
            return Err(errno_of(Error::HostGone));
        }
        match self.ipc.hold_serial(serial) {
            Ok(Some(slot)) => Ok(slot),
            Ok(None) => Err(Errno::EXIST),
            Err(error) => Err(errno_of(error)),
        }
    }

    fn unlock(&self, slot: SlotId) {
        self.ipc.release(slot);
    }

    fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::SeqCst)
    }
}
