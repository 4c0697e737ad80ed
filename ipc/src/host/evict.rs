//! Evicting clients.

use videostream_hal::time::now_ns;

use super::peer::Peer;
use super::{Host, PUBLISHED};
use crate::wire::Goodbye;

impl Host {
    /// Evicts clients that hold more frames than they were granted, or a frame for longer than the
    /// lease time, and returns their number. For a producer that runs out of buffers, which honest
    /// clients that keep up never cause. Only frames that [`Host::reclaim`] has made unreadable are
    /// counted: a client may take and release readable ones while they are added up.
    pub fn evict_over_limit(&mut self) -> usize {
        let mut gone = 0;
        for index in self.peers.indices() {
            let Some(peer) = self.peers.get(index) else {
                continue;
            };
            let offence = match peer.over_limit(&self.publisher) {
                Some((held, allowed)) => Some(Goodbye::OverLimit { held, allowed }),
                None => self.overdue(peer),
            };
            if let Some(why) = offence {
                self.evict(index, why);
                gone += 1;
            }
        }
        gone
    }

    /// Returns the reason to evict `peer` if it holds a retired frame past the lease time.
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
        (oldest > self.config.lease_ns).then_some(Goodbye::LeaseTime { ms })
    }

    /// Ends every connection with a reason. The host continues, and clients may reconnect.
    pub fn send_away(&mut self, why: Goodbye) {
        for index in self.peers.indices() {
            if self.peers.get(index).is_some() {
                self.evict(index, why);
            }
        }
        self.wake_futex();
    }
}
