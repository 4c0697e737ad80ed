//! How a client is told of a frame through a descriptor.

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, send, socketpair};

/// The host's end of a pair of stream sockets, of which the client has the other.
///
/// Not an eventfd: whoever has one can fill it and make calls on it block for all who have
/// it, since its flags belong to the file and not to the descriptor. A client could stop its
/// host in the next publish, and a host its client. On a socket each call says for itself
/// that it is not to block, and what one end does to its flags is no matter of the other.
#[derive(Debug)]
pub(super) struct Event(OwnedFd);

impl Event {
    /// The host's end, and the client's.
    pub(super) fn new() -> Result<(Self, OwnedFd), Errno> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (host, client) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        Ok((Self(host), client))
    }

    /// Makes the client's end readable.
    pub(super) fn ring(&self) {
        // Full: it is readable. Anything else: the client has broken its own.
        let _ = send(&self.0, &[1], SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
    }
}
