//! Sets of small numbers as bitmaps.

/// Returns the numbers of a word's set bits, from the lowest.
#[inline]
#[must_use]
pub const fn ones(word: u64) -> Ones {
    Ones(word)
}

/// The iterator that [`ones`] returns.
#[derive(Clone, Debug)]
pub struct Ones(u64);

impl Iterator for Ones {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        if self.0 == 0 {
            return None;
        }
        let lowest = self.0.trailing_zeros();
        self.0 &= self.0 - 1;
        Some(lowest)
    }
}

/// A set of numbers below `64 * WORDS`; larger numbers are never in it.
#[derive(Clone, Debug)]
pub(crate) struct BitSet<const WORDS: usize>([u64; WORDS]);

impl<const WORDS: usize> BitSet<WORDS> {
    pub(crate) const EMPTY: Self = Self([0; WORDS]);

    /// Inserts a number; returns whether it is new.
    #[inline]
    pub(crate) fn insert(&mut self, number: usize) -> bool {
        let bit = 1 << (number % 64);
        let word = self.0.get_mut(number / 64);
        word.is_some_and(|word| {
            let is_new = *word & bit == 0;
            *word |= bit;
            is_new
        })
    }

    /// Removes a number; returns whether it was in the set.
    #[inline]
    pub(crate) fn remove(&mut self, number: usize) -> bool {
        let bit = 1 << (number % 64);
        let word = self.0.get_mut(number / 64);
        word.is_some_and(|word| {
            let was_in = *word & bit != 0;
            *word &= !bit;
            was_in
        })
    }

    #[inline]
    pub(crate) fn contains(&self, number: usize) -> bool {
        let word = self.0.get(number / 64);
        word.is_some_and(|word| word & 1 << (number % 64) != 0)
    }

    #[inline]
    pub(crate) fn first(&self) -> Option<u32> {
        let at = self.0.iter().position(|&word| word != 0)?;
        self.word(at).next()
    }

    /// Returns the numbers of one word of the map as they are now, from the lowest.
    #[inline]
    pub(crate) fn word(&self, at: usize) -> impl Iterator<Item = u32> + use<WORDS> {
        ones(self.0[at]).map(move |bit| at as u32 * 64 + bit)
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn ones_are_the_set_bits_in_order() {
        let all = |word| ones(word).collect::<Vec<_>>();
        assert_eq!(all(0), []);
        assert_eq!(all(1 << 63 | 0b1010), [1, 3, 63]);
        assert_eq!(all(u64::MAX).len(), 64);
    }

    #[test]
    fn a_set_says_what_changed() {
        let mut set = BitSet::<2>::EMPTY;
        assert!(set.insert(127) && set.insert(64) && !set.insert(64));
        assert!(!set.insert(128), "it has no room for this");
        assert_eq!(set.first(), Some(64));
        assert!(set.word(1).eq([64, 127]) && set.contains(64) && !set.contains(63));
        assert!(set.remove(64) && !set.remove(64) && !set.remove(128));
        assert_eq!(set.first(), Some(127));
    }
}
