//! Frames of one plane in one buffer.

#![allow(dead_code, reason = "each test program uses a part of it")]

use videostream::Host;
use videostream::hal::memory::allocate::Allocator;
use videostream::hal::ring::{FrameDescriptor, PlaneDescriptor};

/// A frame whose plane is the first `size` bytes of `buffer`.
pub(crate) fn frame(buffer: u32, size: u32) -> FrameDescriptor {
    let mut frame = FrameDescriptor {
        plane_count: 1,
        ..FrameDescriptor::default()
    };
    frame.planes[0] = PlaneDescriptor {
        buffer,
        size,
        ..PlaneDescriptor::default()
    };
    frame
}

/// A host that lends so many slots, with a buffer of 4096 bytes and the frame that lies in it.
pub(crate) fn host(path: &str, lend: u32) -> (Host, FrameDescriptor) {
    let mut host = Host::builder(path).max_outstanding(lend).bind().unwrap();
    let memory = Allocator::memfd_only().allocate(4096).unwrap().fd;
    let buffer = host.register(memory, 4096).unwrap();
    (host, frame(buffer, 4096))
}
