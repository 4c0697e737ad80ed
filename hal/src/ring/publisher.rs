//! The host's side of the ring: one writer that publishes, makes unreadable and reclaims.
//!
//! A slot is always in one of four places:
//!
//! ```text
//! free --claim--> claimed --publish--> readable --retire--> draining --collect--> free
//! ```
//!
//! Readable slots carry the serials `tail..=head` without a hole, since the oldest is
//! retired first. A retired slot that somebody holds drains until the holders are done.

use super::cells::{ControlMut, DRAINING, Lease, SlotId};
use super::layout::MAX_SLOTS;
use crate::sync::{Ordering, Point, full_fence, release_at};

const SET_WORDS: usize = MAX_SLOTS as usize / 64;

/// A set of slots, as a bitmap.
#[derive(Clone, Debug)]
struct SlotSet([u64; SET_WORDS]);

impl SlotSet {
    const EMPTY: Self = Self([0; SET_WORDS]);

    fn insert(&mut self, slot: SlotId) {
        self.0[slot.index() / 64] |= 1 << (slot.index() % 64);
    }

    fn remove(&mut self, slot: SlotId) {
        self.0[slot.index() / 64] &= !(1 << (slot.index() % 64));
    }

    fn contains(&self, slot: SlotId) -> bool {
        self.0[slot.index() / 64] & 1 << (slot.index() % 64) != 0
    }

    fn first(&self) -> Option<u32> {
        let word = self.0.iter().position(|&w| w != 0)?;
        Some(word as u32 * 64 + self.0[word].trailing_zeros())
    }

    fn len(&self) -> u32 {
        self.0.iter().map(|w| w.count_ones()).sum()
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(|&w| w == 0)
    }
}

/// A slot that the host may fill; give it to [`Publisher::publish`] or [`Publisher::abandon`].
#[derive(Debug)]
#[must_use = "a claimed slot is lost until it is published or abandoned"]
pub struct Claim(SlotId);

impl Claim {
    /// The claimed slot.
    pub fn slot(&self) -> SlotId {
        self.0
    }
}

/// The single writer of a ring.
///
/// # Invariants
///
/// - Each slot is in exactly one of: `free`, claimed, readable, `draining`.
/// - The readable slots are `slot_of[s & (N-1)]` for `s` in `tail..=head`, at most `N`.
/// - A slot enters `free` only after its state was unreadable and a later look, behind the reclaim
///   fence, found no reference in any lease.
#[derive(Debug)]
pub struct Publisher<C> {
    control: C,
    head: u64,
    tail: u64,
    free: SlotSet,
    draining: SlotSet,
    slot_of: [SlotId; MAX_SLOTS as usize],
}

impl<C: ControlMut> Publisher<C> {
    /// Takes over a fresh, zeroed ring: all slots free, no frame published.
    pub fn new(control: C) -> Self {
        let mut free = SlotSet::EMPTY;
        let zero = SlotId::checked(0, 1).expect("0 is below 1");
        for slot in (0..control.slots()).filter_map(|s| SlotId::checked(s, MAX_SLOTS)) {
            free.insert(slot);
        }
        Self {
            control,
            head: 0,
            tail: 1,
            free,
            draining: SlotSet::EMPTY,
            slot_of: [zero; MAX_SLOTS as usize],
        }
    }

    /// The shared words.
    pub fn control(&self) -> &C {
        &self.control
    }

    /// Serial of the newest frame; 0 before the first.
    pub fn head(&self) -> u64 {
        self.head
    }

    /// Frames that newcomers can still take.
    pub fn readable(&self) -> u32 {
        (self.head + 1 - self.tail) as u32
    }

    /// Slots retired but not yet seen without a holder.
    pub fn draining(&self) -> u32 {
        self.draining.len()
    }

    /// Slots that can be claimed at once.
    pub fn free(&self) -> u32 {
        self.free.len()
    }

    /// The slot and serial of the oldest readable frame.
    pub fn oldest(&self) -> Option<(SlotId, u64)> {
        (self.tail <= self.head).then(|| (self.slot_of[self.at(self.tail)], self.tail))
    }

    /// The slot of the newest frame, if it is still readable.
    pub fn newest(&self) -> Option<SlotId> {
        (self.tail <= self.head).then(|| self.slot_of[self.at(self.head)])
    }

