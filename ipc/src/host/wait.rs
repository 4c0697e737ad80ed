//! Waiting for clients to let go of frames.
//!
//! Nothing is sent while nobody waits: the host marks that it does in the control segment, and whoever
//! lets go looks there: see [`hal::ring::wake`](videostream_hal::ring::wake).

use videostream_hal::ring::wake;

use super::{Host, Peer};

/// What a host that waits is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TellOf {
    /// Frames that clients let go.
    Releases,
    /// Those and frames that they hold.
    HoldsAndReleases,
}

/// Who waits, and by which mark.
#[derive(Debug, Default)]
pub(super) struct Waits {
    /// The last mark.
    mark: u32,
    /// Calls of [`Host::begin_wait`] that have not been ended.
    count: u32,
}

impl Host {
    /// Makes [`Host::as_fd`](rustix::fd::AsFd::as_fd) readable once a client lets go of a frame, from now on and until
    /// [`Host::end_wait`]. What was let go before is not told: look after this call and before the
    /// wait, by [`Host::reclaim`] or [`Host::collect_freed`], or for any move by [`Host::moves`].
    ///
    /// Each client tells once: call it again before each wait. Threads that wait at once each begin
    /// and end; the last that began says what clients tell of.
    pub fn begin_wait(&mut self, what: TellOf) {
        let waits = &mut self.waits;
        waits.count += 1;
        waits.mark = wake::next_mark(waits.mark, what == TellOf::HoldsAndReleases);
        wake::begin_host_sleep(self.publisher.control(), waits.mark);
    }

    /// Ends a wait: once nobody waits any more, clients tell nothing.
    pub fn end_wait(&mut self) {
        self.waits.count = self.waits.count.saturating_sub(1);
        if self.waits.count == 0 {
            wake::end_host_sleep(self.publisher.control());
        }
    }

    /// How often clients have held a frame or let one go, by their own count: another number than
    /// before says that something has happened. Clients that come and go change it, too.
    pub fn moves(&self) -> u64 {
        let moves = self.peers.iter().map(Peer::moves);
        moves.fold(0, u64::wrapping_add)
    }
}
