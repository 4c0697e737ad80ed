//! A client's side of the ring: hold a frame, read its descriptor, release it.
//!
//! Nothing here locks, allocates or makes a system call. What is read from the control
//! segment may come from a malicious host: slot numbers are checked, loops are bounded.

use super::cells::{Control, DRAINING, Lease, SlotId, head_serial, head_slot};
use crate::sequence::lost_between;
use crate::sync::{Ordering, Point, acquire_fence, behind, full_fence, is_left_out, sub_and_fence};

/// Attempts to hold the newest frame before giving up.
const NEWEST_TRIES: u32 = 64;

/// A frame that this client holds: the host does not touch its memory until [`release`] is called
/// with its slot.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a held frame keeps its slot from the host until it is released"]
pub struct Held {
    /// The slot with the frame's descriptor.
    pub slot: SlotId,
    /// The frame's serial.
    pub serial: u64,
    /// Frames between the last one held and this one that the client missed.
    pub missed: u64,
}

impl Held {
    #[inline]
    fn new(slot: SlotId, serial: u64, after: u64) -> Self {
        Self {
            slot,
            serial,
            missed: lost_between(after, serial),
        }
    }
}

/// Returns the serial of the newest frame; 0 before the first.
#[inline]
pub fn newest(control: &impl Control) -> u64 {
    // SYNC(publish): acquires the descriptors of all frames up to this one.
    head_serial(control.head().load(Ordering::Acquire))
}

/// Holds the newest frame, if it is newer than serial `after`.
#[inline]
pub fn hold_newest(control: &impl Control, lease: &impl Lease, after: u64) -> Option<Held> {
    let mut tried = after;
    for _ in 0..NEWEST_TRIES {
        // SYNC(publish): as in `newest`.
        let word = control.head().load(Ordering::Acquire);
        let serial = head_serial(word);
        if serial <= tried {
            // Nothing new, or the newest frame has been retired.
            return None;
        }
        if let Some(slot) = hold_in(control, lease, head_slot(word), serial) {
            return Some(Held::new(slot, serial, after));
        }
        // Retired between the load of head and the hold: a newer one may be published by now.
        tried = serial;
    }
    None
}

/// Holds the oldest frame newer than serial `after` that can still be read.
#[inline]
pub fn hold_next(control: &impl Control, lease: &impl Lease, after: u64) -> Option<Held> {
    // SYNC(publish): as in `newest`.
    let word = control.head().load(Ordering::Acquire);
    let head = head_serial(word);
    if head <= after {
        return None;
    }
    // At most N serials are readable at once: older ones need no check.
    let oldest = head.saturating_sub(control.slots() as u64 - 1);
    for serial in (after + 1).max(oldest)..=head {
        let slot = if serial == head {
            hold_in(control, lease, head_slot(word), serial)
        } else {
            try_hold(control, lease, serial)
        };
        if let Some(slot) = slot {
            return Some(Held::new(slot, serial, after));
        }
    }
    None
}

/// Returns serial and descriptor of the oldest readable frame newer than serial `after`, without
/// holding it: it may be retired a moment later. `N` is at most
/// [`ControlMut::WORDS`](super::cells::ControlMut::WORDS).
#[inline]
pub fn peek_next<const N: usize>(control: &impl Control, after: u64) -> Option<(u64, [u64; N])> {
    let head = newest(control);
    if head <= after {
        return None;
    }
    // At most N serials are readable at once: older ones need no check.
    let oldest = head.saturating_sub(control.slots() as u64 - 1);
    ((after + 1).max(oldest)..=head).find_map(|serial| Some((serial, peek(control, serial)?)))
}

/// Returns the descriptor of `serial` if it is readable. This thread must have seen a head of at
/// least `serial`.
#[inline]
fn peek<const N: usize>(control: &impl Control, serial: u64) -> Option<[u64; N]> {
    let slot = SlotId::checked(index(control, serial), control.slots())?;
    // Relaxed, index and state: the descriptor was acquired with head; a stale value belongs to
    // another serial.
    if serial == 0 || control.state(slot).load(Ordering::Relaxed) != serial {
        return None;
    }
    let words = core::array::from_fn(|at| word(control, slot, at));
    // SYNC(reuse): if the state is unchanged, no word of a later frame was read.
    is_intact(control, slot, serial).then_some(words)
}

/// Returns the slot number recorded for `serial`, unchecked.
#[inline]
fn index(control: &impl Control, serial: u64) -> u32 {
    let at = serial as u32 & (2 * control.slots() - 1);
    control.index(at).load(Ordering::Relaxed)
}

/// Holds exactly `serial`, if it is still readable.
///
/// `serial` must be at most a value that this thread got from [`newest`]; otherwise the descriptor
/// in the slot may be stale.
#[inline]
pub fn try_hold(control: &impl Control, lease: &impl Lease, serial: u64) -> Option<SlotId> {
    hold_in(control, lease, index(control, serial), serial)
}

/// Holds `serial` if slot `raw` is its slot.
#[inline]
fn hold_in(control: &impl Control, lease: &impl Lease, raw: u32, serial: u64) -> Option<SlotId> {
    let slot = SlotId::checked(raw, control.slots())?;
    // SYNC(limit): a reference to an unreadable slot is not counted, not even for a moment.
    let is_readable = control.state(slot).load(behind()) == serial;
    if !is_readable && !is_left_out(Point::FirstLook) {
        return None;
    }
    lease.refs(slot).fetch_add(1, Ordering::Relaxed);
    // SYNC(hold): the host's fence comes before or after this one. Before: the load below sees
    // the slot draining (`serial | DRAINING`) or something later. After: the host sees the
    // reference and does not free the slot.
    full_fence(Point::HoldFence);
    // Relaxed: the descriptor was acquired with head.
    if serial != 0 && control.state(slot).load(Ordering::Relaxed) == serial {
        return Some(slot);
    }
    release(lease, slot);
    None
}

/// Releases one reference: the host may rewrite the frame's memory from here on.
#[inline]
pub fn release(lease: &impl Lease, slot: SlotId) {
    // SYNC(release): everything read of the frame is done before the host sees the count.
    // SYNC(limit), SYNC(wait): the next look at a state, or at the host's mark, comes after it.
    sub_and_fence(lease.refs(slot), Point::ReleaseRef, Point::ReleaseFence);
}

/// Returns word `at` of the descriptor in `slot`.
#[inline]
pub fn word(control: &impl Control, slot: SlotId, at: usize) -> u64 {
    control.word(slot, at).load(Ordering::Relaxed)
}

/// Returns whether the memory of `slot` still belongs to frame `serial`. A client that was evicted
/// while it read learns from this whether it read that frame.
#[inline]
pub fn is_intact(control: &impl Control, slot: SlotId, serial: u64) -> bool {
    // The reads of the frame come before the look at the state.
    acquire_fence(Point::Reuse);
    control.state(slot).load(Ordering::Relaxed) & !DRAINING == serial
}
