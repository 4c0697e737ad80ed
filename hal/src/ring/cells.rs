//! The shared words of a ring, as traits.
//!
//! The algorithm of [`super::publisher`], [`super::reader`] and [`super::wake`] sees its
//! memory only through these, so the code that runs in a camera is the code that the
//! model checker explores. Real memory is in `segment`.

use static_assertions::const_assert_eq;

use super::layout::MAX_SLOTS;
use crate::sync::{AtomicU32, AtomicU64, ReadOnly};

/// Set in a slot's state, above its serial, while the slot is retired but its frame may still be
/// held.
pub const DRAINING: u64 = 1 << 63;

/// Low bits of the head word: the newest frame's slot. Its serial is above them.
pub const HEAD_SLOT_BITS: u32 = 10;

const_assert_eq!(1 << HEAD_SLOT_BITS, MAX_SLOTS);

/// Packs the newest frame's serial and slot into one word, so that a reader gets both with one
/// load. 54 bits of serial last for thousands of years.
#[inline]
pub const fn head_word(serial: u64, slot: SlotId) -> u64 {
    serial << HEAD_SLOT_BITS | slot.0 as u64
}

/// Returns the serial in a head word.
#[inline]
pub const fn head_serial(word: u64) -> u64 {
    word >> HEAD_SLOT_BITS
}

/// Returns the slot number in a head word, unchecked.
#[inline]
pub(super) const fn head_slot(word: u64) -> u32 {
    (word & ((1 << HEAD_SLOT_BITS) - 1)) as u32
}

/// A slot's number, checked to be below the ring's slot count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SlotId(u16);

impl SlotId {
    /// Returns slot `raw`, if the ring has it. Every slot number from shared memory passes this
    /// check.
    #[inline]
    pub fn checked(raw: u32, slots: u32) -> Option<Self> {
        (raw < slots && raw <= u16::MAX as u32).then_some(Self(raw as u16))
    }

    /// Returns the slot's number as an array index.
    #[inline]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Read access to a control segment.
///
/// Clients map the segment read-only, so its words have no stores:
///
/// ```
/// use videostream_hal::ring::{cells::Control, segment::ControlMap};
/// use videostream_hal::sync::Ordering;
///
/// fn head(ring: &ControlMap) -> u64 {
///     ring.head().load(Ordering::Acquire)
/// }
/// ```
///
/// ```compile_fail,E0599
/// use videostream_hal::ring::{cells::Control, segment::ControlMap};
/// use videostream_hal::sync::Ordering;
///
/// fn set_head(ring: &ControlMap) {
///     ring.head().store(1, Ordering::Release); // would die of SIGSEGV
/// }
/// ```
pub trait Control {
    /// Returns the number of slots, a power of two.
    fn slots(&self) -> u32;
    /// Returns the newest frame, as [`head_word`]; 0 before the first.
    fn head(&self) -> ReadOnly<'_, AtomicU64>;
    /// Returns the futex word, incremented at every publish.
    fn wake(&self) -> ReadOnly<'_, AtomicU32>;
    /// Returns the mark of a host that waits for its clients: see [`super::wake`].
    fn waits(&self) -> ReadOnly<'_, AtomicU32>;
    /// Returns the slot number of the serial whose low bits are `at`; the table has two entries per
    /// slot.
    fn index(&self, at: u32) -> ReadOnly<'_, AtomicU32>;
    /// Returns a slot's state: 0 if free, its serial if readable, its serial with [`DRAINING`] if
    /// retired.
    fn state(&self, slot: SlotId) -> ReadOnly<'_, AtomicU64>;
    /// Returns word `at` (below [`ControlMut::WORDS`]) of the slot's descriptor.
    fn word(&self, slot: SlotId, at: usize) -> ReadOnly<'_, AtomicU64>;
}

/// Write access to a control segment: the host's own. Each is a [`Control`] with the same words.
pub trait ControlMut {
    /// Number of 64-bit words of a descriptor.
    const WORDS: usize;

    /// See [`Control::slots`].
    fn slots(&self) -> u32;
    /// See [`Control::head`].
    fn head(&self) -> &AtomicU64;
    /// See [`Control::wake`].
    fn wake(&self) -> &AtomicU32;
    /// See [`Control::waits`].
    fn waits(&self) -> &AtomicU32;
    /// See [`Control::index`].
    fn index(&self, at: u32) -> &AtomicU32;
    /// See [`Control::state`].
    fn state(&self, slot: SlotId) -> &AtomicU64;
    /// See [`Control::word`].
    fn word(&self, slot: SlotId, at: usize) -> &AtomicU64;
}

/// A client's lease page: written by that client, read by the host.
pub trait Lease {
    /// Returns the client's count of references to `slot`.
    fn refs(&self, slot: SlotId) -> &AtomicU32;
    /// Returns the word that announces sleepers: see [`super::wake`].
    fn waiting(&self) -> &AtomicU32;
}

impl<C: ControlMut> Control for C {
    #[inline]
    fn slots(&self) -> u32 {
        ControlMut::slots(self)
    }
    #[inline]
    fn head(&self) -> ReadOnly<'_, AtomicU64> {
        ReadOnly::new(ControlMut::head(self))
    }
    #[inline]
    fn wake(&self) -> ReadOnly<'_, AtomicU32> {
        ReadOnly::new(ControlMut::wake(self))
    }
    #[inline]
    fn waits(&self) -> ReadOnly<'_, AtomicU32> {
        ReadOnly::new(ControlMut::waits(self))
    }
    #[inline]
    fn index(&self, at: u32) -> ReadOnly<'_, AtomicU32> {
        ReadOnly::new(ControlMut::index(self, at))
    }
    #[inline]
    fn state(&self, slot: SlotId) -> ReadOnly<'_, AtomicU64> {
        ReadOnly::new(ControlMut::state(self, slot))
    }
    #[inline]
    fn word(&self, slot: SlotId, at: usize) -> ReadOnly<'_, AtomicU64> {
        ReadOnly::new(ControlMut::word(self, slot, at))
    }
}

impl<C: ControlMut> ControlMut for &C {
    const WORDS: usize = C::WORDS;

    #[inline]
    fn slots(&self) -> u32 {
        C::slots(self)
    }
    #[inline]
    fn head(&self) -> &AtomicU64 {
        C::head(self)
    }
    #[inline]
    fn wake(&self) -> &AtomicU32 {
        C::wake(self)
    }
    #[inline]
    fn waits(&self) -> &AtomicU32 {
        C::waits(self)
    }
    #[inline]
    fn index(&self, at: u32) -> &AtomicU32 {
        C::index(self, at)
    }
    #[inline]
    fn state(&self, slot: SlotId) -> &AtomicU64 {
        C::state(self, slot)
    }
    #[inline]
    fn word(&self, slot: SlotId, at: usize) -> &AtomicU64 {
        C::word(self, slot, at)
    }
}
