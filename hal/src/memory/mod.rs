//! Memory with a file descriptor, and ways to look into it.
//!
//! - [`memfd`]: anonymous files whose size is sealed; what rings and leases are made of.
//! - [`mapping`]: a file's pages in this process, unmapped on drop.

pub mod mapping;
pub mod memfd;

pub use mapping::{Access, Mapping};
