//! From a source to a host: the loop that every producer would write.

use std::io;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use videostream_hal::ring::{FrameDescriptor, PlaneDescriptor};
use videostream_hal::time::{now_ns, until};

use crate::share::{DropCause, Host, HostBuilder};
use crate::source::{Source, Taken};
use crate::{Error, Result};

/// A source's frames, published by a host as they come.
///
/// For each frame at most one poll and one wake-up beside the source's own calls (two ioctls
/// for a camera), and no allocation.
#[derive(Debug)]
pub struct Stream<S> {
    host: Host,
    source: S,
    /// Buffer id of each memory part of each of the source's buffers.
    ids: Vec<Vec<u32>>,
    /// The source's buffer in each slot.
    in_slot: Vec<Option<u32>>,
    freed: Vec<u32>,
    keep: u32,
    template: FrameDescriptor,
    expires_after_ns: u64,
    last_sequence: Option<u64>,
    dropped: u64,
    latest: Option<FrameDescriptor>,
    /// The source was short of buffers since its last frame.
    starved: bool,
}

impl<S: Source> Stream<S> {
    /// Binds a host for `source` and registers its buffers. The host lends what the source
    /// can spare.
    ///
    /// # Errors
    /// [`Error::Buffers`] for a source with fewer than two buffers to spare; those of
    /// [`HostBuilder::bind`].
    pub fn new(host: HostBuilder, source: S) -> Result<Self> {
        let has = source.buffer_count();
        let keep = has.saturating_sub(source.reserve());
        if keep < 2 {
            return Err(Error::Buffers {
                has,
                needs: source.reserve() + 2,
            });
        }
        let mut host = host.lend(keep).bind()?;
        let mut ids = Vec::with_capacity(has as usize);
        for index in 0..has {
            let mut parts = Vec::new();
            for (fd, size) in source.buffer_fds(index) {
                let fd = fd.try_clone_to_owned();
                let fd = fd.map_err(|e| Error::Os("duplicate a buffer's descriptor", e))?;
                parts.push(host.register(fd, size)?);
            }
            ids.push(parts);
        }
        let layout = source.layout();
        let template = FrameDescriptor {
            fourcc: layout.fourcc.0,
            width: layout.width,
            height: layout.height,
            plane_count: layout.planes().len() as u32,
            duration_ns: source.rate().map_or(0, |rate| rate.period_ns()),
            ..FrameDescriptor::default()
        };
        let in_slot = vec![None; host.slots() as usize];
        Ok(Self {
            host,
            source,
            ids,
            in_slot,
            freed: Vec::with_capacity(has as usize),
            keep,
            template,
            expires_after_ns: 0,
            last_sequence: None,
            dropped: 0,
            latest: None,
            starved: false,
        })
    }

    /// The host.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The source.
    #[must_use]
    pub fn source(&self) -> &S {
        &self.source
    }

    /// Frames that the source counted but did not give, for lack of buffers or otherwise.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The frame that was published last, as clients see it.
    #[must_use]
    pub fn latest(&self) -> Option<&FrameDescriptor> {
        self.latest.as_ref()
    }

    /// Lets frames go after this time even if nothing newer comes; 0 for never.
    pub fn set_lifespan_ns(&mut self, lifespan_ns: u64) {
        self.expires_after_ns = lifespan_ns;
    }

    /// Serves clients and publishes the next frame. `Ok(None)`: the deadline (of
    /// `CLOCK_MONOTONIC`) passed or a signal came first.
    ///
    /// # Errors
    /// What ends the source; [`Error::Os`] when polling fails.
    pub fn step(&mut self, deadline_ns: u64) -> Result<Option<u64>> {
        loop {
            let wake_ns = deadline_ns.min(self.source.due_ns().unwrap_or(u64::MAX));
            let source_ready = match self.wait(wake_ns)? {
                Wait::Interrupted => return Ok(None),
                Wait::Ready { source, host } => {
                    if host {
                        self.host.process()?;
                    }
                    source
                }
            };
            let by_clock = self.source.ready_fd().is_none();
            if (source_ready || by_clock)
                && let Some(taken) = self.source.take()?
            {
                return self.publish(taken);
            }
            // Clients may have left or released: the source may be waiting for buffers.
            self.reclaim()?;
            if now_ns() >= deadline_ns {
                return Ok(None);
            }
        }
    }

