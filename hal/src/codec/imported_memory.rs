//! The memory of each buffer of a queue, recorded so that the same memory always gets the same
//! buffer.

use heapless::Vec;
use rustix::fd::BorrowedFd;

use crate::memory::dmabuf::{Identity, identity};
use crate::v4l2::queue::MAX_BUFFERS;
use crate::{Call, Error};

/// Maximum number of memory parts of a picture.
const PARTS: usize = 4;

/// The memory of a picture: the identity of each part, which outlives descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Memory([Option<Identity>; PARTS]);

impl Memory {
    pub(super) fn of(parts: &[BorrowedFd<'_>]) -> Result<Self, Error> {
        let mut memory = [None; PARTS];
        if !(1..=PARTS).contains(&parts.len()) {
            return Err(Error::Argument {
                name: "memory parts of a picture",
                value: parts.len() as u64,
            });
        }
        for (memory, part) in memory.iter_mut().zip(parts) {
            let id = identity(*part).map_err(|e| Error::system(Call::Fstat, e.errno()))?;
            *memory = Some(id);
        }
        Ok(Self(memory))
    }
}

/// The memory of each buffer of a queue that was imported by
/// [`M2m::import_for`](super::M2m::import_for).
#[derive(Debug, Default)]
pub(super) struct ImportedMemory {
    /// By buffer index; with the time of the last use.
    places: Vec<Option<(Memory, u64)>, MAX_BUFFERS>,
    clock: u64,
}

impl ImportedMemory {
    /// Forgets all entries; there are `count` buffers now.
    pub(super) fn reset(&mut self, count: u32) {
        self.places.clear();
        // Queues have at most `MAX_BUFFERS` buffers, so this cannot fail.
        let _ = self.places.resize((count as usize).min(MAX_BUFFERS), None);
    }

    /// Returns the buffer that has this memory.
    pub(super) fn find(&mut self, memory: &Memory) -> Option<u32> {
        self.clock += 1;
        let clock = self.clock;
        let mut places = (0..).zip(&mut self.places);
        let (index, used) = places.find_map(|(index, place)| match place {
            Some((has, used)) if has == memory => Some((index, used)),
            _ => None,
        })?;
        *used = clock;
        Some(index)
    }

    /// Chooses which of the `free` buffers gets memory that no buffer has: one without memory, else
    /// the least recently used.
    pub(super) fn choose(&self, free: impl Iterator<Item = u32>) -> Option<u32> {
        let used = |index: &u32| match self.places.get(*index as usize) {
            Some(Some((_, used))) => *used,
            _ => 0,
        };
        free.min_by_key(used)
    }

    pub(super) fn set(&mut self, index: u32, memory: Memory) {
        if let Some(place) = self.places.get_mut(index as usize) {
            *place = Some((memory, self.clock));
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::fd::AsFd;

    use super::*;
    use crate::memory::memfd;

    #[test]
    fn memory_is_recognised_and_the_oldest_replaced() {
        let files = [(); 3].map(|()| memfd::create(c"part", 4096).unwrap());
        let memory = |at: usize| Memory::of(&[files[at].as_fd()]).unwrap();
        let again = files[0].try_clone().unwrap();
        assert_eq!(memory(0), Memory::of(&[again.as_fd()]).unwrap());
        assert_ne!(memory(0), memory(1));

        let mut places = ImportedMemory::default();
        places.reset(2);
        for at in 0..2 {
            assert_eq!(places.find(&memory(at)), None);
            let index = places.choose(0..2).unwrap();
            assert_eq!(index, at as u32);
            places.set(index, memory(at));
        }
        assert_eq!(places.find(&memory(0)), Some(0));
        assert_eq!(places.find(&memory(2)), None);
        assert_eq!(places.choose(0..2), Some(1));
        assert_eq!(places.choose(0..0), None);
    }

    #[test]
    fn a_picture_in_no_part_or_too_many_is_refused() {
        let file = memfd::create(c"part", 4096).unwrap();
        assert!(Memory::of(&[]).is_err());
        assert!(Memory::of(&[file.as_fd(); PARTS + 1]).is_err());
    }
}
