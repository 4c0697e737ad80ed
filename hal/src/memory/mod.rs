//! Memory behind file descriptors, and access to it.
//!
//! - [`memfd`]: anonymous files of sealed size, which rings and leases are made of.
//! - [`heap`]: dma-heaps, memory for devices, by name.
//! - [`udmabuf`]: a dma-buf made of a memfd's pages.
//! - [`allocate`]: the best of these that a machine has, and why.
//! - [`dmabuf`]: the CPU's access to a shared buffer, its name, identity and fences.
//! - [`sync_file`]: a fence as a descriptor: its status, and waiting for it.
//! - [`physical`]: physical addresses, where the kernel exposes them.
//! - [`kind`]: which of these a descriptor is, determined without blocking.
//! - [`mapping`]: shared mappings of files and devices, unmapped on drop.
//! - [`Mapped`]: such a mapping with guards that bracket access by the CPU.

pub mod allocate;
pub mod dmabuf;
mod error;
pub mod heap;
pub mod kind;
mod mapped;
pub mod mapping;
pub mod memfd;
pub mod physical;
pub mod sync_file;
pub mod udmabuf;

pub use allocate::{Allocation, Allocator, Origin};
pub use dmabuf::{CpuAccess, Identity, SyncAccess};
pub use error::MemoryError;
pub use heap::DmaHeap;
pub use mapped::{Mapped, ReadGuard, WriteGuard};
pub use mapping::{Access, Mapping};
pub use physical::physical_address;
pub use udmabuf::Udmabuf;
