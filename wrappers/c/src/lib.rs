//! `libvideostream`: the C interface of the 2.x library on this one.
//!
//! | module | content |
//! |---|---|
//! | [`exports`] | the functions of `include/videostream.h`, each with one call inward |
//! | `boundary` | catches panics and turns failures into `errno`, around each function |
//! | [`frame`] | frames: shape, memory, mapping |
//! | [`camera`] | cameras and their buffers |
//! | [`host`] | shares frames, and ends them after their expiry |
//! | [`client`] | waits for a host's frames |
//! | `codecs` | choice of codec and backend |
//! | [`encoder`], [`decoder`] | frames to byte streams and back |
//! | [`discovery`] | lists of video devices |
//!
//! `docs/c-api.md` lists the functions and the differences from the 2.x library.

#![cfg(target_os = "linux")]

mod boundary;
pub mod camera;
pub mod client;
mod codecs;
pub mod decoder;
pub mod discovery;
pub mod encoder;
mod error;
pub mod exports;
pub mod frame;
pub mod host;

/// The release whose interface this is.
pub const VERSION: &core::ffi::CStr = c"2.6.0";
