//! The fuzz targets. Each is a `run` of a byte string that panics, hangs or crashes if the library
//! does something wrong.
//!
//! The root package's `tests/fuzz_seeds.rs` includes these files and runs the byte strings
//! of `seeds/`, so they depend on `videostream` and `rustix` only.

pub mod annex_b;
pub mod descriptors;
pub mod hostile_client;
pub mod hostile_host;
#[cfg(feature = "snapshot")]
pub mod jpeg;
#[cfg(feature = "record")]
pub mod mp4;
pub mod parameter_sets;
pub mod script;
pub mod wire;
#[cfg(feature = "record")]
pub mod y4m;
