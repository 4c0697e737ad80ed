//! Which buffers of a source are where.

use videostream_hal::ring::cells::SlotId;

use crate::share::Host;
use crate::source::Source;
use crate::{Error, Result};

/// The source's buffers, as the host and its slots know them.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    /// Id of each memory part of each of the source's buffers.
    ids: Vec<Vec<u32>>,
    in_slot: Vec<Option<Lent>>,
    /// Indices and ids that slots gave back, until [`Buffers::give_back`].
    freed: Vec<u32>,
    retired: Vec<u32>,
}

/// What a slot's frame lies in.
#[derive(Debug)]
enum Lent {
    /// A buffer of the source.
    Present(u32),
    /// Memory that the source has no more, by its ids: only a client still has use for it.
    Gone(Vec<u32>),
}

impl Buffers {
    /// Registers what the source has.
    pub(super) fn new(host: &mut Host, source: &impl Source) -> Result<Self> {
        Ok(Self {
            ids: register(host, source)?,
            in_slot: (0..host.slots()).map(|_| None).collect(),
            freed: Vec::with_capacity(source.buffer_count() as usize),
            retired: Vec::new(),
        })
    }

    /// Id of memory part `memory` of buffer `index`.
    pub(super) fn id(&self, index: u32, memory: usize) -> u32 {
        let parts = self.ids.get(index as usize);
        let id = parts.and_then(|parts| parts.get(memory));
        id.copied().unwrap_or(0)
    }

    /// Buffer `index` was published in a slot.
    pub(super) fn lend(&mut self, slot: SlotId, index: u32) {
        self.in_slot[slot.index()] = Some(Lent::Present(index));
    }

    /// Nobody holds the frame of a slot any more.
    pub(super) fn free(&mut self, slot: SlotId) {
        match self.in_slot[slot.index()].take() {
            Some(Lent::Present(index)) => self.freed.push(index),
            Some(Lent::Gone(ids)) => self.retired.extend(ids),
            None => {}
        }
    }

    /// Gives the source what was freed, and forgets what it has no more.
    pub(super) fn give_back(&mut self, host: &mut Host, source: &mut impl Source) -> Result<()> {
        for id in self.retired.drain(..) {
            host.retire(id);
        }
        for index in self.freed.drain(..) {
            source.requeue(index)?;
        }
        Ok(())
    }

    /// Registers what the source has now, in place of what it had. Frames of before are gone for
    /// clients, but for those that hold one: of such a frame the memory stays registered until it
    /// is given back, so that its client finds it.
    pub(super) fn replace(&mut self, host: &mut Host, source: &impl Source) -> Result<()> {
        host.reclaim_all(|slot| self.free(slot));
        self.freed.clear();
        for lent in self.in_slot.iter_mut().flatten() {
            if let Lent::Present(index) = lent {
                let ids = self.ids.get_mut(*index as usize);
                *lent = Lent::Gone(ids.map(std::mem::take).unwrap_or_default());
            }
        }
        let unused = self.ids.drain(..).flatten();
        for id in unused.chain(self.retired.drain(..)) {
            host.retire(id);
        }
        self.ids = register(host, source)?;
        Ok(())
    }
}

/// Registers every buffer of a source.
fn register(host: &mut Host, source: &impl Source) -> Result<Vec<Vec<u32>>> {
    let buffers = (0..source.buffer_count()).map(|index| {
        let parts = source.buffer_fds(index).into_iter().map(|(fd, size)| {
            let fd = fd.try_clone_to_owned();
            let fd = fd.map_err(|e| Error::Os("duplicate a buffer's descriptor", e))?;
            host.register(fd, size)
        });
        parts.collect::<Result<Vec<_>>>()
    });
    buffers.collect()
}