    fn wait(&self, wake_ns: u64) -> Result<Wait> {
        let host = PollFd::new(&self.host, PollFlags::IN);
        let timeout = until(wake_ns);
        let timeout = (wake_ns != u64::MAX).then_some(&timeout);
        let source = self.source.ready_fd();
        // PRI: an event, ERR: nothing queued or broken; the source's `take` tells which.
        let flags = PollFlags::IN | PollFlags::PRI;
        let result = match source.as_ref() {
            Some(source) => {
                let mut fds = [host, PollFd::new(source, flags)];
                poll(&mut fds, timeout).map(|_| fds.map(|fd| !fd.revents().is_empty()))
            }
            None => {
                let mut fds = [host];
                poll(&mut fds, timeout).map(|_| [!fds[0].revents().is_empty(), false])
            }
        };
        match result {
            Ok([host, source]) => Ok(Wait::Ready { source, host }),
            Err(Errno::INTR) => Ok(Wait::Interrupted),
            Err(errno) => Err(Error::Os("poll", io::Error::from(errno))),
        }
    }

    fn publish(&mut self, taken: Taken) -> Result<Option<u64>> {
        if let Some(last) = self.last_sequence {
            let lost = taken.sequence.saturating_sub(last + 1);
            let cause = match std::mem::take(&mut self.starved) {
                true => DropCause::NoBuffer,
                false => DropCause::Sensor,
            };
            self.host.count_drops(lost, cause);
            self.dropped += lost;
        }
        self.last_sequence = Some(taken.sequence);
        let frame = self.describe(&taken);
        match self.host.publish(&frame) {
            Ok((slot, serial)) => {
                self.in_slot[slot.index()] = Some(taken.index);
                self.latest = Some(FrameDescriptor { serial, ..frame });
                self.reclaim()?;
                Ok(Some(serial))
            }
            Err(e) if matches!(e.share(), Some(videostream_ipc::Error::WouldBlock(_))) => {
                // Only clients that hold more than they were granted can cause this.
                self.host.evict_offenders();
                self.host.count_drops(1, DropCause::NoBuffer);
                self.dropped += 1;
                self.source.requeue(taken.index)?;
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }

    fn describe(&self, taken: &Taken) -> FrameDescriptor {
        let now = now_ns();
        let mut frame = FrameDescriptor {
            sequence: taken.sequence,
            timestamp_ns: taken.timestamp_ns,
            dequeued_ns: now,
            published_ns: now,
            expires_ns: match self.expires_after_ns {
                0 => 0,
                lifespan => now.saturating_add(lifespan),
            },
            bytes_used: taken.bytes_used,
            flags: taken.flags.bits(),
            field: taken.field,
            colorimetry: taken.colorimetry,
            ..self.template
        };
        let layout = self.source.layout();
        let ids = &self.ids[taken.index as usize];
        for (to, plane) in frame.planes.iter_mut().zip(layout.planes()) {
            let memory = plane.memory as usize;
            let data_offset = taken.data_offset.get(memory).copied().unwrap_or(0);
            *to = PlaneDescriptor {
                buffer: ids.get(memory).copied().unwrap_or(0),
                offset: plane.offset.saturating_add(data_offset),
                stride: plane.stride,
                size: plane.size,
            };
        }
        frame
    }

    /// Gives the source back what nobody holds.
    fn reclaim(&mut self) -> Result<()> {
        let (in_slot, freed) = (&mut self.in_slot, &mut self.freed);
        let take = |slot: videostream_hal::ring::cells::SlotId| {
            freed.extend(in_slot[slot.index()].take());
        };
        let out = self.host.reclaim(self.keep, take);
        if out > self.keep {
            self.starved = true;
            self.host.evict_offenders();
        }
        for index in self.freed.drain(..) {
            self.source.requeue(index)?;
        }
        Ok(())
    }
}

enum Wait {
    Ready { source: bool, host: bool },
    Interrupted,
}
