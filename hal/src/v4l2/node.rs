//! The common part of video nodes and sub-devices.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::path::Arg;

use super::ioctl;
use super::{Event, EventSelector};
use crate::{Call, Error};

/// An open V4L2 node of any kind, with controls (see [`control`](super::control)) and events.
///
/// [`Device::node`](super::Device::node) and [`Subdevice::node`](crate::media::Subdevice::node)
/// return it.
#[derive(Debug)]
pub struct Node {
    fd: OwnedFd,
}

impl Node {
    /// Opens a node for reading and writing, non-blocking and close-on-exec.
    pub(crate) fn open_fd(path: impl Arg) -> Result<OwnedFd, Error> {
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        openat(CWD, path, flags, Mode::empty()).map_err(|e| Error::system(Call::Open, e))
    }

    pub(crate) const fn from_fd(fd: OwnedFd) -> Self {
        Self { fd }
    }

    /// Subscribes to events; they make [`wait`](super::wait) report [`Ready::EVENT`](super::Ready).
    ///
    /// # Errors
    /// See [`ioctl::subscribe_event`].
    pub fn subscribe(&self, events: EventSelector) -> Result<(), Error> {
        ioctl::subscribe_event(self.as_fd(), events)
    }

    /// Unsubscribes from events.
    ///
    /// # Errors
    /// See [`ioctl::unsubscribe_event`].
    pub fn unsubscribe(&self, events: EventSelector) -> Result<(), Error> {
        ioctl::unsubscribe_event(self.as_fd(), events)
    }

    /// Dequeues the oldest pending event; `None` if there is no event.
    ///
    /// # Errors
    /// - [`ErrorKind::Disconnected`](super::ErrorKind): the device was unplugged.
    pub fn next_event(&self) -> Result<Option<Event>, Error> {
        next_event(self.as_fd())
    }
}

/// Dequeues the oldest pending event of a handle.
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
