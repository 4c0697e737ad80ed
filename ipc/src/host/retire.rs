//! Retiring frames explicitly, and the descriptors for a program with its own poll loop.

use rustix::fd::{AsFd, BorrowedFd};
use videostream_hal::ring::cells::SlotId;

use super::{Host, Peer};

impl Host {
    /// Retires one frame regardless of the policy: it can no longer be held.
    /// [`Host::collect_freed`] returns its slot once no client holds it. Returns `false` if the
    /// frame is not readable.
    pub fn retire(&mut self, serial: u64) -> bool {
        self.publisher.retire(serial)
    }

    /// Collects retired frames that no client holds any more, passing each slot to `freed`.
    #[inline]
    pub fn collect_freed(&mut self, mut freed: impl FnMut(SlotId)) {
        let before = self.publisher.draining();
        if before == 0 {
            return;
        }
        self.collect(&mut freed);
        if self.publisher.draining() < before {
            self.sweep();
        }
    }

    /// Returns the serial of the oldest readable frame.
    pub fn oldest(&self) -> Option<u64> {
        self.publisher.oldest().map(|(_, serial)| serial)
    }

    /// Iterates over the sockets of all connected clients, before or after their welcome.
    pub fn sockets(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.peers.iter().map(Peer::socket)
    }

    /// Returns whether a client has connected but has not been welcomed yet.
    pub fn is_expecting(&self) -> bool {
        self.peers.iter().any(|peer| peer.lease().is_none())
    }

    /// Returns the listening socket, for a program that lists its descriptors; `None` once the host
    /// has closed. [`Host::as_fd`] is readable whenever it is.
    pub fn listener(&self) -> Option<BorrowedFd<'_>> {
        self.acceptor.listener.as_ref().map(AsFd::as_fd)
    }
}