    /// The slots retired but not yet seen without a holder.
    pub fn draining_slots(&self) -> impl Iterator<Item = SlotId> + '_ {
        let slots = self.control.slots();
        (0..slots)
            .filter_map(move |raw| SlotId::checked(raw, slots))
            .filter(|&slot| self.draining.contains(slot))
    }

    /// Takes a free slot; `None` when every slot is readable or draining.
    pub fn claim(&mut self) -> Option<Claim> {
        let slot = SlotId::checked(self.free.first()?, self.control.slots())?;
        self.free.remove(slot);
        Some(Claim(slot))
    }

    /// Gives a claimed slot back unpublished.
    pub fn abandon(&mut self, claim: Claim) {
        self.free.insert(claim.0);
    }

    /// Publishes the claimed slot under the next serial, for which `describe` gives the
    /// descriptor's words; clients find the frame from here on. Follow with
    /// [`super::wake::after_publish`] to wake those who wait.
    ///
    /// Returns the serial: 1 for the first frame, one more for each.
    #[inline]
    pub fn publish<D: AsRef<[u64]>>(
        &mut self,
        claim: Claim,
        describe: impl FnOnce(u64) -> D,
    ) -> u64 {
        let slot = claim.0;
        let serial = self.head + 1;
        // The slot was free, so its state is 0 and nobody holds it: newcomers that count a
        // reference now find 0 or, once it is stored below, the new serial.
        let words = describe(serial);
        for (at, &word) in words.as_ref().iter().enumerate().take(C::WORDS) {
            self.control.word(slot, at).store(word, Ordering::Relaxed);
        }
        let n = self.control.slots();
        // Relaxed, the state and the index: ordered by head's release below; a reader that
        // finds a stale slot in the index fails its validation.
        self.control.state(slot).store(serial, Ordering::Relaxed);
        let at = serial as u32 & (2 * n - 1);
        self.control
            .index(at)
            .store(slot.index() as u32, Ordering::Relaxed);
        // SYNC(publish): pairs with the reader's acquire of head.
        self.control
            .head()
            .store(serial, release_at(Point::Publish));
        self.control.wake().fetch_add(1, Ordering::Release);
        let place = self.at(serial);
        self.slot_of[place] = slot;
        self.head = serial;
        serial
    }

    /// Makes the oldest readable frame unreadable for newcomers. It is free again when
    /// [`Publisher::collect`] reports it. Returns its slot and serial.
    pub fn retire_oldest(&mut self) -> Option<(SlotId, u64)> {
        let (slot, serial) = self.oldest()?;
        self.control
            .state(slot)
            .store(serial | DRAINING, Ordering::Relaxed);
        self.draining.insert(slot);
        self.tail += 1;
        Some((slot, serial))
    }

    /// Frees every retired slot that no lease refers to, telling `freed` of each.
    pub fn collect<'a, L: Lease + 'a>(
        &mut self,
        leases: impl Iterator<Item = &'a L> + Clone,
        mut freed: impl FnMut(SlotId),
    ) {
        if self.draining.is_empty() {
            return;
        }
        // SYNC(hold): the states were made unreadable before this fence; a client whose
        // validation did not see that has its reference seen below.
        full_fence(Point::ReclaimFence);
        let mut left = SlotSet::EMPTY;
        while let Some(slot) = self.draining.first() {
            let Some(slot) = SlotId::checked(slot, self.control.slots()) else {
                break;
            };
            self.draining.remove(slot);
            // SYNC(release): acquires what the holders did before their decrement.
            let held = leases
                .clone()
                .any(|lease| lease.refs(slot).load(Ordering::Acquire) != 0);
            if held {
                left.insert(slot);
            } else {
                // Tells a client that was thrown out and still reads that its frame is over.
                self.control.state(slot).store(0, Ordering::Relaxed);
                self.free.insert(slot);
                freed(slot);
            }
        }
        self.draining = left;
        // Pairs with the acquire fence of `reader::is_intact`: the states go to 0 before
        // anything is written to the freed memory.
        full_fence(Point::Reuse);
    }

    fn at(&self, serial: u64) -> usize {
        (serial as u32 & (self.control.slots() - 1)) as usize
    }
}
