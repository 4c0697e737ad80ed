//! For a host that decides itself when each frame goes, and for a program that holds its own
//! loop over the sockets.

use rustix::fd::{AsFd, BorrowedFd};
use videostream_hal::ring::cells::SlotId;

use super::{Host, Peer};

impl Host {
    /// Makes one frame unreadable for newcomers, whichever it is and whatever the policy.
    /// [`Host::collect_freed`] tells when nobody holds it any more. `false` if it is not readable.
    pub fn withdraw(&mut self, serial: u64) -> bool {
        self.publisher.retire(serial)
    }

    /// Takes back what nobody holds any more of the frames that are no longer readable, telling
    /// `freed` of each slot.
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

    /// Serial of the oldest frame that is readable.
    pub fn oldest(&self) -> Option<u64> {
        self.publisher.oldest().map(|(_, serial)| serial)
    }

    /// The sockets of those who are connected, welcomed or not.
    pub fn sockets(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.peers.iter().map(Peer::socket)
    }

    /// Whether somebody has connected and not been welcomed yet.
    pub fn is_expecting(&self) -> bool {
        self.peers.iter().any(|peer| peer.lease().is_none())
    }

    /// The listening socket, for who names what a program may poll. [`Host::as_fd`] is readable
    /// whenever it is. `None` once the host has closed.
    pub fn listener(&self) -> Option<BorrowedFd<'_>> {
        self.door.listener.as_ref().map(AsFd::as_fd)
    }
}
