//! The same as `c` has, through the Rust API.

use std::thread;

use videostream::hal::ring::{FrameDescriptor, PlaneDescriptor};
use videostream::{Client, Host, Mode};

use crate::{BUFFERS, BYTES, SIDE, buffers, name};

/// Frames that can be out: as many as a host of C has.
const LEND: u32 = 1023;
/// Frames that a client may hold: as many as one of C.
const HOLD: u32 = 20;

/// A host and what it publishes.
pub(crate) struct Publisher {
    pub(crate) host: Host,
    frames: [FrameDescriptor; BUFFERS],
    next: usize,
}

impl Publisher {
    pub(crate) fn new(what: &str) -> Self {
        let mut host = Host::builder(name(what))
            .max_outstanding(LEND)
            .bind()
            .unwrap();
        let luma = SIDE * SIDE;
        let frames = buffers().map(|memory| {
            let buffer = host.register(memory, BYTES.into()).unwrap();
            let plane = |offset, size| PlaneDescriptor {
                buffer,
                offset,
                stride: SIDE,
                size,
            };
            let mut frame = FrameDescriptor {
                fourcc: u32::from_le_bytes(*b"NV12"),
                width: SIDE,
                height: SIDE,
                bytes_used: BYTES,
                plane_count: 2,
                ..FrameDescriptor::default()
            };
            frame.planes[0] = plane(0, luma);
            frame.planes[1] = plane(luma, luma / 2);
            frame
        });
        Self {
            host,
            frames,
            next: 0,
        }
    }

    #[inline]
    pub(crate) fn publish(&mut self) {
        self.host.publish(&self.frames[self.next]).unwrap();
        self.next = (self.next + 1) % BUFFERS;
    }
}

/// A client in this process of the host at `what`, which `process` lets in.
pub(crate) fn connect(what: &str, mut process: impl FnMut()) -> Client {
    let builder = Client::builder(name(what)).mode(Mode::Every).hold(HOLD);
    let connecting = thread::spawn(move || builder.connect());
    while !connecting.is_finished() {
        process();
        thread::yield_now();
    }
    connecting.join().unwrap().unwrap()
}
