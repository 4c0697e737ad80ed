//! The host's buffers and fences, each with an id that is never used twice.

use crate::MAX_BUFFERS;

/// A bounded set of buffers. `M` is a buffer's memory; two that are equal are one. A fence is
/// an entry of no bytes that equals no other.
#[derive(Debug)]
pub(crate) struct Registry<M, const N: usize = MAX_BUFFERS> {
    entries: [Option<Entry<M>>; N],
    last_id: u32,
    retiring: u32,
}

#[derive(Debug)]
struct Entry<M> {
    id: u32,
    size: u64,
    memory: M,
    /// Serial of the newest frame that lies in it, or that was the newest when it came.
    used: u64,
    /// No new frame may lie in it, and it goes when no frame does.
    retiring: bool,
}

impl<M: PartialEq, const N: usize> Registry<M, N> {
    /// Adds a buffer, or finds the one with the same memory. Ids start at 1. `None`: it is
    /// full, see [`Registry::make_room`]. `head` is the newest frame's serial.
    pub(crate) fn insert(&mut self, memory: M, size: u64, head: u64) -> Option<u32> {
        if let Some(id) = self.find(&memory) {
            return Some(id);
        }
        let place = self.entries.iter().position(Option::is_none)?;
        self.last_id = self.next_id();
        self.entries[place] = Some(Entry {
            id: self.last_id,
            size,
            memory,
            used: head,
            retiring: false,
        });
        Some(self.last_id)
    }

    /// The buffer with this memory. One that was to go stays.
    pub(crate) fn find(&mut self, memory: &M) -> Option<u32> {
        let mut entries = self.entries.iter_mut().flatten();
        let entry = entries.find(|e| e.memory == *memory)?;
        if core::mem::take(&mut entry.retiring) {
            self.retiring -= 1;
        }
        Some(entry.id)
    }
}

impl<M, const N: usize> Registry<M, N> {
    pub(crate) const fn new() -> Self {
        Self {
            entries: [const { None }; N],
            last_id: 0,
            retiring: 0,
        }
    }

    /// The memory with this id, for a change that leaves it the same.
    #[cfg_attr(loom, expect(dead_code, reason = "for memory that can be cut short"))]
    pub(crate) fn memory_mut(&mut self, id: u32) -> Option<&mut M> {
        let mut entries = self.entries.iter_mut().flatten();
        entries.find(|e| e.id == id).map(|e| &mut e.memory)
    }

    /// Whether another buffer finds no place.
    pub(crate) fn is_full(&self) -> bool {
        self.entries.iter().all(Option::is_some)
    }

    /// The id that the next new buffer gets.
    pub(crate) fn next_id(&self) -> u32 {
        self.last_id.wrapping_add(1).max(1)
    }

    /// Notes that frame `serial` lies in a buffer, and gives its size; `None` if it may not. A
    /// fence has size 0.
    #[inline]
    pub(crate) fn touch(&mut self, id: u32, serial: u64) -> Option<u64> {
        // Ids are given in turn, mostly to places in turn.
        let guess = (id as usize).wrapping_sub(1) % N;
        let is = |e: &Option<Entry<M>>| e.as_ref().is_some_and(|e| e.id == id);
        let place = match is(&self.entries[guess]) {
            true => Some(guess),
            false => self.entries.iter().position(is),
        };
        match place.and_then(|place| self.entries[place].as_mut()) {
            Some(entry) if !entry.retiring => {
                entry.used = serial;
                Some(entry.size)
            }
            _ => None,
        }
    }

    /// Lets a buffer go as soon as [`Registry::sweep`] finds it unused.
    pub(crate) fn retire(&mut self, id: u32) {
        let mut entries = self.entries.iter_mut().flatten();
        if let Some(entry) = entries.find(|e| e.id == id && !e.retiring) {
            entry.retiring = true;
            self.retiring += 1;
        }
    }

