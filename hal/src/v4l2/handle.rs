//! What video nodes and sub-devices have in common.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::path::Arg;

use super::ioctl;
use super::{Error, Event, EventSelector};

/// An open V4L2 node of any kind, with what all kinds have: controls (see
/// [`control`](super::control)) and events.
///
/// A [`Device`](super::Device) and a [`Subdevice`](crate::media::Subdevice) are nodes.
#[derive(Debug)]
pub struct Node {
    fd: OwnedFd,
}

impl Node {
    /// A descriptor for reading and writing, non-blocking and close-on-exec.
    pub(crate) fn open_fd(path: impl Arg) -> Result<OwnedFd, Error> {
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        openat(CWD, path, flags, Mode::empty()).map_err(|e| Error::system("open", e))
    }

    pub(crate) const fn from_fd(fd: OwnedFd) -> Self {
        Self { fd }
    }

    /// Asks for events; they make [`wait`](super::wait) report [`Ready::EVENT`](super::Ready).
    ///
    /// # Errors
    /// See [`ioctl::subscribe_event`].
    pub fn subscribe(&self, events: EventSelector) -> Result<(), Error> {
        ioctl::subscribe_event(self.as_fd(), events)
    }

    /// No more events of a kind.
    ///
    /// # Errors
    /// See [`ioctl::unsubscribe_event`].
    pub fn unsubscribe(&self, events: EventSelector) -> Result<(), Error> {
        ioctl::unsubscribe_event(self.as_fd(), events)
    }

    /// The oldest event that waits; `None` if none does.
    ///
    /// # Errors
    /// - [`ErrorKind::Disconnected`](super::ErrorKind): unplugged.
    pub fn next_event(&self) -> Result<Option<Event>, Error> {
        next_event(self.as_fd())
    }
}

/// The oldest event that waits for a handle.
pub(super) fn next_event(fd: BorrowedFd<'_>) -> Result<Option<Event>, Error> {
    match ioctl::dqevent(fd) {
        Ok(event) => Ok(Some(event)),
        Err(error) if error.errno() == Some(rustix::io::Errno::NOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

impl AsFd for Node {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
