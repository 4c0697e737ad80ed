//! Streams: publish the frames of a source through a host.

mod buffers;

use std::os::fd::AsFd;

use videostream_hal::ring::FrameDescriptor;
use videostream_hal::sequence::Gaps;
use videostream_hal::time::now_ns;
use videostream_ipc::{Error as IpcError, Goodbye};

use self::buffers::Buffers;
use crate::share::{FramePublisher, Host, HostBuilder, Refused};
use crate::source::{Source, SourceFrame, Woken, wait};
use crate::{Error, Result};

/// Publishes the frames of a source through a host.
///
/// A frame costs at most one poll and one wake-up in addition to the source's calls (two ioctls for
/// a camera), and no allocation.
///
/// When the source changes its format, clients stay connected: the next frame has the new layout
/// and lies in new buffers. Earlier frames that clients hold remain valid.
#[derive(Debug)]
pub struct Stream<S> {
    publisher: FramePublisher<u32>,
    source: S,
    buffers: Buffers,
    /// Generation of the source when `buffers` were registered.
    generation: u32,
    expires_after_ns: u64,
    gaps: Gaps,
    dropped: u64,
    latest: Option<FrameDescriptor>,
    /// Reclaimed buffers, until they are requeued.
    freed: Vec<u32>,
    /// Number of clients that have ever joined.
    clients: u64,
    /// The current parameter sets.
    parameters: Vec<u8>,
}

impl<S: Source> Stream<S> {
    /// Binds a host for `source` and registers its buffers. As many frames can be outstanding as
    /// the source can spare buffers.
    ///
    /// # Errors
    /// [`Error::Buffers`] for a source with fewer than two buffers to spare; those of
    /// [`HostBuilder::bind`].
    pub fn new(host: HostBuilder, source: S) -> Result<Self> {
        let keep = spare(&source)?;
        let mut host = host.max_outstanding(keep).bind()?;
        Ok(Self {
            buffers: Buffers::new(&mut host, &source)?,
            generation: source.generation(),
            publisher: FramePublisher::new(host),
            freed: Vec::with_capacity(source.buffer_count() as usize),
            source,
            expires_after_ns: 0,
            gaps: Gaps::default(),
            dropped: 0,
            latest: None,
            clients: 0,
            parameters: Vec::new(),
        })
    }

    /// Returns the host.
    #[must_use]
    pub fn host(&self) -> &Host {
        self.publisher.host()
    }

    /// Returns the source.
    #[must_use]
    pub fn source(&self) -> &S {
        &self.source
    }

    /// Returns the number of frames that the source counted but did not deliver, for lack of
    /// buffers or other reasons.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Returns the descriptor of the last published frame.
    #[must_use]
    pub fn latest(&self) -> Option<&FrameDescriptor> {
        self.latest.as_ref()
    }

    /// Sets the time after which frames expire even without a newer one; 0 for never.
    pub fn set_lifespan_ns(&mut self, lifespan_ns: u64) {
        self.expires_after_ns = lifespan_ns;
    }

    /// Serves clients and publishes the next frame; returns its serial. Returns `Ok(None)` if the
    /// deadline (of `CLOCK_MONOTONIC`) passes or a signal arrives first.
    ///
    /// # Errors
    /// An error that ends the source; [`Error::Os`] if polling fails.
    pub fn step(&mut self, deadline_ns: u64) -> Result<Option<u64>> {
        loop {
            let host = self.publisher.host().as_fd();
            let Woken::By {
                source: ready,
                other: host,
            } = wait(&mut self.source, Some(host), deadline_ns)?
            else {
                return Ok(None);
            };
            if host {
                self.publisher.host_mut().process()?;
                self.greet();
            }
            let taken = if ready { self.source.take()? } else { None };
            if self.source.generation() != self.generation {
                self.adopt()?;
            }
            if let Some(taken) = taken {
                return self.publish(taken);
            }
            // Clients may have left or released frames, for whose buffers the source may be
            // waiting.
            self.reclaim()?;
            if now_ns() >= deadline_ns {
                return Ok(None);
            }
        }
    }

    /// Notifies the source of new clients.
    fn greet(&mut self) {
        let host = self.publisher.host();
        let stats = host.stats();
        let so_far = host.clients().count() as u64 + stats.left + stats.evicted;
        if so_far > self.clients {
            self.source.client_joined();
        }
        self.clients = so_far;
    }

    /// Passes changed parameter sets of the source to the host.
    fn note_parameters(&mut self) -> Result<()> {
        let Some(sets) = self.source.parameters() else {
            return Ok(());
        };
        if sets != self.parameters {
            self.publisher.host_mut().set_parameters(sets)?;
            self.parameters.clear();
            self.parameters.extend_from_slice(sets);
        }
        Ok(())
    }

    /// Adapts to a new generation of the source.
    fn adopt(&mut self) -> Result<()> {
        self.generation = self.source.generation();
        self.buffers.replace(&mut self.publisher, &self.source)?;
        self.freed.clear();
        if self.source.buffer_count() == 0 {
            return Ok(());
        }
        let before = self.publisher.max_outstanding();
        self.publisher.set_max_outstanding(spare(&self.source)?);
        if self.publisher.max_outstanding() < before {
            // Clients may have been granted more frames than there are buffers now: let them
            // reconnect.
            self.publisher.host_mut().send_away(Goodbye::FormatChange);
        }
        Ok(())
    }

    fn publish(&mut self, taken: SourceFrame) -> Result<Option<u64>> {
        let lost = self.gaps.lost_before(taken.sequence);
        self.publisher.count_lost(lost);
        self.dropped += lost;
        self.note_parameters()?;
        let frame = self.describe(&taken);
        match self.publisher.publish(&frame, taken.index) {
            Ok(serial) => {
                self.latest = Some(FrameDescriptor { serial, ..frame });
                self.reclaim()?;
                Ok(Some(serial))
            }
            // No slot is free: only clients that hold more than they were granted can cause this.
            Err(Refused { error, keep })
                if matches!(error.share(), Some(IpcError::WouldBlock { .. })) =>
            {
                self.dropped += 1;
                self.source.requeue(keep)?;
                Ok(None)
            }
            Err(refused) => Err(refused.error),
        }
    }

    fn describe(&self, taken: &SourceFrame) -> FrameDescriptor {
        let mut frame = taken.describe(&self.source);
        let now = frame.dequeued_ns;
        frame.published_ns = now;
        frame.expires_ns = match self.expires_after_ns {
            0 => 0,
            lifespan => now.saturating_add(lifespan),
        };
        let count = frame.planes().len();
        for plane in frame.planes.iter_mut().take(count) {
            plane.buffer = self.buffers.id(taken.index, plane.buffer as usize);
        }
        frame
    }

    /// Requeues the buffers of frames that no client holds.
    fn reclaim(&mut self) -> Result<()> {
        let freed = &mut self.freed;
        self.publisher.take_back(|index| freed.push(index));
        for index in freed.drain(..) {
            self.source.requeue(index)?;
        }
        Ok(())
    }
}

/// Returns how many of the source's buffers can be outstanding at once.
fn spare(source: &impl Source) -> Result<u32> {
    let has = source.buffer_count();
    let keep = has.saturating_sub(source.reserve());
    if keep < 2 {
        return Err(Error::Buffers {
            has,
            needs: source.reserve() + 2,
        });
    }
    Ok(keep)
}
