//! The descriptor by which a client's event loop learns of frames.

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, send, socketpair};

/// The host's end of a pair of stream sockets; the client has the other. It is not an eventfd,
/// because each process that has one can fill it and clear its `O_NONBLOCK`, a flag of the open
/// file, not of the descriptor: a client could block its host in the next publish, and a host its
/// client. On a socket each call is non-blocking by its own flag, and each end has flags of its
/// own.
#[derive(Debug)]
pub(super) struct Event(OwnedFd);

impl Event {
    /// Creates the pair: the host's end, and the client's.
    pub(super) fn new() -> Result<(Self, OwnedFd), Errno> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (host, client) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        Ok((Self(host), client))
    }

    /// Makes the client's end readable.
    pub(super) fn signal(&self) {
        // A full socket is readable. Any other error is one that the client has caused itself.
        let _ = send(&self.0, &[1], SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
    }
}
