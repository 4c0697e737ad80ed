//! Memory shared by the bench and its peers: commands, results, and the words that the floors
//! use.

#![expect(unsafe_code, reason = "a view of shared memory as atomics")]

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use rustix::thread::futex;
use videostream::hal::memory::{Access, Mapping, memfd};
use videostream::hal::time::now_ns;

/// The most peers at once: three kinds, each with as many as a host accepts.
pub(crate) const PEERS: usize = 3 * 64;

/// A separate cache line, as in the ring.
#[repr(C, align(64))]
pub(crate) struct Line<T>(pub(crate) T);

/// What a peer has seen.
#[repr(C)]
pub(crate) struct Seen {
    /// The last serial, written after everything else.
    pub(crate) serial: AtomicU64,
    /// Time between publishing and seeing it, in nanoseconds.
    pub(crate) latency_ns: AtomicU64,
}

/// The data of a frame without the library: one cache line.
#[repr(C)]
pub(crate) struct Bare {
    pub(crate) serial: AtomicU64,
    pub(crate) published_ns: AtomicU64,
    /// 1 for the last of a batch.
    pub(crate) last: AtomicU64,
}

/// The shared words, initially all zero.
#[repr(C)]
pub(crate) struct Board {
    /// Futex word of the bare futex floor.
    pub(crate) wake: Line<AtomicU32>,
    pub(crate) bare: Line<Bare>,
    /// Per peer: 1 while it may run.
    pub(crate) go: [Line<AtomicU32>; PEERS],
    pub(crate) seen: [Line<Seen>; PEERS],
}

impl Board {
    /// Creates a board and its file, which peers open through this process.
    pub(crate) fn create() -> (&'static Self, OwnedFd) {
        let fd = memfd::create(c"bench-board", size_of::<Self>()).unwrap();
        (Self::map(&fd), fd)
    }

    /// Returns the path at which peers find the board of this process.
    pub(crate) fn path(fd: &OwnedFd) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), fd.as_raw_fd())
    }

    /// Opens the board of another process.
    pub(crate) fn open(path: &str) -> &'static Self {
        let file = File::options().read(true).write(true).open(path).unwrap();
        Self::map(&OwnedFd::from(file))
    }

    /// Publishes the next serial in the bare words; returns it.
    #[inline]
    pub(crate) fn publish_bare(&self, last: bool) -> u64 {
        let bare = &self.bare.0;
        let serial = bare.serial.load(Ordering::Relaxed) + 1;
        bare.last.store(last.into(), Ordering::Relaxed);
        bare.published_ns.store(now_ns(), Ordering::Relaxed);
        bare.serial.store(serial, Ordering::Release);
        serial
    }

    /// Publishes in the bare words and wakes all that sleep on them; returns the serial.
    #[inline]
    pub(crate) fn publish_futex(&self) -> u64 {
        let serial = self.publish_bare(false);
        let wake = &self.wake.0;
        wake.fetch_add(1, Ordering::Release);
        futex::wake(wake, futex::Flags::empty(), i32::MAX as u32).unwrap();
        serial
    }

    fn map(fd: &OwnedFd) -> &'static Self {
        let mapping = Mapping::new(fd, size_of::<Self>(), Access::ReadWrite).unwrap();
        let board = mapping.as_ptr().cast::<Self>();
        // For as long as the process lives.
        std::mem::forget(mapping);
        // SAFETY: mapped for good, page aligned and of this size; every field is an atomic, for
        // which any bytes are valid.
        unsafe { &*board }
    }
}
