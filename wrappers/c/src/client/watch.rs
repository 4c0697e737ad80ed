//! A descriptor for programs that poll: readable when a client has something to look at.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::epoll;
use rustix::io::Errno;

use super::{Client, Session};

/// An epoll descriptor over the host's socket and its event descriptor.
#[derive(Debug)]
pub(super) struct Watch(OwnedFd);

impl Watch {
    fn new() -> Result<Self, Errno> {
        epoll::create(epoll::CreateFlags::CLOEXEC).map(Self)
    }

    /// Adds a descriptor; adding it again does nothing.
    fn add(&self, fd: BorrowedFd<'_>) -> Result<(), Errno> {
        let data = epoll::EventData::new_u64(0);
        match epoll::add(&self.0, fd, data, epoll::EventFlags::IN) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    fn remove(&self, fd: BorrowedFd<'_>) {
        // Fails if it was not added.
        let _ = epoll::delete(&self.0, fd);
    }
}

impl Client {
    /// Returns the descriptor, which the first call makes.
    pub(crate) fn watch(&self) -> Result<BorrowedFd<'_>, Errno> {
        let session = self.session();
        if self.watch.get().is_none() {
            let watch = Watch::new()?;
            // The session lock excludes other calls.
            let _ = self.watch.set(watch);
        }
        self.watch_all(&session)?;
        self.watch
            .get()
            .map(|watch| watch.0.as_fd())
            .ok_or(Errno::NOMEM)
    }

    /// Adds the client's current descriptors, if the program polls.
    pub(super) fn watch_all(&self, session: &Session) -> Result<(), Errno> {
        let Some(watch) = self.watch.get() else {
            return Ok(());
        };
        if let Some(pending) = &session.pending {
            watch.add(pending.socket_fd())?;
        }
        if let Some(connection) = &session.connection {
            watch.add(connection.ipc().socket_fd())?;
            watch.add(connection.ipc().event_fd())?;
        }
        Ok(())
    }

    /// Removes a connection that is over: frames may keep it open, and it would stay readable.
    pub(super) fn unwatch(&self, session: &Session) {
        if let (Some(watch), Some(connection)) = (self.watch.get(), &session.connection) {
            watch.remove(connection.ipc().socket_fd());
            watch.remove(connection.ipc().event_fd());
        }
    }

    /// Asks the host to signal the next frame; `false` if there is one already.
    pub(super) fn arm(&self, session: &Session) -> bool {
        match (&session.connection, self.watch.get()) {
            (Some(connection), Some(_)) => connection.ipc().arm(session.after),
            _ => true,
        }
    }
}
