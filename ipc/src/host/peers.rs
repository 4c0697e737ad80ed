//! The host's clients by index.

use static_assertions::const_assert;
use videostream_hal::bits::ones;

use super::peer::Peer;
use crate::MAX_CLIENTS;

/// A table of at most [`MAX_CLIENTS`] clients.
///
/// # Invariants
/// Bit `n` of `taken` is set exactly if `entries[n]` is a client. Every publish visits all clients,
/// mostly with a cold cache: by the bits it touches only entries in use.
#[derive(Debug)]
pub(super) struct Peers {
    taken: u64,
    entries: [Option<Peer>; MAX_CLIENTS],
}

const_assert!(MAX_CLIENTS <= u64::BITS as usize);

impl Peers {
    pub(super) const fn new() -> Self {
        Self {
            taken: 0,
            entries: [const { None }; MAX_CLIENTS],
        }
    }

    /// Returns a free index.
    pub(super) fn vacant(&self) -> Option<usize> {
        let index = self.taken.trailing_ones() as usize;
        (index < MAX_CLIENTS).then_some(index)
    }

    /// Adds a client at an index below [`MAX_CLIENTS`].
    pub(super) fn put(&mut self, index: usize, peer: Peer) {
        // INVARIANT: entry and bit change together.
        self.entries[index] = Some(peer);
        self.taken |= 1 << index;
    }

    /// Removes and returns the client at an index.
    pub(super) fn take(&mut self, index: usize) -> Option<Peer> {
        let peer = self.entries.get_mut(index)?.take()?;
        // INVARIANT: entry and bit change together; `index` is in range, or `get_mut` failed.
        self.taken &= !(1 << index);
        Some(peer)
    }

    pub(super) fn get(&self, index: usize) -> Option<&Peer> {
        self.entries.get(index)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut Peer> {
        self.entries.get_mut(index)?.as_mut()
    }

    /// Iterates over the clients by ascending index.
    #[inline]
    pub(super) fn iter(&self) -> impl Iterator<Item = &Peer> + Clone {
        self.indices().filter_map(|index| self.get(index))
    }

    /// Iterates over the indices in use at the time of the call.
    #[inline]
    pub(super) fn indices(&self) -> impl Iterator<Item = usize> + Clone + use<> {
        ones(self.taken).map(|index| index as usize)
    }
}
