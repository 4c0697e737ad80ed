//! The host's side of the ring: one writer that publishes, retires and reclaims slots.
//!
//! A slot is always in one of four states:
//!
//! ```text
//! free --claim--> claimed --publish--> readable --retire--> draining --collect--> free
//! ```
//!
//! Readable slots carry the serials `tail..=head`, except those that [`Publisher::retire`] has
//! retired out of order. A retired slot drains until no client holds it.

use super::cells::{ControlMut, DRAINING, Lease, SlotId, head_word};
use super::layout::{LINE, MAX_SLOTS};
use crate::bits::BitSet;
use crate::sync::{Ordering, Point, full_fence, release_at, release_fence};

const SET_WORDS: usize = MAX_SLOTS as usize / 64;

/// A set of slots, as a bitmap.
///
/// # Invariants
/// `len` is the number of bits.
#[derive(Clone, Debug)]
struct SlotSet {
    bits: BitSet<SET_WORDS>,
    len: u32,
}

impl SlotSet {
    const EMPTY: Self = Self {
        bits: BitSet::EMPTY,
        len: 0,
    };

    fn insert(&mut self, slot: SlotId) {
        // INVARIANT: counts the slot if it is new.
        self.len += u32::from(self.bits.insert(slot.index()));
    }

    fn remove(&mut self, slot: SlotId) {
        // INVARIANT: uncounts the slot if it was in the set.
        self.len -= u32::from(self.bits.remove(slot.index()));
    }

    fn contains(&self, slot: SlotId) -> bool {
        self.bits.contains(slot.index())
    }

    fn first(&self) -> Option<SlotId> {
        SlotId::checked(self.bits.first()?, MAX_SLOTS)
    }

    /// Returns the slots of one word of the map as they are now, from the lowest.
    #[inline]
    fn word(&self, at: usize) -> impl Iterator<Item = SlotId> + use<> {
        let slots = self.bits.word(at);
        slots.filter_map(|slot| SlotId::checked(slot, MAX_SLOTS))
    }

    fn iter(&self) -> impl Iterator<Item = SlotId> + '_ {
        (0..SET_WORDS).flat_map(|at| self.word(at))
    }
}

/// A slot that the host may fill, to be passed to [`Publisher::publish`].
#[derive(Debug)]
#[must_use = "a claimed slot is lost until it is published"]
pub struct Claim(SlotId);

impl Claim {
    /// Returns the claimed slot.
    pub fn slot(&self) -> SlotId {
        self.0
    }
}

/// The single writer of a ring.
///
/// # Invariants
///
/// - Each slot is in exactly one of: `free`, claimed, readable, `draining`.
/// - The readable slots are `slot_of[s & (N-1)]` for `s` in `tail..=head`, at most `N` serials,
///   except `early` of them, which are already retired; `tail` is not one of these.
/// - A slot enters `free` only after its state was unreadable and a later check, after the reclaim
///   fence, found no reference in any lease.
#[derive(Debug)]
pub struct Publisher<C> {
    control: C,
    head: u64,
    tail: u64,
    early: u32,
    free: SlotSet,
    draining: SlotSet,
    slot_of: [SlotId; MAX_SLOTS as usize],
}

