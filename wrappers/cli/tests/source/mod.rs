//! A host that shares given frames.

#![allow(dead_code, reason = "each test program uses some of it")]

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::thread;
use std::time::Duration;

use videostream::Host;
use videostream::hal::format::{FourCc, Layout};
use videostream::hal::memory::allocate::Allocator;
use videostream::hal::ring::{Flags, FrameDescriptor, PlaneDescriptor};
use videostream::hal::time::now_ns;

/// Maximum frames of a source: all stay in the ring, so that none is missed.
pub(crate) const MOST: usize = 60;

/// A frame to be shared.
#[derive(Clone)]
pub(crate) struct Shared {
    layout: Layout,
    bytes: Vec<u8>,
    timestamp_ns: u64,
    flags: Flags,
    colorimetry: u32,
    sample_aspect: u32,
}

impl Shared {
    /// A compressed frame of 320x240.
    pub(crate) fn new(fourcc: FourCc, bytes: &[u8], timestamp_ns: u64) -> Self {
        // What an earlier, larger frame has left behind.
        let size = bytes.len() as u32 + 5000;
        let layout = Layout::opaque(fourcc, 320, 240, 0, size);
        Self::picture(layout, bytes, timestamp_ns)
    }

    /// A picture.
    pub(crate) fn picture(layout: Layout, bytes: &[u8], timestamp_ns: u64) -> Self {
        Self {
            layout,
            bytes: bytes.to_vec(),
            timestamp_ns,
            flags: Flags::empty(),
            colorimetry: 0,
            sample_aspect: 0,
        }
    }

    /// A grey picture of 320x240.
    pub(crate) fn grey(timestamp_ns: u64) -> Self {
        let layout = Layout::new(FourCc::YU12, 320, 240).unwrap();
        let bytes = vec![128; layout.size as usize];
        Self::picture(layout, &bytes, timestamp_ns)
    }

    /// The same, with colours by V4L2's numbers, and with the shape of samples, as a descriptor has
    /// them.
    pub(crate) fn shown(self, colorimetry: u32, sample_aspect: u32) -> Self {
        Self {
            colorimetry,
            sample_aspect,
            ..self
        }
    }

    pub(crate) fn damaged(self) -> Self {
        let flags = Flags::CORRUPTED;
        Self { flags, ..self }
    }
}

/// Shares these frames with the first client while `during` runs, and returns its result. The
/// source reports 30 frames per second.
pub(crate) fn share<T: Send>(
    socket: &str,
    frames: &[Shared],
    during: impl FnOnce() -> T + Send,
) -> T {
    assert!(frames.len() <= MOST);
    let mut host = Host::builder(socket)
        .max_outstanding(MOST as u32)
        .bind()
        .unwrap();
    let mut descriptors = Vec::new();
    for (frame, number) in frames.iter().zip(0..) {
        let len = u64::from(frame.layout.size);
        let fd = Allocator::memfd_only().allocate(len).unwrap().fd;
        let file = File::from(fd.as_fd().try_clone_to_owned().unwrap());
        file.write_all_at(&frame.bytes, 0).unwrap();
        let buffer = host.register(fd, len).unwrap();
        descriptors.push(describe(frame, number, buffer));
    }
    let mut left = descriptors.into_iter();
    thread::scope(|scope| {
        let running = scope.spawn(during);
        while !running.is_finished() {
            host.process().unwrap();
            if host.clients().count() > 0
                && let Some(frame) = left.next()
            {
                let published_ns = now_ns();
                let frame = FrameDescriptor {
                    published_ns,
                    ..frame
                };
                host.publish(&frame).unwrap();
            }
            thread::sleep(Duration::from_millis(2));
        }
        running.join().unwrap()
    })
}

fn describe(frame: &Shared, number: u64, buffer: u32) -> FrameDescriptor {
    let layout = &frame.layout;
    let mut to = FrameDescriptor {
        sequence: number,
        timestamp_ns: frame.timestamp_ns,
        duration_ns: 33_333_333,
        fourcc: layout.fourcc.0,
        width: layout.width,
        height: layout.height,
        bytes_used: frame.bytes.len() as u32,
        flags: frame.flags.bits(),
        colorimetry: frame.colorimetry,
        sample_aspect: frame.sample_aspect,
        plane_count: layout.planes().len() as u32,
        ..Default::default()
    };
    for (to, plane) in to.planes.iter_mut().zip(layout.planes()) {
        *to = PlaneDescriptor {
            buffer,
            offset: plane.offset,
            stride: plane.stride,
            size: plane.size,
        };
    }
    to
}
