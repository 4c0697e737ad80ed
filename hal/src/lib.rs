//! Video devices, memory and frame rings on Linux: `no_std`, no allocation, no threads.
//!
//! ```no_run
//! use videostream_hal::format::{FourCc, Layout};
//! use videostream_hal::memory::allocate::Allocator;
//! use videostream_hal::v4l2::{BufType, Device};
//!
//! // The formats and sizes of a camera. Some drivers list no sizes.
//! let device = Device::open("/dev/video0")?;
//! let formats = device.formats(BufType::VideoCapture);
//! let fourccs = formats.map(|format| format.map(|format| format.fourcc));
//! let sizes = device.sizes(FourCc::NV12).collect::<Result<Vec<_>, _>>()?;
//! println!("{:?} {sizes:?}", fourccs.collect::<Result<Vec<_>, _>>()?);
//!
//! // Memory for a picture, to be shared with other processes and devices.
//! let layout = Layout::new(FourCc::NV12, 1280, 720)?;
//! let buffer = Allocator::new().allocate(layout.size.into())?;
//! assert!(buffer.len_bytes >= 1280 * 720 * 3 / 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`v4l2`] has an example of capture, [`codec`] one of encoding.
//!
//! | module | contents |
//! |---|---|
//! | [`bits`] | sets of small numbers as bitmaps |
//! | [`codec`] | encoders, decoders and converters that work from memory to memory |
//! | [`format`] | pixel formats and how their planes lie in memory |
//! | [`hantro`] | the raw nodes of the Hantro codecs of i.MX8M |
//! | [`media`] | the media controller: sensors, blocks and links behind video nodes; sub-devices |
//! | [`memory`] | memory with a file descriptor: dma-heap, udmabuf, sealed memfd; mappings |
//! | [`ring`] | the frame ring: one host publishes, many processes hold frames, no lock |
//! | [`sequence`] | sequence numbers of frames, and the frames lost between them |
//! | [`sync`] | the atomics of shared memory, replaced by the model checker's in models |
//! | [`time`] | `CLOCK_MONOTONIC` in nanoseconds |
//! | [`v4l2`] | V4L2 devices, queues, controls, cameras |
//!
//! System calls go through `rustix`. Modules that make them are for Linux only; the others need
//! only `core` and build for any target with 64-bit atomics.

#![no_std]

#[cfg(any(test, loom))]
extern crate std;

pub mod bits;
mod call;
#[cfg(all(target_os = "linux", not(loom)))]
pub mod codec;
#[cfg(all(target_os = "linux", not(loom)))]
mod error;
pub mod format;
#[cfg(all(target_os = "linux", not(loom)))]
pub mod hantro;
#[cfg(all(target_os = "linux", not(loom)))]
mod kind;
#[cfg(all(target_os = "linux", not(loom)))]
pub mod media;
#[cfg(all(target_os = "linux", not(loom)))]
pub mod memory;
#[cfg(all(target_os = "linux", not(loom)))]
mod request;
pub mod ring;
#[cfg(all(target_os = "linux", not(loom)))]
mod scan;
pub mod sequence;
pub mod sync;
#[cfg(target_os = "linux")]
pub mod time;
#[cfg(all(target_os = "linux", not(loom)))]
pub mod v4l2;

pub use call::Call;
#[cfg(all(target_os = "linux", not(loom)))]
pub use error::{Error, ErrorKind};