    /// Whether a buffer waits to go.
    #[inline]
    #[cfg_attr(
        loom,
        expect(dead_code, reason = "saves the host time, decides nothing")
    )]
    pub(crate) fn is_retiring(&self) -> bool {
        self.retiring != 0
    }

    /// Removes a retired buffer that no frame lies in, as `is_used` says of an id, and gives
    /// its id: clients are to be told. Again until there is none.
    pub(crate) fn sweep(&mut self, is_used: impl Fn(u32) -> bool) -> Option<u32> {
        let goes = |e: &Entry<M>| e.retiring && !is_used(e.id);
        let place = self.place(goes)?;
        self.retiring -= 1;
        self.entries[place].take().map(|e| e.id)
    }

    /// Removes the buffer that was used longest ago, of those that no frame lies in, and
    /// gives its id: clients are to be told before another takes its place.
    pub(crate) fn make_room(&mut self, is_used: impl Fn(u32) -> bool) -> Option<u32> {
        let entries = self.entries.iter().flatten();
        let unused = entries.filter(|e| !is_used(e.id));
        let id = unused.min_by_key(|e| e.used)?.id;
        self.retire(id);
        self.sweep(|other| other != id)
    }

    fn place(&self, is: impl Fn(&Entry<M>) -> bool) -> Option<usize> {
        let mut entries = self.entries.iter();
        entries.position(|e| e.as_ref().is_some_and(&is))
    }

    /// All buffers: place, id, size, memory. Those that are to go as well: a frame that a
    /// newcomer can still read may lie in them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, u32, u64, &M)> {
        let entries = self.entries.iter().enumerate();
        entries.filter_map(|(place, e)| {
            let e = e.as_ref()?;
            Some((place, e.id, e.size, &e.memory))
        })
    }
}

#[cfg(all(test, not(loom)))]
pub(super) mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    pub(in super::super) struct Memory(pub(in super::super) u32);

    pub(in super::super) fn registry() -> Registry<Memory, 2> {
        Registry::new()
    }

    #[test]
    fn the_same_memory_keeps_its_id() {
        let mut r = registry();
        assert_eq!(r.insert(Memory(7), 1, 0), Some(1));
        assert_eq!(r.insert(Memory(8), 1, 0), Some(2));
        assert_eq!(r.insert(Memory(7), 1, 0), Some(1));
        assert_eq!(r.iter().count(), 2);
    }

    #[test]
    fn ids_are_not_used_again() {
        let mut r = registry();
        r.insert(Memory(7), 1, 0);
        r.retire(1);
        assert_eq!(r.sweep(|_| false), Some(1));
        assert_eq!(r.sweep(|_| false), None);
        assert_eq!(r.insert(Memory(7), 1, 0), Some(2));
    }

    #[test]
    fn a_retired_buffer_takes_no_new_frame_and_goes_with_its_last_one() {
        let mut r = registry();
        r.insert(Memory(7), 1, 0);
        assert_eq!(r.touch(1, 1), Some(1));
        r.retire(1);
        assert_eq!(r.touch(1, 2), None);
        assert_eq!(r.sweep(|_| true), None);
        assert!(r.is_retiring());
        assert_eq!(r.iter().count(), 1, "newcomers still get it");
        assert_eq!(r.sweep(|_| false), Some(1));
        assert!(!r.is_retiring());
    }

    #[test]
    fn memory_that_comes_back_before_it_has_gone_stays() {
        let mut r = registry();
        r.insert(Memory(7), 1, 0);
        r.retire(1);
        assert_eq!(r.insert(Memory(7), 1, 0), Some(1));
        assert_eq!(r.sweep(|_| false), None);
        assert_eq!(r.touch(1, 1), Some(1));
    }

    #[test]
    fn the_buffer_used_longest_ago_makes_room_unless_a_frame_lies_in_it() {
        let mut r = registry();
        r.insert(Memory(7), 1, 0);
        r.insert(Memory(8), 1, 0);
        assert_eq!(r.insert(Memory(9), 1, 0), None);
        assert_eq!(r.touch(2, 5), Some(1));
        assert_eq!(r.touch(1, 6), Some(1));
        assert_eq!(r.make_room(|id| id == 2), Some(1));
        assert_eq!(r.insert(Memory(9), 1, 6), Some(3));
        assert_eq!(r.make_room(|_| true), None);
        assert_eq!(r.make_room(|_| false), Some(2));
        assert_eq!(r.touch(2, 7), None);
        assert_eq!(r.touch(3, 7), Some(1));
    }
}
