//! Registered buffers, the record of those sent to a client, and the client's table of them.
//!
//! # The claim and its proof
//!
//! *A client that holds a frame finds every buffer that the frame names.* Three orderings ensure
//! this:
//!
//! - The host sends a buffer to the client's socket before it publishes the first frame in it. A
//!   thread that has read the frame's serial therefore finds the message in the socket, unless
//!   another thread of its process has already received it.
//! - Messages are received and applied by one thread at a time ([`find`] is called with the table
//!   locked), so that no thread finds the socket empty while another has received the message but
//!   not applied it.
//! - A buffer that is unregistered, or makes room for another, stays on both sides until no slot
//!   names it any more, readable or held. The ring's own proof shows that the host sees every hold.
//!
//! A fence is a buffer of size 0 that is unregistered as soon as its frame is published: the
//! third ordering keeps it exactly as long as a client can wait for it. A client that holds no
//! frames for a while is not sent the fences of the frames it skips ([`Sent::Later`]); it then
//! misses a fence at most once.
//!
//! A client's table has room for each new buffer, because the host announces removed buffers before
//! new ones.
//!
//! Nothing here makes a system call: `loom_meet.rs` and `loom_retire.rs` check it with the ring.

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

/// The outcome of sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The message is in the peer's queue.
    Yes,
    /// The peer's queue is full of unread messages; nothing was sent.
    QueueFull,
    /// Too many descriptors sent by this user's processes are unread; nothing was sent.
    TooManyInFlight,
    /// The peer has as many unread fences as it may have; nothing was sent.
    Later,
}
