//! A host, and what each of its frames lies in until nobody holds it.

use std::collections::VecDeque;

use videostream_hal::ring::FrameDescriptor;
use videostream_ipc::Error as IpcError;

use super::{DropCause, Host, TellOf};
use crate::Error;

/// Publishes frames and keeps what each of them lies in, a `T`, until nobody holds it any more: a buffer that is
/// filled again then.
///
/// [`Stream`](crate::Stream) lends the buffers of a [`Source`](crate::Source); this is for producers whose frames come
/// to them, in memory of whatever kind. It has no thread: poll the host's descriptor until
/// [`Lender::expires_ns`], then call [`Host::process`] and [`Lender::take_back`].
#[derive(Debug)]
pub struct Lender<T> {
    host: Host,
    /// By slot.
    kept: Vec<Option<T>>,
    /// Serials of frames that expire, and when; those published last are behind.
    expiring: VecDeque<(u64, u64)>,
    /// The producer had no buffer for a frame since the last one.
    is_short: bool,
    /// Clients tell when they let go of a frame.
    is_waiting: bool,
}

/// A frame that could not be published, and what it lies in.
#[derive(Debug)]
pub struct Refused<T> {
    /// Why.
    pub error: Error,
    /// What was to be kept.
    pub keep: T,
}

impl<T> Lender<T> {
    /// Lends frames of a host, as many at once as it was made for ([`HostBuilder::lend`](super::HostBuilder::lend)).
    #[must_use]
    pub fn new(host: Host) -> Self {
        let kept = (0..host.slots()).map(|_| None).collect();
        Self {
            host,
            kept,
            expiring: VecDeque::new(),
            is_short: false,
            is_waiting: false,
        }
    }

    /// The host.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The host, to be processed, and to register memory with. Frames published or taken back by it directly are none
    /// of the lender's.
    pub fn host_mut(&mut self) -> &mut Host {
        &mut self.host
    }

    /// How many frames can be out at once.
    #[must_use]
    pub fn lend(&self) -> u32 {
        self.host.lend()
    }

    /// Lends another number of frames from now on.
    pub fn set_lend(&mut self, frames: u32) {
        let most = self.host.slots() - 1;
        self.host.set_lend(frames.min(most));
    }

    /// Publishes a frame that lies in what `keep` keeps; gives its serial. Where no slot is free, clients that hold
    /// more than they were granted are thrown out, and the frame counts as dropped.
    ///
    /// # Errors
    /// [`Refused`] with `keep` and [`Error::Share`]: those of [`Host::publish`].
    pub fn publish(&mut self, frame: &FrameDescriptor, keep: T) -> Result<u64, Refused<T>> {
        match self.host.publish(frame) {
            Ok((slot, serial)) => {
                self.kept[slot.index()] = Some(keep);
                if frame.expires_ns != 0 {
                    self.expiring.push_back((serial, frame.expires_ns));
                }
                Ok(serial)
            }
            Err(error) => {
                if matches!(error.share(), Some(IpcError::WouldBlock(_))) {
                    self.host.evict_offenders();
                    self.host.count_drops(1, DropCause::NoBuffer);
                }
                Err(Refused { error, keep })
            }
        }
    }

    /// Notes frames that the source counted and that did not come. After the producer was short of buffers it is for
    /// want of those, else it is the source's own.
    pub fn count_lost(&mut self, frames: u64) {
        let cause = match std::mem::take(&mut self.is_short) {
            true => DropCause::NoBuffer,
            false => DropCause::Sensor,
        };
        self.host.count_drops(frames, cause);
    }

    /// Gives back what frames lay in that nobody holds any more: those that have expired, and the oldest ones, as far as
    /// the host's policy lets them go, while more are out than can be lent. Where clients hold so many, the host's
    /// descriptor becomes readable once one lets go.
    pub fn take_back(&mut self, mut back: impl FnMut(T)) {
        if self.reclaim(&mut back) > self.lend() {
            self.is_short = true;
            self.host.evict_offenders();
            // Whoever lets go of a frame wakes the thread that polls, which may have nothing else to wait for.
            // Marked first, looked at then.
            self.end_wait();
            self.host.begin_wait(TellOf::HoldsAndReleases);
            self.is_waiting = self.reclaim(&mut back) > self.lend();
            if !self.is_waiting {
                self.host.end_wait();
            }
        } else {
            self.end_wait();
        }
    }

    /// Gives back everything that nobody holds, the newest frame included.
    pub fn take_all_back(&mut self, mut back: impl FnMut(T)) {
        let kept = &mut self.kept;
        self.host
            .reclaim_all(|slot| kept[slot.index()].take().into_iter().for_each(&mut back));
        self.expiring.clear();
    }

    /// Keeps nothing for frames that are out: what they lie in is void, or somebody else's from now on.
    pub fn forget(&mut self) {
        self.kept.iter_mut().for_each(|kept| drop(kept.take()));
        self.is_short = false;
    }

    /// What is kept for frames that are out.
    pub fn kept(&self) -> impl Iterator<Item = &T> {
        self.kept.iter().flatten()
    }

    /// When the next frame expires, by `CLOCK_MONOTONIC`, if one does.
    #[must_use]
    pub fn expires_ns(&mut self) -> Option<u64> {
        let oldest = self.host.oldest()?;
        while self
            .expiring
            .front()
            .is_some_and(|(serial, _)| *serial < oldest)
        {
            self.expiring.pop_front();
        }
        self.expiring.front().map(|(_, time_ns)| *time_ns)
    }

    /// When the last of the frames that are out expires, by `CLOCK_MONOTONIC`, if one does.
    #[must_use]
    pub fn last_expires_ns(&mut self) -> Option<u64> {
        self.expires_ns()?;
        self.expiring.iter().map(|(_, time_ns)| *time_ns).max()
    }

    /// How many frames are out still.
    fn reclaim(&mut self, back: &mut impl FnMut(T)) -> u32 {
        let kept = &mut self.kept;
        let lend = self.host.lend();
        self.host.reclaim(lend, |slot| {
            kept[slot.index()].take().into_iter().for_each(&mut *back);
        })
    }

    fn end_wait(&mut self) {
        if std::mem::take(&mut self.is_waiting) {
            self.host.end_wait();
        }
    }
}
