//! Sleeping until the next frame and waking sleepers, without losing a wake-up.
//!
//! A client's `waiting` word counts its threads in a futex wait ([`SLEEPERS`]) and has a bit for an
//! armed event ([`ARMED`]): the descriptor that a client polls. Only the client writes the word.
//!
//! *Mark first, wake second; drain first, look last*: a client marks `waiting` before its
//! last look at the ring, the host publishes before its look at `waiting`, and an event
//! is drained before the look that decides to sleep on it again.
//!
//! A host that waits for its clients does the same in the other direction (`SYNC(wait)`): it stores
//! a number in [`Control::waits`], fences, and reads the references; a client releases, fences, and
//! reads the mark. A client signals each number once, so the host takes a new one for each wait.

use super::cells::{Control, ControlMut, Lease};
use super::reader;
use crate::sync::{Ordering, Point, behind, full_fence};

/// Set while the client wants its event made readable at each publish.
pub const ARMED: u32 = 1 << 31;
/// The bits that count threads in a futex wait.
pub const SLEEPERS: u32 = ARMED - 1;

/// The waiters of one lease that a publish has to wake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// A thread is in a futex wait on the control segment's wake word.
    pub futex: bool,
    /// The client's event is armed.
    pub event: bool,
}

/// Host: orders a publish before the calls of [`waiting`] that follow it. Once for all leases.
#[inline]
pub fn after_publish() {
    // SYNC(sleep), host side.
    full_fence(Point::WakeFence);
}

/// Host: returns what to wake in this client; call [`after_publish`] first.
#[inline]
pub fn waiting(lease: &impl Lease) -> Waiting {
    let word = lease.waiting().load(Ordering::Relaxed);
    Waiting {
        futex: word & SLEEPERS != 0,
        event: word & ARMED != 0,
    }
}

/// Client: announces a futex wait. `Some(value)`: sleep while the wake word is `value`, then call
/// [`end_sleep`]. `None`: a frame newer than `after` is available, and nothing is announced.
#[inline]
pub fn begin_sleep(control: &impl Control, lease: &impl Lease, after: u64) -> Option<u32> {
    // Acquire: a load of head after this one finds at least the frames that this value counts.
    let value = control.wake().load(Ordering::Acquire);
    lease.waiting().fetch_add(1, Ordering::Relaxed);
    // SYNC(sleep), client side: the kernel compares the wake word with `value` after this.
    full_fence(Point::SleepFence);
    if reader::newest(control) > after {
        end_sleep(lease);
        return None;
    }
    Some(value)
}

/// Client: withdraws the announcement of [`begin_sleep`].
#[inline]
pub fn end_sleep(lease: &impl Lease) {
    lease.waiting().fetch_sub(1, Ordering::Relaxed);
}

/// Client: asks for an event at every publish from now on. Returns `false` if a frame newer than
/// `after` is already available: look at the ring before polling. The event stays armed either way.
#[inline]
pub fn arm(control: &impl Control, lease: &impl Lease, after: u64) -> bool {
    lease.waiting().fetch_or(ARMED, Ordering::Relaxed);
    // SYNC(sleep), client side.
    full_fence(Point::SleepFence);
    reader::newest(control) <= after
}

/// Client: asks for no more events.
#[inline]
pub fn disarm(lease: &impl Lease) {
    lease.waiting().fetch_and(!ARMED, Ordering::Relaxed);
}

/// Bit of a host's mark: clients signal holds, too, not only releases.
pub const TELL_OF_HOLDS: u32 = 1;

/// Returns the mark after `last`: another number, never 0.
#[inline]
pub const fn next_mark(last: u32, holds: bool) -> u32 {
    let number = match last.wrapping_add(2) & !TELL_OF_HOLDS {
        0 => 2,
        number => number,
    };
    number | if holds { TELL_OF_HOLDS } else { 0 }
}

/// Host: asks clients to signal from now on. Read their references after this, and sleep if too
/// many are left.
#[inline]
pub fn begin_host_sleep(control: &impl ControlMut, mark: u32) {
    control.waits().store(mark, Ordering::Relaxed);
    // SYNC(wait), host side.
    full_fence(Point::HostSleepFence);
}

/// Host: clears the mark. A signal that arrives after this comes from a client that read the mark
/// before.
#[inline]
pub fn end_host_sleep(control: &impl ControlMut) {
    control.waits().store(0, Ordering::Relaxed);
}

/// Client: returns the host's mark, 0 if it does not wait. Call it after [`reader::release`] or a
/// hold.
#[inline]
pub fn host_waits(control: &impl Control) -> u32 {
    // SYNC(wait), client side: after the release, or after the hold's fence.
    control.waits().load(behind())
}
