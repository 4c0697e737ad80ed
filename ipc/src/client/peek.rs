//! Frames that are looked at before they are held.

use videostream_hal::ring::cells::{Control, SlotId, head_serial};
use videostream_hal::ring::layout::DESCRIPTOR_WORDS;
use videostream_hal::ring::segment::Stat;
use videostream_hal::ring::{FrameDescriptor, reader};
use videostream_hal::sync::Ordering;

use super::Client;
use crate::Error;

impl Client {
    /// The newest serial when the host let this client in, as far as [`Client::hold`] and
    /// [`Client::peek`] have not moved it on.
    pub fn last_serial(&self) -> u64 {
        self.lease.stat(Stat::LastSerial).load(Ordering::Relaxed)
    }

    /// What the host says about the oldest frame newer than `after`, without holding it: it may be
    /// gone a moment later. `Ok(None)`: nothing newer. No system call.
    ///
    /// # Errors
    /// [`Error::ThrownOut`] when the host no longer counts this client;
    /// [`Error::Descriptor`] for a frame whose description is wrong.
    #[inline]
    pub fn peek(&self, after: u64) -> Result<Option<FrameDescriptor>, Error> {
        // SYNC(publish): acquires the descriptors of all frames up to this one.
        let head = head_serial(self.control.head().load(Ordering::Acquire));
        if head <= after {
            return Ok(None);
        }
        if self.lease.has_ended() {
            return Err(Error::ThrownOut);
        }
        let slots = self.control.slots();
        // At most as many serials as slots are readable at once.
        let oldest = head.saturating_sub(u64::from(slots) - 1);
        for serial in (after + 1).max(oldest)..=head {
            // Relaxed: written before head; what is stale fails the look at the state.
            let index = self.control.index(serial as u32 & (2 * slots - 1));
            let slot = SlotId::checked(index.load(Ordering::Relaxed), slots);
            let Some(slot) = slot.filter(|&slot| self.is_readable(slot, serial)) else {
                continue;
            };
            let words: [u64; DESCRIPTOR_WORDS] =
                core::array::from_fn(|at| reader::word(&self.control, slot, at));
            // SYNC(reuse): who sees the state unchanged has read nothing of a later frame.
            if !reader::is_intact(&self.control, slot, serial) {
                continue;
            }
            let descriptor = FrameDescriptor::from_words(words);
            descriptor.check(serial)?;
            self.count(serial, serial - after - 1, after);
            return Ok(Some(descriptor));
        }
        Ok(None)
    }

    fn is_readable(&self, slot: SlotId, serial: u64) -> bool {
        self.control.state(slot).load(Ordering::Relaxed) == serial
    }

    /// Holds exactly the frame `serial`, one that [`Client::peek`] gave. `Ok(None)`: it is gone.
    /// No system call.
    ///
    /// # Errors
    /// [`Error::HoldLimit`] when this client holds as many as it may; [`Error::ThrownOut`].
    #[inline]
    pub fn hold_serial(&self, serial: u64) -> Result<Option<SlotId>, Error> {
        // Relaxed: the count only limits; the ring's own words carry all order.
        if self.held.fetch_add(1, Ordering::Relaxed) >= self.config.hold {
            self.held.fetch_sub(1, Ordering::Relaxed);
            return Err(Error::HoldLimit(self.config.hold));
        }
        let slot = reader::try_hold(&self.control, &self.lease, serial);
        // Behind the hold's fence, as in `hold`.
        if self.lease.has_ended() {
            match slot {
                Some(slot) => self.release(slot),
                None => drop(self.held.fetch_sub(1, Ordering::Relaxed)),
            }
            return Err(Error::ThrownOut);
        }
        if slot.is_none() {
            self.held.fetch_sub(1, Ordering::Relaxed);
        }
        Ok(slot)
    }
}