impl<C: ControlMut> Publisher<C> {
    /// Creates the writer of a new, zeroed ring: all slots free, no frame published.
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
            early: 0,
            free,
            draining: SlotSet::EMPTY,
            slot_of: [zero; MAX_SLOTS as usize],
        }
    }

    /// Returns the shared words.
    pub fn control(&self) -> &C {
        &self.control
    }

    /// Returns the serial of the newest frame; 0 before the first.
    pub fn head(&self) -> u64 {
        self.head
    }

    /// Returns the number of readable frames.
    pub fn readable(&self) -> u32 {
        (self.head + 1 - self.tail) as u32 - self.early
    }

    /// Returns the number of slots that are retired but not known to be free of references.
    pub fn draining(&self) -> u32 {
        self.draining.len
    }

    /// Returns the number of free slots.
    pub fn free(&self) -> u32 {
        self.free.len
    }

    /// Returns slot and serial of the oldest readable frame.
    pub fn oldest(&self) -> Option<(SlotId, u64)> {
        (self.tail <= self.head).then(|| (self.slot_of[self.at(self.tail)], self.tail))
    }

    /// Returns the slot of the newest frame, if it is still readable.
    pub fn newest(&self) -> Option<SlotId> {
        (self.tail <= self.head && self.is_readable(self.head))
            .then(|| self.slot_of[self.at(self.head)])
    }

    /// Returns the slots that are retired but not known to be free of references.
    pub fn draining_slots(&self) -> impl Iterator<Item = SlotId> + '_ {
        self.draining.iter()
    }

    /// Returns one client's references to unreadable slots, saturating. The sum of an honest client
    /// is never more than it held at one moment, although the slots are read one by one while it
    /// runs.
    ///
    /// SYNC(limit): of two references in the sum that the client had one after the other, the first
    /// was released after it was read here, hence after this fence in the total order of fences.
    /// The client's next load of a state then finds these slots unreadable and counts no second
    /// reference. References from before this fence are all seen as they were at the fence.
    pub fn held_unreadable(&self, lease: &impl Lease) -> u32 {
        full_fence(Point::LimitFence);
        self.draining.iter().fold(0u32, |sum, slot| {
            sum.saturating_add(lease.refs(slot).load(Ordering::Relaxed))
        })
    }

    /// Takes a free slot.
    ///
    /// Returns `None` when every slot is readable or draining, and when the oldest readable frame
    /// is as many serials behind as the ring has slots: clients look no further back.
    pub fn claim(&mut self) -> Option<Claim> {
        if self.head + 1 - self.tail >= u64::from(self.control.slots()) {
            return None;
        }
        let slot = self.free.first()?;
        self.free.remove(slot);
        Some(Claim(slot))
    }

    /// Publishes the claimed slot under the next serial, for which `describe` returns the
    /// descriptor's words; clients find the frame from here on. Call [`super::wake::after_publish`]
    /// next, to wake those that wait.
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
        // The slot was free, so its state is 0 and nobody holds it: clients that count a reference
        // now find 0 or, once it is stored below, the new serial.
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
            .store(head_word(serial, slot), release_at(Point::Publish));
        self.control.wake().fetch_add(1, Ordering::Release);
        let index = self.at(serial);
        self.slot_of[index] = slot;
        self.head = serial;
        serial
    }

    /// Retires the oldest readable frame and returns its slot and serial. No client can hold it
    /// from here on; its slot is free again when [`Publisher::collect`] reports it.
    pub fn retire_oldest(&mut self) -> Option<(SlotId, u64)> {
        let (slot, serial) = self.oldest()?;
        self.drain(slot, serial);
        self.tail += 1;
        self.pass_early();
        Some((slot, serial))
    }

    /// Retires any one readable frame. Returns `false` if it is no longer readable.
    pub fn retire(&mut self, serial: u64) -> bool {
        if serial < self.tail || serial > self.head || !self.is_readable(serial) {
            return false;
        }
        if serial == self.tail {
            return self.retire_oldest().is_some();
        }
        self.drain(self.slot_of[self.at(serial)], serial);
        // INVARIANT: between tail and head, and readable until now.
        self.early += 1;
        true
    }

    fn drain(&mut self, slot: SlotId, serial: u64) {
        self.control
            .state(slot)
            .store(serial | DRAINING, Ordering::Relaxed);
        self.draining.insert(slot);
    }

    /// Returns whether a serial of `tail..=head` is not retired. Only the host writes the state.
    fn is_readable(&self, serial: u64) -> bool {
        let state = self.control.state(self.slot_of[self.at(serial)]);
        state.load(Ordering::Relaxed) == serial
    }

    /// INVARIANT: moves `tail` on to a frame that is not retired, or past `head`.
    #[inline]
    fn pass_early(&mut self) {
        while self.early != 0 && !self.is_readable(self.tail) {
            self.tail += 1;
            self.early -= 1;
        }
    }

    /// Frees every retired slot that no lease refers to, and calls `freed` with each.
    pub fn collect<'a, L: Lease + 'a>(
        &mut self,
        leases: impl Iterator<Item = &'a L> + Clone,
        mut freed: impl FnMut(SlotId),
    ) {
        if self.draining.len == 0 {
            return;
        }
        full_fence(Point::ReclaimFence);
        for at in 0..SET_WORDS {
            for slot in self.draining.word(at) {
                self.free_unless_held(slot, leases.clone(), &mut freed);
            }
        }
    }

    /// Frees the one slot that [`Publisher::retire_oldest`] returned, if no lease refers to it, and
    /// calls `freed`. Does not check slots retired before it.
    #[inline]
    pub fn collect_retired<'a, L: Lease + 'a>(
        &mut self,
        slot: SlotId,
        leases: impl Iterator<Item = &'a L>,
        mut freed: impl FnMut(SlotId),
    ) {
        if self.draining.contains(slot) {
            full_fence(Point::ReclaimFence);
            self.free_unless_held(slot, leases, &mut freed);
        }
    }

    /// Frees a slot and calls `freed`, unless a lease refers to it.
    ///
    /// SYNC(hold): the slot's state was made unreadable before the caller's fence; if a client's
    /// validation did not see that, its reference is seen here.
    #[inline]
    fn free_unless_held<'a, L: Lease + 'a>(
        &mut self,
        slot: SlotId,
        mut leases: impl Iterator<Item = &'a L>,
        freed: &mut impl FnMut(SlotId),
    ) {
        // SYNC(release): acquires what the holders did before their decrement.
        if leases.any(|lease| lease.refs(slot).load(Ordering::Acquire) != 0) {
            return;
        }
        self.draining.remove(slot);
        self.free.insert(slot);
        // Tells an evicted client that still reads that its frame is gone.
        self.control.state(slot).store(0, Ordering::Relaxed);
        // SYNC(reuse), with `reader::is_intact`: the state goes to 0 before anything is
        // written to the freed memory.
        release_fence(Point::Reuse);
        // Written now, while no client waits, the descriptor is in this processor's cache when the
        // next frame is published in it.
        for at in (0..C::WORDS).step_by(LINE / 8) {
            self.control.word(slot, at).store(0, Ordering::Relaxed);
        }
        freed(slot);
    }

    fn at(&self, serial: u64) -> usize {
        (serial as u32 & (self.control.slots() - 1)) as usize
    }
}
