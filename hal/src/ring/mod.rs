//! The frame ring: one host publishes frames, many processes read them, nobody locks.
//!
//! # Parts
//!
//! - [`layout`]: where everything lies in the control segment and the lease page.
//! - [`descriptor`]: what a slot says about its frame.
//! - [`cells`]: the shared words as traits, so that one algorithm serves real memory and
//!   the model checker.
//! - [`publisher`]: the host's side: publish, make unreadable, reclaim.
//! - [`reader`]: a client's side: hold, read, release.
//! - [`wake`]: going to sleep without missing a frame.
//! - `segment`: the words in memfds that two processes map.
//!
//! # The claim, and why it holds
//!
//! *No slot is rewritten while a client holds it.* A client counts its reference and then
//! looks whether the slot still bears the serial it wanted; the host makes the slot
//! unreadable and then looks whether anyone counted a reference. Between the two steps
//! each side has a sequentially consistent fence (`SYNC(hold)`). One of the two fences is
//! first in their total order, and the side whose fence is second sees the other's store:
//! either the client sees serial 0 and takes its reference back, or the host sees the
//! reference and leaves the slot alone. Both may see each other's; both missing each
//! other's is impossible. This is the argument of hazard pointers.
//!
//! A released frame is reclaimed with all reads of it finished: the decrement releases,
//! the host's read of the count acquires (`SYNC(release)`). A reader that learnt of a
//! serial from `head` sees that serial's descriptor: head's store releases, its load
//! acquires (`SYNC(publish)`).
//!
//! *No wake-up is lost* by the same argument with other words: the host bumps the wake
//! word, fences, and reads `waiting`; a client writes `waiting`, fences, and reads the
//! wake word once more (`SYNC(sleep)`).
//!
//! *A host that waits is woken* by the same argument again: the host writes `waits`, fences, and
//! looks at the references; a client gives its reference back, fences, and reads `waits` (`SYNC(wait)`).
//!
//! *No honest client holds too much*: what it has on unreadable slots is added up slot by slot, and
//! still is never more than it held at one moment (`SYNC(limit)`, in `publisher`).
//!
//! Every claim has a model in `loom_*.rs` and every model fails when its fence is taken out.

pub mod cells;
pub mod descriptor;
pub mod layout;
pub mod publisher;
pub mod reader;
#[cfg(all(target_os = "linux", not(loom)))]
pub mod segment;
pub mod wake;

#[cfg(all(test, loom))]
mod loom_hold;
#[cfg(all(test, loom))]
mod loom_limit;
#[cfg(all(test, loom))]
mod loom_one_by_one;
#[cfg(all(test, loom))]
mod loom_wake;
#[cfg(any(test, loom))]
#[cfg_attr(loom, allow(dead_code, reason = "each model uses its part"))]
#[doc(hidden)]
pub mod mock;
#[cfg(all(test, tsan))]
mod race;
#[cfg(all(test, not(loom)))]
mod tests;

pub use descriptor::{Flags, FrameDescriptor, MAX_PLANES, PlaneDescriptor};
pub use layout::{MAX_SLOTS, MIN_SLOTS, RingLayout};
