//! Devices, memory and frame rings for video on Linux: `no_std`, no allocation, no thread.
//!
//! | module | what it holds |
//! |---|---|
//! | [`codec`] | encoders, decoders and converters that work from memory to memory |
//! | [`format`] | pixel formats and how their planes lie in memory |
//! | [`hantro`] | the raw nodes of the Hantro codecs of i.MX8M |
//! | [`media`] | the media controller: sensors, blocks and links behind video nodes; sub-devices |
//! | [`memory`] | memory with a file descriptor: dma-heap, udmabuf, sealed memfd; mappings |
//! | [`ring`] | the frame ring: one host publishes, many processes hold frames, no lock |
//! | [`sync`] | the atomics of shared memory, exchangeable for the model checker's |
//! | [`time`] | `CLOCK_MONOTONIC` in nanoseconds |
//! | [`v4l2`] | V4L2 devices, queues, controls, cameras |
//!
//! System calls go through `rustix`. Modules that make them exist on Linux only; the
//! rest builds for any target with 64-bit atomics, which shows that it needs only `core`.

#![no_std]

#[cfg(any(test, loom))]
extern crate std;

#[cfg(all(target_os = "linux", not(loom)))]
pub mod codec;
pub mod format;
#[cfg(all(target_os = "linux", not(loom)))]
pub mod hantro;
#[cfg(all(target_os = "linux", not(loom)))]
pub mod media;
#[cfg(all(target_os = "linux", not(loom)))]
pub mod memory;
#[cfg(all(target_os = "linux", not(loom)))]
mod request;
pub mod ring;
pub mod sync;
#[cfg(target_os = "linux")]
pub mod time;
#[cfg(all(target_os = "linux", not(loom)))]
pub mod v4l2;
