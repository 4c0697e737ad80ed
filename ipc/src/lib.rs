//! Shares one host's frame ring with client processes: `no_std`, no allocation, no threads. A
//! frame costs a few atomic operations.
//!
//! ```no_run
//! use videostream_hal::memory::memfd;
//! use videostream_hal::ring::{FrameDescriptor, PlaneDescriptor};
//! use videostream_ipc::address::Address;
//! use videostream_ipc::client::{self, Client};
//! use videostream_ipc::host::{self, Host};
//!
//! fn host() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut host = Host::bind(Address::new(b"/tmp/camera")?, host::Config::default(), 7)?;
//!     let memory = memfd::create(c"frame", 4096)?;
//!     memfd::seal(&memory, memfd::FIXED_SIZE)?;
//!     let buffer = host.register(memory, 4096)?;
//!     let mut frame = FrameDescriptor { plane_count: 1, ..Default::default() };
//!     frame.planes[0] = PlaneDescriptor { buffer, size: 4096, ..Default::default() };
//!     loop {
//!         host.process()?; // accepts clients; call it when the host's descriptor is readable
//!         host.reclaim(1, |_slot| ()); // frees all but one frame that no client holds
//!         let (_slot, _serial) = host.publish(&frame)?;
//!     }
//! }
//!
//! fn client() -> Result<(), videostream_ipc::Error> {
//!     let address = Address::new(b"/tmp/camera")?;
//!     let config = client::Config::default();
//!     let client = Client::connect(&address, config, u64::MAX, |_buffer| Ok(()))?;
//!     let mut after = 0;
//!     loop {
//!         client.wait(after, u64::MAX)?;
//!         while let Some(frame) = client.hold(after)? {
//!             after = frame.descriptor.serial;
//!             client.release(frame.slot);
//!         }
//!         client.pump()?; // reads a message: a new buffer, or goodbye
//!     }
//! }
//! ```
//!
//! A client connects to the host's `AF_UNIX` `SOCK_SEQPACKET` socket and receives descriptors of
//! the control segment, of its own lease page, of an event and of the buffers. After that,
//! frames are held and released in shared memory. The socket announces new buffers, and hangs up
//! when the other side ends.
//!
//! | module | contents |
//! |---|---|
//! | [`wire`] | the messages, as plain bytes, and their checks |
//! | [`error`] | errors, and whether to retry after them |
//! | `buffers` | registered buffers: which clients have them, and how clients find them |
//! | `address` | socket names: files and abstract ones |
//! | `socket` | sending and receiving messages with descriptors |
//! | `host` | the host: accepts clients, publishes, reclaims |
//! | `client` | the client: connects, holds, waits |
//!
//! Everything that the other side sends is checked before use. A wrong value ends that connection
//! with an [`Error`] that names the value.

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

/// Maximum number of clients of a host. The host keeps them in the bits of a `u64`.
pub const MAX_CLIENTS: usize = 64;
/// Maximum size of a codec's parameter sets, in bytes.
pub const MAX_PARAMETERS: usize = 65536;
/// Maximum number of buffers registered with a host at once.
pub const MAX_BUFFERS: usize = 64;
