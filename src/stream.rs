//! From a source to a host: the loop that every producer would write.

mod buffers;

use std::os::fd::AsFd;

use videostream_hal::ring::FrameDescriptor;
use videostream_hal::time::now_ns;
use videostream_ipc::{Error as IpcError, Goodbye};

use self::buffers::Buffers;
use crate::share::{Host, HostBuilder, Lender, Refused};
use crate::source::{Source, Taken, Woken, wait};
use crate::{Error, Result};

/// A source's frames, published by a host as they come.
///
/// For each frame at most one poll and one wake-up beside the source's own calls (two ioctls
/// for a camera), and no allocation.
///
/// When the source changes its format, clients stay: the next frame has the new layout and lies in
/// new buffers, and frames of before that clients hold stay what they are.
#[derive(Debug)]
pub struct Stream<S> {
    lender: Lender<u32>,
    source: S,
    buffers: Buffers,
    /// The source's generation that `buffers` are of.
    generation: u32,
    expires_after_ns: u64,
    last_sequence: Option<u64>,
    dropped: u64,
    latest: Option<FrameDescriptor>,
    /// Buffers that came back, until the source has them.
    freed: Vec<u32>,
    /// Clients that have ever joined.
    clients: u64,
    /// The parameter sets that clients get.
    parameters: Vec<u8>,
}

impl<S: Source> Stream<S> {
    /// Binds a host for `source` and registers its buffers. The host lends what the source
    /// can spare.
    ///
    /// # Errors
    /// [`Error::Buffers`] for a source with fewer than two buffers to spare; those of
    /// [`HostBuilder::bind`].
    pub fn new(host: HostBuilder, source: S) -> Result<Self> {
        let keep = spare(&source)?;
        let mut host = host.lend(keep).bind()?;
        Ok(Self {
            buffers: Buffers::new(&mut host, &source)?,
            generation: source.generation(),
            lender: Lender::new(host),
            freed: Vec::with_capacity(source.buffer_count() as usize),
            source,
            expires_after_ns: 0,
            last_sequence: None,
            dropped: 0,
            latest: None,
            clients: 0,
            parameters: Vec::new(),
        })
    }

    /// The host.
    #[must_use]
    pub fn host(&self) -> &Host {
        self.lender.host()
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
            let host = self.lender.host().as_fd();
            let Woken::By {
                source: ready,
                other: host,
            } = wait(&mut self.source, Some(host), deadline_ns)?
            else {
                return Ok(None);
            };
            if host {
                self.lender.host_mut().process()?;
                self.greet();
            }
            let taken = if ready { self.source.take()? } else { None };
            if self.source.generation() != self.generation {
                self.adopt()?;
            }
            if let Some(taken) = taken {
                return self.publish(taken);
            }
            // Clients may have left or released: the source may be waiting for buffers.
            self.reclaim()?;
            if now_ns() >= deadline_ns {
                return Ok(None);
            }
        }
    }

    /// Lets the source know of new clients.
    fn greet(&mut self) {
        let host = self.lender.host();
        let stats = host.stats();
        let so_far = host.clients().count() as u64 + stats.left + stats.evicted;
        if so_far > self.clients {
            self.source.client_joined();
        }
        self.clients = so_far;
    }

    /// Keeps the source's parameter sets for clients, where they have changed.
    fn note_parameters(&mut self) -> Result<()> {
        let Some(sets) = self.source.parameters() else {
            return Ok(());
        };
        if sets != self.parameters {
            self.lender.host_mut().set_parameters(sets)?;
            self.parameters.clear();
            self.parameters.extend_from_slice(sets);
        }
        Ok(())
    }

    /// Takes up what the source is now.
    fn adopt(&mut self) -> Result<()> {
        self.generation = self.source.generation();
        self.buffers.replace(&mut self.lender, &self.source)?;
        self.freed.clear();
        if self.source.buffer_count() == 0 {
            return Ok(());
        }
        let before = self.lender.lend();
        self.lender.set_lend(spare(&self.source)?);
        if self.lender.lend() < before {
            // What clients were granted may be more than there is.
            self.lender.host_mut().send_away(Goodbye::FormatChange);
        }
        Ok(())
    }

    fn publish(&mut self, taken: Taken) -> Result<Option<u64>> {
        if let Some(last) = self.last_sequence {
            let lost = taken.sequence.saturating_sub(last + 1);
            self.lender.count_lost(lost);
            self.dropped += lost;
        }
        self.last_sequence = Some(taken.sequence);
        self.note_parameters()?;
        let frame = self.describe(&taken);
        match self.lender.publish(&frame, taken.index) {
            Ok(serial) => {
                self.latest = Some(FrameDescriptor { serial, ..frame });
                self.reclaim()?;
                Ok(Some(serial))
            }
            // Only clients that hold more than they were granted can cause this.
            Err(Refused { error, keep })
                if matches!(error.share(), Some(IpcError::WouldBlock(_))) =>
            {
                self.dropped += 1;
                self.source.requeue(keep)?;
                Ok(None)
            }
            Err(refused) => Err(refused.error),
        }
    }

    fn describe(&self, taken: &Taken) -> FrameDescriptor {
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

    /// Gives the source back what nobody holds.
    fn reclaim(&mut self) -> Result<()> {
        let freed = &mut self.freed;
        self.lender.take_back(|index| freed.push(index));
        for index in freed.drain(..) {
            self.source.requeue(index)?;
        }
        Ok(())
    }
}

/// How many of the source's buffers can be out at once.
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
