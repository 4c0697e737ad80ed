//! A client's side of the ring: hold a frame, read its descriptor, release it.
//!
//! Nothing here locks, allocates or makes a system call. What is read from the control
//! segment may come from a host that lies: slot numbers are checked, loops are bounded.

use super::cells::{Control, DRAINING, Lease, SlotId, head_serial, head_slot};
use crate::sync::{Ordering, Point, acquire_fence, behind, full_fence, is_left_out, sub_and_fence};

/// How often the newest frame may slip away before a hold gives up.
const NEWEST_TRIES: u32 = 64;

/// A frame that this client holds: the host does not touch its memory until
/// [`release`] is called with it.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a held frame keeps its slot from the host until it is released"]
pub struct Held {
    /// Where the frame's descriptor is.
    pub slot: SlotId,
    /// The frame's serial.
    pub serial: u64,
    /// Frames between the last one seen and this one that the client did not get.
    pub missed: u64,
}

impl Held {
    #[inline]
    fn new(slot: SlotId, serial: u64, after: u64) -> Self {
        Self {
            slot,
            serial,
            missed: serial - after - 1,
        }
    }
}

/// Serial of the newest frame; 0 before the first.
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
            // Nothing new, or the newest has expired.
            return None;
        }
        if let Some(slot) = hold_in(control, lease, head_slot(word), serial) {
            return Some(Held::new(slot, serial, after));
        }
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
    // At most N serials are readable at once: older ones are gone without a look.
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

/// Serial and descriptor of the oldest frame newer than serial `after` that can be read, without
/// holding it: it may be gone a moment later. `N` is at most [`Control::WORDS`].
#[inline]
pub fn peek_next<const N: usize>(control: &impl Control, after: u64) -> Option<(u64, [u64; N])> {
    let head = newest(control);
    if head <= after {
        return None;
    }
    // At most N serials are readable at once: older ones are gone without a look.
    let oldest = head.saturating_sub(control.slots() as u64 - 1);
    ((after + 1).max(oldest)..=head).find_map(|serial| Some((serial, peek(control, serial)?)))
}

/// The descriptor of `serial`, one up to the head that this thread has seen, if it can be read.
#[inline]
fn peek<const N: usize>(control: &impl Control, serial: u64) -> Option<[u64; N]> {
    let slot = SlotId::checked(index(control, serial), control.slots())?;
    // Relaxed, index and state: the descriptor was acquired with head; what is stale bears
    // another serial.
    if serial == 0 || control.state(slot).load(Ordering::Relaxed) != serial {
        return None;
    }
    let words = core::array::from_fn(|at| word(control, slot, at));
    // SYNC(reuse): who finds the state unchanged has read nothing of a later frame.
    is_intact(control, slot, serial).then_some(words)
}

/// The slot that `serial` is in, if it is in any; not checked yet.
#[inline]
fn index(control: &impl Control, serial: u64) -> u32 {
    let at = serial as u32 & (2 * control.slots() - 1);
    control.index(at).load(Ordering::Relaxed)
}

/// Holds exactly `serial`, if it can still be read. `serial` is at most one that this thread
/// has learnt from [`newest`], or else what the slot says may be stale.
#[inline]
pub fn try_hold(control: &impl Control, lease: &impl Lease, serial: u64) -> Option<SlotId> {
    hold_in(control, lease, index(control, serial), serial)
}

/// Holds `serial` if slot `raw` is its slot.
#[inline]
fn hold_in(control: &impl Control, lease: &impl Lease, raw: u32, serial: u64) -> Option<SlotId> {
    let slot = SlotId::checked(raw, control.slots())?;
    // SYNC(limit): what is unreadable is not counted, not even for a moment.
    let is_readable = control.state(slot).load(behind()) == serial;
    if !is_readable && !is_left_out(Point::FirstLook) {
        return None;
    }
    lease.refs(slot).fetch_add(1, Ordering::Relaxed);
    // SYNC(hold): the host's fence is before or after this one. Before: the state below is
    // seen as 0. After: the host sees the reference.
    full_fence(Point::HoldFence);
    // Relaxed: the descriptor was acquired with head.
    if serial != 0 && control.state(slot).load(Ordering::Relaxed) == serial {
        return Some(slot);
    }
    release(lease, slot);
    None
}

/// Takes one reference back: a held frame's memory may be rewritten from here on.
#[inline]
pub fn release(lease: &impl Lease, slot: SlotId) {
    // SYNC(release): everything read of the frame is done before the host sees the count.
    // SYNC(limit), SYNC(wait): the next look at a state, or at the host's mark, comes after it.
    sub_and_fence(lease.refs(slot), Point::ReleaseRef, Point::ReleaseFence);
}

/// Copies word `at` of the descriptor in `slot`.
#[inline]
pub fn word(control: &impl Control, slot: SlotId, at: usize) -> u64 {
    control.word(slot, at).load(Ordering::Relaxed)
}

/// Whether the memory of `slot` is still that of frame `serial`: tells a client that was
/// thrown out while it read whether what it read was that frame.
#[inline]
pub fn is_intact(control: &impl Control, slot: SlotId, serial: u64) -> bool {
    // The reads of the frame come before the look at the state.
    acquire_fence(Point::Reuse);
    control.state(slot).load(Ordering::Relaxed) & !DRAINING == serial
}
