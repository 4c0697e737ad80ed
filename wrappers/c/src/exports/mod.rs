//! The functions of `include/videostream.h`.
//!
//! Objects are passed as `Option<&T>`, which is a nullable pointer in C. As the header says, the C
//! caller ensures that a pointer is NULL or an object of the library that was not released, and
//! that one thread at a time uses a frame.

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
