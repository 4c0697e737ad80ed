//! Telling a host that waits.

use videostream_hal::ring::segment::Stat;
use videostream_hal::ring::wake;
use videostream_hal::sync::Ordering;

use super::Client;
use crate::socket;
use crate::wire::Message;

impl Client {
    /// Counts a frame held or let go, before the host's mark is looked at.
    #[inline]
    pub(super) fn count_move(&self) {
        let moves = self.lease.stat(Stat::Moves);
        // One thread's number may overwrite another's: it is another one than before all the same.
        let more = moves.load(Ordering::Relaxed).wrapping_add(1);
        moves.store(more, Ordering::Relaxed);
    }

    /// Behind a release.
    #[inline]
    pub(super) fn tell_of_release(&self) {
        let mark = wake::host_waits(&self.control);
        if mark != 0 {
            self.tell(mark);
        }
    }

    /// Behind a hold.
    #[inline]
    pub(super) fn tell_of_hold(&self) {
        self.count_move();
        let mark = wake::host_waits(&self.control);
        if mark & wake::TELL_OF_HOLDS != 0 {
            self.tell(mark);
        }
    }

    /// Wakes the host, once for each mark: however many frames go by meanwhile, its queue holds one
    /// message.
    #[cold]
    fn tell(&self, mark: u32) {
        if self.told.swap(mark, Ordering::Relaxed) != mark {
            // Full: the host has something to read. Gone: it does not wait.
            let _ = socket::send(&self.socket, &Message::Moved, &[]);
        }
    }
}
