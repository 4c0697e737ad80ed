//! `libvideostream`: the C interface of the 2.x library on this one.
//!
//! | module | what it holds |
//! |---|---|
//! | [`exports`] | the functions of `include/videostream.h`, each one call inward |
//! | `boundary` | what each of them goes through: panics stop, failures become `errno` |
//! | [`frame`] | frames: shape, memory, mapping |
//! | [`camera`] | cameras and their buffers |
//! | [`host`] | shares frames, ends them when they have expired |
//! | [`client`] | waits for a host's frames |
//! | `codecs` | which codec, on which hardware or none |
//! | [`encoder`], [`decoder`] | from frames to byte streams and back |
//! | [`discovery`] | lists of video devices |
//!
//! `docs/c-api.md` lists the functions that are there and what differs from before.

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
