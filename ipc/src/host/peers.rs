//! The host's clients by place, and which places are taken.

use static_assertions::const_assert;

use super::peer::Peer;
use crate::MAX_CLIENTS;

/// As many clients as there may be.
///
/// # Invariants
/// Bit `n` of `taken` says whether `entries[n]` is a client. Every publish looks at all
/// clients, after a sleep that has cost it its cache: with the bits it touches those that
/// are there instead of every place.
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

    /// A place that is not taken.
    pub(super) fn vacant(&self) -> Option<usize> {
        let place = self.taken.trailing_ones() as usize;
        (place < MAX_CLIENTS).then_some(place)
    }

    /// Puts a client on a place below [`MAX_CLIENTS`].
    pub(super) fn put(&mut self, place: usize, peer: Peer) {
        // INVARIANT: both at once.
        self.entries[place] = Some(peer);
        self.taken |= 1 << place;
    }

    /// Takes the client of a place away.
    pub(super) fn take(&mut self, place: usize) -> Option<Peer> {
        let peer = self.entries.get_mut(place)?.take()?;
        // INVARIANT: both at once; `place` is that of an entry.
        self.taken &= !(1 << place);
        Some(peer)
    }

    pub(super) fn get(&self, place: usize) -> Option<&Peer> {
        self.entries.get(place)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut Peer> {
        self.entries.get_mut(place)?.as_mut()
    }

    /// The clients, in the order of their places.
    #[inline]
    pub(super) fn iter(&self) -> impl Iterator<Item = &Peer> + Clone {
        self.places().filter_map(|place| self.get(place))
    }

    /// The places that are taken now.
    #[inline]
    pub(super) fn places(&self) -> Places {
        Places(self.taken)
    }
}

/// The set bits of a word, from the lowest.
#[derive(Clone, Debug)]
pub(super) struct Places(u64);

impl Iterator for Places {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let place = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn places_are_the_set_bits_in_order() {
        let all = |word| Places(word).collect::<Vec<_>>();
        assert_eq!(all(0), []);
        assert_eq!(all(1 << 63 | 0b1010), [1, 3, 63]);
        assert_eq!(all(u64::MAX).len(), 64);
    }
}
