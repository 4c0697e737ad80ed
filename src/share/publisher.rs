//! A host that keeps the buffer of each frame until no client holds it.

use std::collections::VecDeque;

use videostream_hal::ring::FrameDescriptor;
use videostream_ipc::Error as IpcError;

use super::{DropCause, Host, TellOf};
use crate::Error;

/// Publishes frames and keeps the buffer of each, a `T`, until no client holds the frame.
///
/// [`Stream`](crate::Stream) publishes the buffers of a [`Source`](crate::Source); this is for
/// producers that are handed their frames, in memory of any kind. It has no thread: poll the host's
/// file descriptor until [`FramePublisher::expires_ns`], then call [`Host::process`] and
/// [`FramePublisher::take_back`].
#[derive(Debug)]
pub struct FramePublisher<T> {
    host: Host,
    /// Kept values by slot.
    kept: Vec<Option<T>>,
    /// Serials of frames that expire, and when, in the order of publication.
    expiring: VecDeque<(u64, u64)>,
    /// The producer has run out of buffers since the last frame.
    is_short: bool,
    /// Clients signal the host when they release a frame.
    is_waiting: bool,
}

/// The error of a frame that could not be published, with its buffer.
#[derive(Debug)]
pub struct Refused<T> {
    /// The reason.
    pub error: Error,
    /// The value that was to be kept.
    pub keep: T,
}

impl<T> FramePublisher<T> {
    /// Wraps a host; as many frames can be outstanding as it was configured for
    /// ([`HostBuilder::max_outstanding`](super::HostBuilder::max_outstanding)).
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

    /// Returns the host.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Returns the host, to process clients and register memory. The publisher does not know of
    /// frames that are published or reclaimed by the host directly.
    pub fn host_mut(&mut self) -> &mut Host {
        &mut self.host
    }

    /// Returns how many frames can be outstanding at once.
    #[must_use]
    pub fn max_outstanding(&self) -> u32 {
        self.host.max_outstanding()
    }

    /// Sets how many frames can be outstanding at once from now on.
    pub fn set_max_outstanding(&mut self, frames: u32) {
        let most = self.host.slots() - 1;
        self.host.ipc_mut().set_max_outstanding(frames.min(most));
    }

    /// Publishes a frame whose buffer is kept alive by `keep`. Returns its serial. If no slot is
    /// free, clients that hold more frames than they were granted are evicted, and the frame counts
    /// as dropped.
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
                if matches!(error.share(), Some(IpcError::WouldBlock { .. })) {
                    self.host.evict_over_limit();
                    self.host.ipc_mut().count_drops(1, DropCause::NoBuffer);
                }
                Err(Refused { error, keep })
            }
        }
    }

    /// Counts frames that the source lost. If the producer has run out of buffers since the last
    /// frame, that is recorded as the cause, else the source.
    pub fn count_lost(&mut self, frames: u64) {
        let cause = match std::mem::take(&mut self.is_short) {
            true => DropCause::NoBuffer,
            false => DropCause::Sensor,
        };
        self.host.ipc_mut().count_drops(frames, cause);
    }

    /// Reclaims frames that no client holds and passes their buffers to `back`: expired frames, and
    /// the oldest ones, as far as the host's policy permits, while too many are outstanding. If
    /// clients hold too many, the host's file descriptor becomes readable once one releases a
    /// frame.
    pub fn take_back(&mut self, mut back: impl FnMut(T)) {
        if self.reclaim(&mut back) > self.max_outstanding() {
            self.is_short = true;
            self.host.evict_over_limit();
            // Clients then signal the host when they release a frame, since the polling thread may
            // have nothing else to wait for. Set the mark before looking again, so that no release
            // in between is missed.
            self.end_wait();
            self.host.ipc_mut().begin_wait(TellOf::HoldsAndReleases);
            self.is_waiting = self.reclaim(&mut back) > self.max_outstanding();
            if !self.is_waiting {
                self.host.ipc_mut().end_wait();
            }
        } else {
            self.end_wait();
        }
    }

    /// Reclaims all frames that no client holds, the newest included, and passes their buffers to
    /// `back`.
    pub fn take_all_back(&mut self, mut back: impl FnMut(T)) {
        let kept = &mut self.kept;
        self.host
            .reclaim_all(|slot| kept[slot.index()].take().into_iter().for_each(&mut back));
        self.expiring.clear();
    }

    /// Drops the kept values of all outstanding frames, whose buffers are invalid or owned
    /// elsewhere from now on.
    pub fn forget(&mut self) {
        self.kept.iter_mut().for_each(|kept| drop(kept.take()));
        self.is_short = false;
    }

    /// Iterates over the kept values of outstanding frames.
    pub fn kept(&self) -> impl Iterator<Item = &T> {
        self.kept.iter().flatten()
    }

    /// Returns when the next frame expires, by `CLOCK_MONOTONIC`, if one does.
    #[must_use]
    pub fn expires_ns(&mut self) -> Option<u64> {
        let oldest = self.host.ipc().oldest()?;
        while self
            .expiring
            .front()
            .is_some_and(|(serial, _)| *serial < oldest)
        {
            self.expiring.pop_front();
        }
        self.expiring.front().map(|(_, time_ns)| *time_ns)
    }

    /// Returns when the last outstanding frame expires, by `CLOCK_MONOTONIC`, if one does.
    #[must_use]
    pub fn last_expires_ns(&mut self) -> Option<u64> {
        self.expires_ns()?;
        self.expiring.iter().map(|(_, time_ns)| *time_ns).max()
    }

    /// Reclaims frames, and returns how many are still outstanding.
    fn reclaim(&mut self, back: &mut impl FnMut(T)) -> u32 {
        let kept = &mut self.kept;
        let limit = self.host.max_outstanding();
        self.host.reclaim(limit, |slot| {
            kept[slot.index()].take().into_iter().for_each(&mut *back);
        })
    }

    fn end_wait(&mut self) {
        if std::mem::take(&mut self.is_waiting) {
            self.host.ipc_mut().end_wait();
        }
    }
}
