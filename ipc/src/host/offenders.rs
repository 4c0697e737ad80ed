//! Clients that are sent away.

use videostream_hal::time::now_ns;

use super::peer::Peer;
use super::{Host, PUBLISHED};
use crate::wire::Goodbye;

impl Host {
    /// Throws out clients that hold more frames than they were granted, or a frame for longer
    /// than the lease time. For a producer that runs out of buffers: honest clients that
    /// keep up can't cause that. Returns how many went.
    ///
    /// Counted are the frames that are unreadable, as [`Host::reclaim`] makes them: what a client may
    /// still hold anew can't be added up while it does.
    pub fn evict_offenders(&mut self) -> usize {
        let mut gone = 0;
        for place in self.peers.places() {
            let Some(peer) = self.peers.get(place) else {
                continue;
            };
            let offence = match peer.over_limit(&self.publisher) {
                Some((held, allowed)) => Some(Goodbye::OverLimit(held, allowed)),
                None => self.overdue(peer),
            };
            if let Some(why) = offence {
                self.evict(place, why);
                gone += 1;
            }
        }
        gone
    }

    /// Whether `peer` alone or with others keeps a retired frame past the lease time.
    fn overdue(&self, peer: &Peer) -> Option<Goodbye> {
        if self.config.lease_ns == 0 {
            return None;
        }
        let now = now_ns();
        let ages = self
            .publisher
            .draining_slots()
            .filter(|&slot| peer.holds(slot))
            .map(|slot| now.saturating_sub(self.word(slot, PUBLISHED)));
        let oldest = ages.max()?;
        let ms = u32::try_from(oldest / 1_000_000).unwrap_or(u32::MAX);
        (oldest > self.config.lease_ns).then_some(Goodbye::LeaseTime(ms))
    }

    /// Ends every connection with a reason; the host goes on and clients may come again.
    pub fn send_away(&mut self, why: Goodbye) {
        for place in self.peers.places() {
            if self.peers.get(place).is_some() {
                self.evict(place, why);
            }
        }
        self.wake_futex();
    }
}
