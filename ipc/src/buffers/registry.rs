//! The host's registry of buffers and fences, each with an id that is never reused.

use crate::MAX_BUFFERS;

/// A bounded set of buffers. `M` is a buffer's memory; equal memory is one buffer. A fence is an
/// entry of size 0 that equals no other.
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
    /// Serial of the newest frame in it, or of the newest frame when it was registered.
    used: u64,
    /// No new frame may lie in it, and it is removed once no frame does.
    retiring: bool,
}

impl<M: PartialEq, const N: usize> Registry<M, N> {
    /// Adds a buffer, or finds the one with the same memory, and returns its id. Ids start at 1.
    /// Returns `None` if the registry is full: see [`Registry::make_room`]. `head` is the newest
    /// frame's serial.
    pub(crate) fn insert(&mut self, memory: M, size: u64, head: u64) -> Option<u32> {
        if let Some(id) = self.find(&memory) {
            return Some(id);
        }
        let index = self.entries.iter().position(Option::is_none)?;
        self.last_id = self.next_id();
        self.entries[index] = Some(Entry {
            id: self.last_id,
            size,
            memory,
            used: head,
            retiring: false,
        });
        Some(self.last_id)
    }

    /// Returns the id of the buffer with this memory. A buffer that was unregistered is kept.
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

    /// Returns the memory with this id, for a change that keeps it equal to itself.
    #[cfg_attr(loom, expect(dead_code, reason = "for memory that can shrink"))]
    pub(crate) fn memory_mut(&mut self, id: u32) -> Option<&mut M> {
        let mut entries = self.entries.iter_mut().flatten();
        entries.find(|e| e.id == id).map(|e| &mut e.memory)
    }

    /// Returns whether there is no room for another buffer.
    pub(crate) fn is_full(&self) -> bool {
        self.entries.iter().all(Option::is_some)
    }

    /// Returns the id of the next new buffer.
    pub(crate) fn next_id(&self) -> u32 {
        self.last_id.wrapping_add(1).max(1)
    }

    /// Records that frame `serial` lies in a buffer and returns the buffer's size, 0 for a fence.
    /// Returns `None` if there is no such buffer or it is unregistered.
    #[inline]
    pub(crate) fn touch(&mut self, id: u32, serial: u64) -> Option<u64> {
        // Ids are consecutive, and so are mostly their indices: a good first guess.
        let guess = (id as usize).wrapping_sub(1) % N;
        let is = |e: &Option<Entry<M>>| e.as_ref().is_some_and(|e| e.id == id);
        let index = match is(&self.entries[guess]) {
            true => Some(guess),
            false => self.entries.iter().position(is),
        };
        match index.and_then(|index| self.entries[index].as_mut()) {
            Some(entry) if !entry.retiring => {
                entry.used = serial;
                Some(entry.size)
            }
            _ => None,
        }
    }

    /// Marks a buffer for [`Registry::sweep`], which removes it once it is unused.
    pub(crate) fn unregister(&mut self, id: u32) {
        let mut entries = self.entries.iter_mut().flatten();
        if let Some(entry) = entries.find(|e| e.id == id && !e.retiring) {
            entry.retiring = true;
            self.retiring += 1;
        }
    }

    /// Returns whether a buffer is waiting to be removed.
    #[inline]
    #[cfg_attr(loom, expect(dead_code, reason = "an optimization of the host"))]
    pub(crate) fn is_retiring(&self) -> bool {
        self.retiring != 0
    }

    /// Removes one unregistered buffer for whose id `is_used` is false. Returns its id, which
    /// clients must be told. Call this until it returns `None`.
    pub(crate) fn sweep(&mut self, is_used: impl Fn(u32) -> bool) -> Option<u32> {
        let goes = |e: &Entry<M>| e.retiring && !is_used(e.id);
        let index = self.position(goes)?;
        self.retiring -= 1;
        self.entries[index].take().map(|e| e.id)
    }

    /// Removes the least recently used of the buffers that no frame lies in. Returns its id, which
    /// clients must be told before they are sent another buffer.
    pub(crate) fn make_room(&mut self, is_used: impl Fn(u32) -> bool) -> Option<u32> {
        let entries = self.entries.iter().flatten();
        let unused = entries.filter(|e| !is_used(e.id));
        let id = unused.min_by_key(|e| e.used)?.id;
        self.unregister(id);
        self.sweep(|other| other != id)
    }

    fn position(&self, is: impl Fn(&Entry<M>) -> bool) -> Option<usize> {
        let mut entries = self.entries.iter();
        entries.position(|e| e.as_ref().is_some_and(&is))
    }

    /// Iterates over index, id, size and memory of all buffers, including unregistered ones: a
    /// frame in them may still be readable for a new client.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, u32, u64, &M)> {
        let entries = self.entries.iter().enumerate();
        entries.filter_map(|(index, e)| {
            let e = e.as_ref()?;
            Some((index, e.id, e.size, &e.memory))
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
        r.unregister(1);
        assert_eq!(r.sweep(|_| false), Some(1));
        assert_eq!(r.sweep(|_| false), None);
        assert_eq!(r.insert(Memory(7), 1, 0), Some(2));
    }

    #[test]
    fn a_retired_buffer_goes_with_its_last_frame() {
        let mut r = registry();
        r.insert(Memory(7), 1, 0);
        assert_eq!(r.touch(1, 1), Some(1));
        r.unregister(1);
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
        r.unregister(1);
        assert_eq!(r.insert(Memory(7), 1, 0), Some(1));
        assert_eq!(r.sweep(|_| false), None);
        assert_eq!(r.touch(1, 1), Some(1));
    }

    #[test]
    fn the_oldest_unused_buffer_makes_room() {
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
