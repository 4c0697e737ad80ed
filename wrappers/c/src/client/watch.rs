//! A descriptor for programs that poll: readable when a client has something to look at.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::epoll;
use rustix::io::Errno;

use super::{Client, Turn};

/// An epoll descriptor over the socket to the host and the event that it rings.
#[derive(Debug)]
pub(super) struct Watch(OwnedFd);

impl Watch {
    fn new() -> Result<Self, Errno> {
        epoll::create(epoll::CreateFlags::CLOEXEC).map(Self)
    }

    /// What is added twice is there once.
    fn add(&self, fd: BorrowedFd<'_>) -> Result<(), Errno> {
        let data = epoll::EventData::new_u64(0);
        match epoll::add(&self.0, fd, data, epoll::EventFlags::IN) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    fn remove(&self, fd: BorrowedFd<'_>) {
        // Fails if it was not there.
        let _ = epoll::delete(&self.0, fd);
    }
}

impl Client {
    /// The descriptor; made by the first call.
    pub(crate) fn watch(&self) -> Result<BorrowedFd<'_>, Errno> {
        let turn = self.turn();
        if self.watch.get().is_none() {
            let watch = Watch::new()?;
            // With the turn there is nobody else here.
            let _ = self.watch.set(watch);
        }
        self.watch_all(&turn)?;
        self.watch
            .get()
            .map(|watch| watch.0.as_fd())
            .ok_or(Errno::NOMEM)
    }

    /// Watches what the client has at the moment, if the program wants it.
    pub(super) fn watch_all(&self, turn: &Turn) -> Result<(), Errno> {
        let Some(watch) = self.watch.get() else {
            return Ok(());
        };
        if let Some(knock) = &turn.knock {
            watch.add(knock.socket_fd())?;
        }
        if let Some(connection) = &turn.connection {
            watch.add(connection.ipc().socket_fd())?;
            watch.add(connection.ipc().event_fd())?;
        }
        Ok(())
    }

    /// A connection that is over may be kept by frames: its end is not to be told again and again.
    pub(super) fn watch_no_more(&self, turn: &Turn) {
        if let (Some(watch), Some(connection)) = (self.watch.get(), &turn.connection) {
            watch.remove(connection.ipc().socket_fd());
            watch.remove(connection.ipc().event_fd());
        }
    }

    /// Asks the host to ring at the next frame; `false` if one is there.
    pub(super) fn arm(&self, turn: &Turn) -> bool {
        match (&turn.connection, self.watch.get()) {
            (Some(connection), Some(_)) => connection.ipc().arm(turn.after),
            _ => true,
        }
    }
}
