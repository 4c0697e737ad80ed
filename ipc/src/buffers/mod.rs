//! Which buffers there are, which of them a client has been sent, and which it keeps.
//!
//! # The claim, and why it holds
//!
//! *A client that holds a frame finds every buffer that the frame names.* Three orders
//! carry it:
//!
//! - The host puts a buffer into the client's socket before it publishes the first frame in
//!   it. Whoever has read the frame's serial therefore finds the message in the socket, or
//!   its own process has taken it from there.
//! - Messages are taken from the socket and taken in by one thread at a time ([`find`] is
//!   called with the table locked), so that no thread looks into an empty socket while
//!   another has the message in its hands.
//! - A buffer that is retired, or makes room for another, stays with everybody until no slot
//!   names it any more: neither one that can be read nor one that a client holds
//!   (`Registry::sweep`). That a holder is seen is the ring's own argument.
//!
//! A fence is a buffer of no bytes that is retired as soon as its frame is published: the third
//! order keeps it as long as somebody can wait for it, and no longer. A client that holds no
//! frames for a while is not sent the fences of those that it lets pass ([`Sent::Later`]); it then
//! finds one missing at most once, and the next is there.
//!
//! A place in a client's table is free before the host fills it anew, because the host says
//! what is gone before it says what is new.
//!
//! Everything here is pure: `loom_meet.rs` and `loom_retire.rs` run it against the ring.

pub(crate) mod ledger;
pub(crate) mod registry;
pub mod table;

#[cfg(all(test, loom))]
mod loom_meet;
#[cfg(all(test, loom))]
mod loom_retire;
#[cfg(all(test, loom))]
mod loom_sides;

pub(crate) use ledger::Ledger;
pub(crate) use registry::Registry;
pub use table::{Table, find};

/// What came of sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It is in the peer's queue.
    Yes,
    /// The peer has not read what was sent before; nothing was sent.
    QueueFull,
    /// Too many descriptors of this user are on their way, to whomever; nothing was sent.
    TooManyInFlight,
    /// The peer has been sent as many fences as it may leave unread; nothing was sent.
    Later,
}
