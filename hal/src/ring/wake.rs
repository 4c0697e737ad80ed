//! Going to sleep until the next frame, and waking whoever sleeps, losing no wake-up.
//!
//! A client's `waiting` word counts its threads in a futex wait ([`SLEEPERS`]) and has a
//! bit for an armed event ([`ARMED`]): the descriptor that a client polls. Only the client writes it.
//!
//! *Mark first, wake second; drain first, look last*: a client marks `waiting` before its
//! last look at the ring, the host publishes before its look at `waiting`, and an event
//! is drained before the look that decides to sleep on it again.

use super::cells::{Control, Lease};
use super::reader;
use crate::sync::{Ordering, Point, full_fence};

/// Set while the client wants its event made readable at each publish.
pub const ARMED: u32 = 1 << 31;
/// The bits that count threads in a futex wait.
pub const SLEEPERS: u32 = ARMED - 1;

/// Whom a publish has to wake, as read from one lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// A thread is in a futex wait on the control segment's wake word.
    pub futex: bool,
    /// The client's event is armed.
    pub event: bool,
}

/// Host: the order between a publish and the looks at [`waiting`] that follow it. Once for
/// all leases.
#[inline]
pub fn after_publish() {
    // SYNC(sleep), host side.
    full_fence(Point::WakeFence);
}

/// Host: whom to wake of this client; call [`after_publish`] first.
#[inline]
pub fn waiting(lease: &impl Lease) -> Waiting {
    let word = lease.waiting().load(Ordering::Relaxed);
    Waiting {
        futex: word & SLEEPERS != 0,
        event: word & ARMED != 0,
    }
}

/// Client: announces a futex wait. `Some(value)`: sleep while the wake word is `value`,
/// then call [`end_sleep`]. `None`: a frame newer than `after` is there, nothing is announced.
#[inline]
pub fn begin_sleep(control: &impl Control, lease: &impl Lease, after: u64) -> Option<u32> {
    // Acquire: a look at head behind it finds at least the frames that this value counts.
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

/// Client: takes the announcement of [`begin_sleep`] back.
#[inline]
pub fn end_sleep(lease: &impl Lease) {
    lease.waiting().fetch_sub(1, Ordering::Relaxed);
}

/// Client: asks for an event at every publish from now on. `false`: a frame newer
/// than `after` is there already; look at the ring before polling. It stays armed either way.
#[inline]
pub fn arm(control: &impl Control, lease: &impl Lease, after: u64) -> bool {
    lease.waiting().fetch_or(ARMED, Ordering::Relaxed);
    // SYNC(sleep), client side.
    full_fence(Point::SleepFence);
    reader::newest(control) <= after
}

/// Client: no more events.
#[inline]
pub fn disarm(lease: &impl Lease) {
    lease.waiting().fetch_and(!ARMED, Ordering::Relaxed);
}
