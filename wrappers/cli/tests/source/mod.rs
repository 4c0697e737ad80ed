//! A host that plays a source of certain frames.

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

/// Most frames of a source: all stay where they are, so that none is missed.
pub(crate) const MOST: usize = 60;

/// A frame to be shared.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) fourcc: FourCc,
    pub(crate) bytes: Vec<u8>,
    pub(crate) timestamp_ns: u64,
    pub(crate) flags: Flags,
}

impl Shared {
    pub(crate) fn new(fourcc: FourCc, bytes: &[u8], timestamp_ns: u64) -> Self {
        Self {
            fourcc,
            bytes: bytes.to_vec(),
            timestamp_ns,
            flags: Flags::empty(),
        }
    }

    /// A grey picture of 320x240.
    pub(crate) fn grey(timestamp_ns: u64) -> Self {
        let layout = Layout::new(FourCc::YU12, 320, 240).unwrap();
        let bytes = vec![128; layout.size as usize];
        Self::new(FourCc::YU12, &bytes, timestamp_ns)
    }

    pub(crate) fn damaged(self) -> Self {
        let flags = Flags::CORRUPTED;
        Self { flags, ..self }
    }
}

/// Shares these frames, of 320x240, with the first client while `during` runs, which gives what comes of it. The
/// source says 30 frames a second.
pub(crate) fn share<T: Send>(
    socket: &str,
    frames: &[Shared],
    during: impl FnOnce() -> T + Send,
) -> T {
    assert!(frames.len() <= MOST);
    let mut host = Host::builder(socket).lend(MOST as u32).bind().unwrap();
    let mut descriptors = Vec::new();
    for (frame, number) in frames.iter().zip(0..) {
        // What an earlier, larger frame has left behind.
        let len = frame.bytes.len() as u64 + 5000;
        let fd = Allocator::memfd_only().allocate(len).unwrap().fd;
        let file = File::from(fd.as_fd().try_clone_to_owned().unwrap());
        file.write_all_at(&frame.bytes, 0).unwrap();
        let buffer = host.register(fd, len).unwrap();
        descriptors.push(describe(frame, number, buffer, len as u32));
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

fn describe(frame: &Shared, number: u64, buffer: u32, len: u32) -> FrameDescriptor {
    let mut to = FrameDescriptor {
        sequence: number,
        timestamp_ns: frame.timestamp_ns,
        duration_ns: 33_333_333,
        fourcc: frame.fourcc.0,
        width: 320,
        height: 240,
        bytes_used: frame.bytes.len() as u32,
        flags: frame.flags.bits(),
        plane_count: 1,
        ..Default::default()
    };
    to.planes[0] = PlaneDescriptor {
        buffer,
        size: len,
        ..Default::default()
    };
    if frame.fourcc == FourCc::YU12 {
        let layout = Layout::new(frame.fourcc, to.width, to.height).unwrap();
        to.plane_count = layout.planes().len() as u32;
        for (to, plane) in to.planes.iter_mut().zip(layout.planes()) {
            *to = PlaneDescriptor {
                buffer,
                offset: plane.offset,
                stride: plane.stride,
                size: plane.size,
            };
        }
    }
    to
}
