//! Peeking at a frame's description before holding the frame.

use videostream_hal::ring::cells::SlotId;
use videostream_hal::ring::segment::Stat;
use videostream_hal::ring::{FrameDescriptor, reader};
use videostream_hal::sequence::lost_between;
use videostream_hal::sync::Ordering;

use super::Client;
use crate::Error;

impl Client {
    /// Returns the last serial that [`Client::hold`] or [`Client::peek`] returned; before that, the
    /// newest one when the host welcomed this client.
    pub fn last_serial(&self) -> u64 {
        self.lease.stat(Stat::LastSerial).load(Ordering::Relaxed)
    }

    /// Returns the description of the oldest frame newer than `after` without holding the frame,
    /// which may be gone a moment later. Returns `Ok(None)` if there is no newer frame. Makes no
    /// system call.
    ///
    /// # Errors
    /// [`Error::Evicted`] when the host has evicted this client; [`Error::Ring`] for a
    /// frame whose description is wrong.
    #[inline]
    pub fn peek(&self, after: u64) -> Result<Option<FrameDescriptor>, Error> {
        if self.head() <= after {
            return Ok(None);
        }
        if self.lease.has_ended() {
            return Err(Error::Evicted);
        }
        let Some((serial, words)) = reader::peek_next(&self.control, after) else {
            return Ok(None);
        };
        let descriptor = FrameDescriptor::from_words(words);
        descriptor.check(serial)?;
        self.count(serial, lost_between(after, serial), after);
        Ok(Some(descriptor))
    }

    /// Holds exactly the frame `serial`, which [`Client::peek`] returned. Returns `Ok(None)` if it
    /// is gone. Makes no system call unless the host is waiting for clients.
    ///
    /// # Errors
    /// [`Error::HoldLimit`] when this client already holds its maximum; [`Error::Evicted`].
    #[inline]
    pub fn hold_serial(&self, serial: u64) -> Result<Option<SlotId>, Error> {
        // SYNC(limit): as in `hold`.
        if self.held.fetch_add(1, Ordering::Acquire) >= self.config.hold {
            self.held.fetch_sub(1, Ordering::Relaxed);
            return Err(Error::HoldLimit {
                limit: self.config.hold,
            });
        }
        let slot = reader::try_hold(&self.control, &self.lease, serial);
        // After the hold's fence, as in `hold`.
        if self.lease.has_ended() {
            match slot {
                Some(slot) => self.release(slot),
                None => drop(self.held.fetch_sub(1, Ordering::Release)),
            }
            return Err(Error::Evicted);
        }
        match slot {
            Some(_) => self.tell_of_hold(),
            None => drop(self.held.fetch_sub(1, Ordering::Release)),
        }
        Ok(slot)
    }
}
