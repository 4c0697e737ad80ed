//! How one host shares its frame ring with many client processes: `no_std`, no
//! allocation, no thread, nothing per frame but atomics.
//!
//! A client connects to the host's `AF_UNIX` `SOCK_SEQPACKET` socket and gets, once, the
//! control segment, a lease page of its own, an event descriptor and the buffers, all as
//! descriptors. From then on frames are held and released in shared memory; the socket
//! says who lives, which buffers exist, and goodbye.
//!
//! | module | what it holds |
//! |---|---|
//! | [`wire`] | the messages, as plain bytes, and their checks |
//! | [`error`] | what can go wrong, and whether to try again |
//! | `buffers` | which buffers there are, who has been sent them, and how they are found |
//! | `address` | socket names: files and abstract ones |
//! | `socket` | sending and receiving messages with descriptors |
//! | `trust` | whose memory is shared although it can be cut short |
//! | `host` | the host: accepts clients, publishes, reclaims |
//! | `client` | the client: connects, holds, waits |
//!
//! Everything from the other side is checked before use. A wrong value ends that
//! connection with an [`Error`] that names it, and nothing else.

#![no_std]

#[cfg(test)]
extern crate std;

#[cfg(all(target_os = "linux", not(loom)))]
pub mod address;
#[cfg(any(all(target_os = "linux", not(loom)), test))]
pub mod buffers;
#[cfg(all(target_os = "linux", not(loom)))]
pub mod client;
#[cfg(all(target_os = "linux", not(loom)))]
mod credentials;
#[cfg(all(target_os = "linux", not(loom)))]
pub mod error;
#[cfg(all(target_os = "linux", not(loom)))]
pub mod host;
#[cfg(all(target_os = "linux", not(loom)))]
mod listen;
#[cfg(all(target_os = "linux", not(loom)))]
pub mod socket;
#[cfg(all(target_os = "linux", not(loom)))]
mod trust;
pub mod wire;

#[cfg(all(target_os = "linux", not(loom)))]
pub use error::{Advice, Error};
pub use wire::{Goodbye, Mode, Refusal};

/// Most clients of one host.
pub const MAX_CLIENTS: usize = 64;
/// Most bytes of a codec's parameter sets.
pub const MAX_PARAMETERS: usize = 65536;
/// Most buffers registered at a host at once.
pub const MAX_BUFFERS: usize = 64;
