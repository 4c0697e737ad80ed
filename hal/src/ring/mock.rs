//! Ring memory on the heap, for models and for tests under Miri, which supports no shared mappings.

use std::boxed::Box;
use std::vec::Vec;

use super::cells::{ControlMut, Lease, SlotId};
use crate::sync::{AtomicU32, AtomicU64};

/// Words of a mock descriptor: the serial twice, so that a torn one shows.
pub const WORDS: usize = 2;

/// A control segment.
pub struct MockControl {
    head: AtomicU64,
    wake: AtomicU32,
    waits: AtomicU32,
    index: Box<[AtomicU32]>,
    state: Box<[AtomicU64]>,
    words: Box<[AtomicU64]>,
}

impl MockControl {
    /// Returns a zeroed one.
    pub fn new(slots: u32) -> Self {
        let n = slots as usize;
        let words = |n: usize| (0..n).map(|_| AtomicU64::new(0)).collect::<Vec<_>>();
        Self {
            head: AtomicU64::new(0),
            wake: AtomicU32::new(0),
            waits: AtomicU32::new(0),
            index: (0..2 * n).map(|_| AtomicU32::new(0)).collect(),
            state: words(n).into(),
            words: words(n * WORDS).into(),
        }
    }
}

impl ControlMut for MockControl {
    const WORDS: usize = WORDS;

    fn slots(&self) -> u32 {
        self.state.len() as u32
    }
    fn head(&self) -> &AtomicU64 {
        &self.head
    }
    fn wake(&self) -> &AtomicU32 {
        &self.wake
    }
    fn waits(&self) -> &AtomicU32 {
        &self.waits
    }
    fn index(&self, at: u32) -> &AtomicU32 {
        &self.index[at as usize]
    }
    fn state(&self, slot: SlotId) -> &AtomicU64 {
        &self.state[slot.index()]
    }
    fn word(&self, slot: SlotId, at: usize) -> &AtomicU64 {
        &self.words[slot.index() * WORDS + at]
    }
}

/// A lease page.
pub struct MockLease {
    refs: Box<[AtomicU32]>,
    waiting: AtomicU32,
}

impl MockLease {
    /// Returns a zeroed one.
    pub fn new(slots: u32) -> Self {
        Self {
            refs: (0..slots).map(|_| AtomicU32::new(0)).collect(),
            waiting: AtomicU32::new(0),
        }
    }
}

impl Lease for MockLease {
    fn refs(&self, slot: SlotId) -> &AtomicU32 {
        &self.refs[slot.index()]
    }
    fn waiting(&self) -> &AtomicU32 {
        &self.waiting
    }
}
