//! Events: the host's messages, checked, with their descriptors.

use heapless::Vec;
use rustix::fd::{AsFd, OwnedFd};
use videostream_hal::Call;
use videostream_hal::memory::{kind, sync_file};

use crate::wire::{ClientStatus, HostStatus, MAX_FDS, Message};
use crate::{Error, MAX_PARAMETERS, trust};

/// An event that the host has sent.
#[derive(Debug)]
pub enum Event {
    /// A buffer that frames may lie in from now on: id, size in bytes, descriptor.
    Buffer(u32, u64, OwnedFd),
    /// A frame's fence: id, descriptor of a sync file.
    Fence(u32, OwnedFd),
    /// A buffer or fence that the host has unregistered: its id.
    Retire(u32),
    /// Parameter sets that a decoder needs first: size in bytes, descriptor of a sealed memfd.
    Parameters(u64, OwnedFd),
    /// The state of a client; part of the answer to [`Client::look`](super::Client::look).
    Client(ClientStatus),
    /// The state of the host; ends that answer.
    Status(HostStatus),
}

impl Event {
    /// Checks a message and its descriptors. `trusts` is whether memory that can shrink is accepted
    /// from this host.
    pub(super) fn new(
        message: Message,
        mut fds: Vec<OwnedFd, MAX_FDS>,
        trusts: bool,
    ) -> Result<Self, Error> {
        match message {
            Message::Buffer { id, size } => {
                let fd = fds.pop().ok_or(Error::BadBuffer { id })?;
                check(&fd, size, Error::BadBuffer { id })?;
                Ok(Self::Buffer(id, size, fd))
            }
            Message::Unsealed { id, size } => {
                let wrong = Error::BadBuffer { id };
                let fd = fds.pop().ok_or(wrong)?;
                match trusts && size != 0 && trust::is_of_the_user(fd.as_fd(), size)? {
                    true => Ok(Self::Buffer(id, size, fd)),
                    false => Err(wrong),
                }
            }
            Message::Fence { id } => {
                let fd = fds.pop().ok_or(Error::BadFence { id })?;
                sync_file::status(fd.as_fd()).map_err(|e| Error::of_fence(e, id))?;
                Ok(Self::Fence(id, fd))
            }
            Message::Parameters { size } => {
                let wrong = Error::ParameterSize {
                    bytes: size as usize,
                    max: MAX_PARAMETERS,
                };
                let fd = fds.pop().ok_or(wrong)?;
                if size > MAX_PARAMETERS as u64 {
                    return Err(wrong);
                }
                check(&fd, size, wrong)?;
                Ok(Self::Parameters(size, fd))
            }
            Message::Unregister { id } => Ok(Self::Retire(id)),
            Message::Client(status) => Ok(Self::Client(status)),
            Message::Status(status) => Ok(Self::Status(status)),
            Message::Goodbye(why) => Err(Error::Goodbye(why)),
            Message::Refused(why) => Err(Error::Refused(why)),
            Message::Hello { .. } => Err(Error::Unexpected {
                what: "hello from a host",
            }),
            Message::Welcome { .. } => Err(Error::Unexpected {
                what: "second welcome",
            }),
            Message::Moved => Err(Error::Unexpected {
                what: "moved from a host",
            }),
            Message::StatusRequest => Err(Error::Unexpected {
                what: "status request from a host",
            }),
        }
    }
}

/// Checks that memory has `size` bytes and can't shrink.
fn check(fd: &OwnedFd, size: u64, wrong: Error) -> Result<(), Error> {
    match kind::is_fixed_memory(fd.as_fd(), size) {
        Ok(true) if size != 0 => Ok(()),
        Ok(_) => Err(wrong),
        Err(e) => Err(Error::os(Call::Statx, e)),
    }
}
