//! Waiting for clients to release frames.
//!
//! Clients send nothing unless the host waits: it sets a mark in the control segment, which clients
//! check after each release. See [`hal::ring::wake`](videostream_hal::ring::wake).

use videostream_hal::ring::wake;

use super::{Host, Peer};

/// The events that clients report to a waiting host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TellOf {
    /// Released frames.
    Releases,
    /// Held and released frames.
    HoldsAndReleases,
}

/// The waits in progress, and their mark.
#[derive(Debug, Default)]
pub(super) struct Waits {
    /// The last mark.
    mark: u32,
    /// Calls of [`Host::begin_wait`] without their [`Host::end_wait`].
    count: u32,
}

impl Host {
    /// Makes [`Host::as_fd`](rustix::fd::AsFd::as_fd) readable once a client releases a frame, from
    /// now until [`Host::end_wait`]. Earlier releases are not reported: after this call and before
    /// waiting, check with [`Host::reclaim`], [`Host::collect_freed`], or [`Host::moves`]. Each
    /// client reports once, so call this before each wait. Concurrent waits each begin and end; the
    /// last to begin chooses the events that clients report.
    pub fn begin_wait(&mut self, what: TellOf) {
        let waits = &mut self.waits;
        waits.count += 1;
        waits.mark = wake::next_mark(waits.mark, what == TellOf::HoldsAndReleases);
        wake::begin_host_sleep(self.publisher.control(), waits.mark);
    }

    /// Ends a wait. After the last one, clients report nothing.
    pub fn end_wait(&mut self) {
        self.waits.count = self.waits.count.saturating_sub(1);
        if self.waits.count == 0 {
            wake::end_host_sleep(self.publisher.control());
        }
    }

    /// Returns how often clients have held or released a frame, by their own count: a changed
    /// number means that something has happened. Clients that come or go change it as well.
    pub fn moves(&self) -> u64 {
        let moves = self.peers.iter().map(Peer::moves);
        moves.fold(0, u64::wrapping_add)
    }
}
