//! A host with one buffer, and frames to publish.

use std::thread;

use videostream::hal::memory::allocate::Allocator;
use videostream::hal::ring::{FrameDescriptor, PlaneDescriptor};
use videostream::hal::time::now_ns;
use videostream::share::ClientBuilder;
use videostream::{Client, Host};

/// Number of frames to keep published in addition to those that clients hold.
const KEEP: u32 = 8;
/// The sequence of the last frame of a batch.
pub(crate) const LAST: u64 = u64::MAX;

/// A host of this process.
pub(crate) struct Publisher {
    pub(crate) host: Host,
    frame: FrameDescriptor,
    keep: u32,
    path: String,
}

impl Publisher {
    /// Serves small frames under a name that contains `name`, to up to `clients` clients that each
    /// hold one.
    pub(crate) fn new(name: &str, clients: u32) -> Self {
        Self::with(name, (64, 64), clients + 2 * KEEP, clients + KEEP)
    }

    /// Serves NV12 frames of `width` x `height`, at most `lend` outstanding, of which `keep` stay
    /// published.
    pub(crate) fn with(name: &str, (width, height): (u32, u32), lend: u32, keep: u32) -> Self {
        let path = format!("videostream-bench-{}-{name}", std::process::id());
        let mut host = Host::builder(&path).max_outstanding(lend).bind().unwrap();
        let size = width * height * 3 / 2;
        let memory = Allocator::memfd_only().allocate(size.into()).unwrap();
        let buffer = host.register(memory.fd, size.into()).unwrap();
        let mut frame = FrameDescriptor {
            fourcc: u32::from_le_bytes(*b"NV12"),
            width,
            height,
            bytes_used: size,
            plane_count: 2,
            ..FrameDescriptor::default()
        };
        let luma = width * height;
        for (plane, (offset, size)) in [(0, luma), (luma, luma / 2)].into_iter().enumerate() {
            frame.planes[plane] = PlaneDescriptor {
                buffer,
                offset,
                stride: width,
                size,
            };
        }
        Self {
            host,
            frame,
            keep,
            path,
        }
    }

    /// Returns the name of its socket.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Publishes a frame as a host does: publish, wake, and reclaim free slots.
    #[inline]
    pub(crate) fn publish(&mut self) {
        self.host.publish(&self.frame).unwrap();
        self.host.reclaim(self.keep, |slot| {
            std::hint::black_box(slot);
        });
    }

    /// Publishes a frame that carries the time; returns its serial and the time taken.
    #[inline]
    pub(crate) fn publish_stamped(&mut self, last: bool) -> (u64, u64) {
        let begin = now_ns();
        self.frame.published_ns = begin;
        self.frame.sequence = if last { LAST } else { 0 };
        self.publish();
        (self.host.head(), now_ns() - begin)
    }

    /// Serves until `clients` are attached.
    pub(crate) fn wait_for(&mut self, clients: usize) {
        while self.host.clients().count() < clients {
            self.host.process().unwrap();
            thread::yield_now();
        }
    }

    /// Connects a client in this process.
    pub(crate) fn connect(&mut self, set: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Client {
        let builder = set(Client::builder(&self.path));
        let connecting = thread::spawn(move || builder.connect());
        while !connecting.is_finished() {
            self.host.process().unwrap();
            thread::yield_now();
        }
        connecting.join().unwrap().unwrap()
    }
}
