//! The functions of `include/videostream.h`.
//!
//! Objects come as `Option<&T>`, which is a pointer that may be NULL to C. That a pointer is
//! NULL or an object of the library that was not released, and that one thread at a time
//! uses a frame, is the C caller's duty, as the header says.

pub mod additions;
pub mod camera;
pub mod client;
pub mod core;
pub mod decoder;
pub mod discovery;
pub mod encoder;
pub mod frame;
pub mod host;
pub mod rect;
