//! The shared words of a ring, as traits.
//!
//! The algorithm of [`super::publisher`], [`super::reader`] and [`super::wake`] sees its
//! memory only through these, so the code that runs in a camera is the code that the
//! model checker explores. Real memory is in `segment`.

use static_assertions::const_assert_eq;

use super::layout::MAX_SLOTS;
use crate::sync::{AtomicU32, AtomicU64};

/// Set in a slot's state beside its serial while the slot is unreadable for newcomers but
/// its frame may still be held.
pub const DRAINING: u64 = 1 << 63;

/// Low bits of the head word: the newest frame's slot. Its serial is above them.
pub const HEAD_SLOT_BITS: u32 = 10;

const_assert_eq!(1 << HEAD_SLOT_BITS, MAX_SLOTS);

/// A head word: the newest frame's serial and slot in one, so that a reader finds both with
/// one look. 54 bits of serial last for thousands of years.
#[inline]
pub const fn head_word(serial: u64, slot: SlotId) -> u64 {
    serial << HEAD_SLOT_BITS | slot.0 as u64
}

/// The serial in a head word.
#[inline]
pub const fn head_serial(word: u64) -> u64 {
    word >> HEAD_SLOT_BITS
}

/// The slot in a head word, not checked yet.
#[inline]
pub(super) const fn head_slot(word: u64) -> u32 {
    (word & ((1 << HEAD_SLOT_BITS) - 1)) as u32
}

/// A slot's number, checked to be below the ring's slot count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SlotId(u16);

impl SlotId {
    /// The slot `raw`, if the ring has it: the check that an index from shared memory goes through.
    #[inline]
    pub fn checked(raw: u32, slots: u32) -> Option<Self> {
        (raw < slots && raw <= u16::MAX as u32).then_some(Self(raw as u16))
    }

    /// As an array index.
    #[inline]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The control segment: written by the host, read by everyone.
pub trait Control {
    /// How many 64-bit words a descriptor has.
    const WORDS: usize;

    /// Slots in the ring, a power of two.
    fn slots(&self) -> u32;
    /// The newest frame, as [`head_word`]; 0 before the first.
    fn head(&self) -> &AtomicU64;
    /// The futex word, bumped at every publish.
    fn wake(&self) -> &AtomicU32;
    /// Whether the host waits for its clients: see [`super::wake`].
    fn waits(&self) -> &AtomicU32;
    /// Slot of the serial whose low bits are `at`; there are twice as many as slots.
    fn index(&self, at: u32) -> &AtomicU32;
    /// 0 when free, the serial that can be read in this slot, or that with [`DRAINING`].
    fn state(&self, slot: SlotId) -> &AtomicU64;
    /// Word `at` (below [`Control::WORDS`]) of the slot's descriptor.
    fn word(&self, slot: SlotId, at: usize) -> &AtomicU64;
}

/// A control segment that this process may write: the host's own.
pub trait ControlMut: Control {}

/// A client's lease page: written by that client, read by the host.
pub trait Lease {
    /// How many times the client holds `slot`.
    fn refs(&self, slot: SlotId) -> &AtomicU32;
    /// Who sleeps: see [`super::wake`].
    fn waiting(&self) -> &AtomicU32;
}

impl<C: Control> Control for &C {
    const WORDS: usize = C::WORDS;

    #[inline]
    fn slots(&self) -> u32 {
        (**self).slots()
    }
    #[inline]
    fn head(&self) -> &AtomicU64 {
        (**self).head()
    }
    #[inline]
    fn wake(&self) -> &AtomicU32 {
        (**self).wake()
    }
    #[inline]
    fn waits(&self) -> &AtomicU32 {
        (**self).waits()
    }
    #[inline]
    fn index(&self, at: u32) -> &AtomicU32 {
        (**self).index(at)
    }
    #[inline]
    fn state(&self, slot: SlotId) -> &AtomicU64 {
        (**self).state(slot)
    }
    #[inline]
    fn word(&self, slot: SlotId, at: usize) -> &AtomicU64 {
        (**self).word(slot, at)
    }
}

impl<C: ControlMut> ControlMut for &C {}
