//! The host's side of the ring: one writer that publishes, makes unreadable and reclaims.
//!
//! A slot is always in one of four places:
//!
//! ```text
//! free --claim--> claimed --publish--> readable --retire--> draining --collect--> free
//! ```
//!
//! Readable slots carry serials of `tail..=head`: all of them while the oldest is retired
//! first, all but those that [`Publisher::retire`] took out of the middle otherwise. A retired
//! slot that somebody holds drains until the holders are done.

use super::cells::{ControlMut, DRAINING, Lease, SlotId, head_word};
use super::layout::{LINE, MAX_SLOTS};
use crate::sync::{Ordering, Point, full_fence, release_at, release_fence};

const SET_WORDS: usize = MAX_SLOTS as usize / 64;

/// A set of slots, as a bitmap.
///
/// # Invariants
/// `len` is the number of bits.
#[derive(Clone, Debug)]
struct SlotSet {
    bits: [u64; SET_WORDS],
    len: u32,
}

impl SlotSet {
    const EMPTY: Self = Self {
        bits: [0; SET_WORDS],
        len: 0,
    };

    fn insert(&mut self, slot: SlotId) {
        // INVARIANT: counted if it was not in it.
        self.len += u32::from(!self.contains(slot));
        self.bits[slot.index() / 64] |= 1 << (slot.index() % 64);
    }

    fn remove(&mut self, slot: SlotId) {
        // INVARIANT: counted if it was in it.
        self.len -= u32::from(self.contains(slot));
        self.bits[slot.index() / 64] &= !(1 << (slot.index() % 64));
    }

    fn contains(&self, slot: SlotId) -> bool {
        self.bits[slot.index() / 64] & 1 << (slot.index() % 64) != 0
    }

    fn first(&self) -> Option<SlotId> {
        self.word(self.bits.iter().position(|&bits| bits != 0)?)
            .next()
    }

    /// The slots of one word of the map, as they are now, from the lowest.
    #[inline]
    fn word(&self, at: usize) -> impl Iterator<Item = SlotId> + use<> {
        let mut left = self.bits[at];
        core::iter::from_fn(move || {
            let bit = (left != 0).then(|| left.trailing_zeros())?;
            left &= left - 1;
            SlotId::checked(at as u32 * 64 + bit, MAX_SLOTS)
        })
    }

    fn iter(&self) -> impl Iterator<Item = SlotId> + '_ {
        (0..SET_WORDS).flat_map(|at| self.word(at))
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
/// - The readable slots are `slot_of[s & (N-1)]` for `s` in `tail..=head`, at most `N` serials,
///   but for `early` of them that are retired already; `tail` is not one of these.
/// - A slot enters `free` only after its state was unreadable and a later look, behind the reclaim
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
            early: 0,
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
        (self.head + 1 - self.tail) as u32 - self.early
    }

    /// Slots retired but not yet seen without a holder.
    pub fn draining(&self) -> u32 {
        self.draining.len
    }

    /// Slots that can be claimed at once.
    pub fn free(&self) -> u32 {
        self.free.len
    }

    /// The slot and serial of the oldest readable frame.
    pub fn oldest(&self) -> Option<(SlotId, u64)> {
        (self.tail <= self.head).then(|| (self.slot_of[self.at(self.tail)], self.tail))
    }

    /// The slot of the newest frame, if it is still readable.
    pub fn newest(&self) -> Option<SlotId> {
        (self.tail <= self.head && self.is_readable(self.head))
            .then(|| self.slot_of[self.at(self.head)])
    }

    /// The slots retired but not yet seen without a holder.
    pub fn draining_slots(&self) -> impl Iterator<Item = SlotId> + '_ {
        self.draining.iter()
    }

    /// References of one client on slots that are unreadable, saturating: an honest one never has
    /// more than it may hold at once, although they are added up slot by slot while it goes on.
    ///
    /// SYNC(limit): of two references in the sum that the client had one after the other, the first was
    /// given back after it was looked at here, so behind this fence in the one order of fences. The
    /// client's next look at a state then finds these slots unreadable and counts no second one.
    /// References from before this fence are all seen as they were at it.
    pub fn held_unreadable(&self, lease: &impl Lease) -> u32 {
        full_fence(Point::LimitFence);
        self.draining.iter().fold(0u32, |sum, slot| {
            sum.saturating_add(lease.refs(slot).load(Ordering::Relaxed))
        })
    }

    /// Takes a free slot; `None` when every slot is readable or draining, and when the oldest
    /// readable frame is as many serials old as there are slots: clients find no older one.
    pub fn claim(&mut self) -> Option<Claim> {
        if self.head + 1 - self.tail >= u64::from(self.control.slots()) {
            return None;
        }
        let slot = self.free.first()?;
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
            .store(head_word(serial, slot), release_at(Point::Publish));
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
        self.drain(slot, serial);
        self.tail += 1;
        self.pass_early();
        Some((slot, serial))
    }

    /// Makes one readable frame unreadable for newcomers, whichever it is. `false` if it is not
    /// readable any more.
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

    /// Whether a serial of `tail..=head` is not retired. The word is the host's own.
    fn is_readable(&self, serial: u64) -> bool {
        let state = self.control.state(self.slot_of[self.at(serial)]);
        state.load(Ordering::Relaxed) == serial
    }

    /// INVARIANT: restores that `tail` is not retired, or behind `head`.
    #[inline]
    fn pass_early(&mut self) {
        while self.early != 0 && !self.is_readable(self.tail) {
            self.tail += 1;
            self.early -= 1;
        }
    }

    /// Frees every retired slot that no lease refers to, telling `freed` of each.
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

    /// The same for the slot that [`Publisher::retire_oldest`] gave, without a look at those
    /// retired before it.
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

    /// SYNC(hold): the slot's state was made unreadable before the caller's fence; a client
    /// whose validation did not see that has its reference seen here.
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
        // Tells a client that was thrown out and still reads that its frame is over.
        self.control.state(slot).store(0, Ordering::Relaxed);
        // SYNC(reuse), with `reader::is_intact`: the state goes to 0 before anything is
        // written to the freed memory.
        release_fence(Point::Reuse);
        // Written now, when nobody waits for it, the descriptor is in this processor's cache
        // when the next frame is published in it.
        for at in (0..C::WORDS).step_by(LINE / 8) {
            self.control.word(slot, at).store(0, Ordering::Relaxed);
        }
        freed(slot);
    }

    fn at(&self, serial: u64) -> usize {
        (serial as u32 & (self.control.slots() - 1)) as usize
    }
}
