//! What a host sends after the welcome.

use heapless::Vec;
use rustix::fd::{AsFd, OwnedFd};
use videostream_hal::memory::{kind, sync_file};

use crate::wire::{ClientStatus, HostStatus, MAX_FDS, Message};
use crate::{Error, MAX_PARAMETERS, trust};

/// What the host has sent.
#[derive(Debug)]
pub enum Event {
    /// A buffer that frames may lie in from now on: id, bytes, descriptor.
    Buffer(u32, u64, OwnedFd),
    /// A frame's fence: id, descriptor of a sync file.
    Fence(u32, OwnedFd),
    /// A buffer or fence that is gone: its id.
    Retire(u32),
    /// Parameter sets that decoding starts with: bytes, descriptor of a sealed memfd.
    Parameters(u64, OwnedFd),
    /// How a client does; part of the answer to [`Client::look`](super::Client::look).
    Client(ClientStatus),
    /// How the host does; ends that answer.
    Status(HostStatus),
}

impl Event {
    /// What a message means to a client that is waiting for events.
    /// `trusts` says whether its host's user is to be trusted with the memory's size.
    pub(super) fn new(
        message: Message,
        mut fds: Vec<OwnedFd, MAX_FDS>,
        trusts: bool,
    ) -> Result<Self, Error> {
        match message {
            Message::Buffer { id, size } => {
                let fd = fds.pop().ok_or(Error::BadBuffer(id))?;
                check(&fd, size, Error::BadBuffer(id))?;
                Ok(Self::Buffer(id, size, fd))
            }
            Message::Unsealed { id, size } => {
                let wrong = Error::BadBuffer(id);
                let fd = fds.pop().ok_or(wrong)?;
                match trusts && size != 0 && trust::is_of_the_user(fd.as_fd(), size)? {
                    true => Ok(Self::Buffer(id, size, fd)),
                    false => Err(wrong),
                }
            }
            Message::Fence { id } => {
                let fd = fds.pop().ok_or(Error::BadFence(id))?;
                sync_file::status(fd.as_fd()).map_err(|e| Error::of_fence(e, id))?;
                Ok(Self::Fence(id, fd))
            }
            Message::Parameters { size } => {
                let wrong = Error::ParameterSize(size as usize, MAX_PARAMETERS);
                let fd = fds.pop().ok_or(wrong)?;
                if size > MAX_PARAMETERS as u64 {
                    return Err(wrong);
                }
                check(&fd, size, wrong)?;
                Ok(Self::Parameters(size, fd))
            }
            Message::Retire { id } => Ok(Self::Retire(id)),
            Message::Client(status) => Ok(Self::Client(status)),
            Message::Status(status) => Ok(Self::Status(status)),
            Message::Goodbye(why) => Err(Error::Goodbye(why)),
            Message::Refused(why) => Err(Error::Refused(why)),
            Message::Hello { .. } => Err(Error::Unexpected("hello from a host")),
            Message::Welcome { .. } => Err(Error::Unexpected("second welcome")),
            Message::Moved => Err(Error::Unexpected("a host that holds frames")),
            Message::Look => Err(Error::Unexpected("a host that asks how it does")),
        }
    }
}

/// Memory from a host is as long as it says and stays so.
fn check(fd: &OwnedFd, size: u64, wrong: Error) -> Result<(), Error> {
    match kind::is_fixed_memory(fd.as_fd(), size) {
        Ok(true) if size != 0 => Ok(()),
        Ok(_) => Err(wrong),
        Err(e) => Err(Error::Os("size of a buffer", e)),
    }
}
