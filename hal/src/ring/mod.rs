//! The frame ring: one host publishes frames, many processes read them, without locks.
//!
//! # Parts
//!
//! - [`layout`]: offsets in the control segment and the lease page.
//! - [`descriptor`]: how a slot describes its frame.
//! - [`cells`]: the shared words as traits, so that one algorithm serves real memory and
//!   the model checker.
//! - [`publisher`]: the host's side: publish, retire, reclaim.
//! - [`reader`]: a client's side: hold, read, release.
//! - [`wake`]: sleeping without missing a frame.
//! - `segment`: the words in memfds that host and clients map.
//!
//! # Guarantees, and why they hold
//!
//! *No slot is rewritten while a client holds it.* A client counts its reference and then checks
//! that the slot's state is still the serial it wanted. The host marks the slot as draining (its
//! state becomes `serial | DRAINING`, which no client accepts) and then looks for references.
//! Between the two steps each side has a sequentially consistent fence (`SYNC(hold)`). One of the
//! two fences is first in their total order, and the side whose fence is second sees the other's
//! store: either the client sees a state other than the serial (DRAINING, or 0 or a later serial if
//! the slot has been freed or reused since) and takes its reference back, or the host sees the
//! reference and leaves the slot draining. Both may see each other's store, but they cannot both
//! miss it. This is the argument of hazard pointers.
//!
//! A released frame is reclaimed with all reads of it finished: the decrement releases, the host's
//! read of the count acquires (`SYNC(release)`). A reader that loads a serial from `head` sees that
//! serial's descriptor: head's store releases, its load acquires (`SYNC(publish)`).
//!
//! *No wake-up is lost* by the same argument applied to other words: the host bumps the wake word,
//! fences, and reads `waiting`; a client writes `waiting`, fences, and reads the wake word once
//! more (`SYNC(sleep)`).
//!
//! *A host that waits is woken* by the same argument again: the host writes `waits`, fences, and
//! reads the references; a client releases its reference, fences, and reads `waits` (`SYNC(wait)`).
//!
//! *No honest client exceeds its limit*: its references to unreadable slots are added up slot by
//! slot, yet the sum is never more than the client held at one moment (`SYNC(limit)`, in
//! `publisher`).
//!
//! Each guarantee has a model in `loom_*.rs`, and each model fails when its fence is removed.

pub mod cells;
pub mod descriptor;
mod error;
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
pub use error::RingError;
pub use layout::{MAX_SLOTS, MIN_SLOTS, RingLayout};
