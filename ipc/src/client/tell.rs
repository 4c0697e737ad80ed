//! Notifying a host that waits for clients.

use videostream_hal::ring::segment::Stat;
use videostream_hal::ring::wake;
use videostream_hal::sync::Ordering;

use super::Client;
use crate::socket;
use crate::wire::Message;

impl Client {
    /// Counts a hold or release. Call this before reading the host's mark.
    #[inline]
    pub(super) fn count_move(&self) {
        let moves = self.lease.stat(Stat::Moves);
        // Threads may overwrite each other's count, but it always changes, which is enough.
        let more = moves.load(Ordering::Relaxed).wrapping_add(1);
        moves.store(more, Ordering::Relaxed);
    }

    /// Notifies a waiting host after a release.
    #[inline]
    pub(super) fn tell_of_release(&self) {
        let mark = wake::host_waits(&self.control);
        if mark != 0 {
            self.tell(mark);
        }
    }

    /// Counts a hold, and notifies a host that also waits for holds.
    #[inline]
    pub(super) fn tell_of_hold(&self) {
        self.count_move();
        let mark = wake::host_waits(&self.control);
        if mark & wake::TELL_OF_HOLDS != 0 {
            self.tell(mark);
        }
    }

    /// Wakes the host, once for each mark: however many frames are released meanwhile, its queue
    /// holds one message.
    #[cold]
    fn tell(&self, mark: u32) {
        if self.told.swap(mark, Ordering::Relaxed) != mark {
            // A full queue wakes the host anyway, and a dead host does not wait.
            let _ = socket::send(&self.socket, &Message::Moved, &[]);
        }
    }
}
