//! Lost frames, by their cause.

use std::cell::Cell;
use std::os::fd::BorrowedFd;

use rustix::event::{PollFd, PollFlags};
use videostream_hal::format::{FourCc, Layout};
use videostream_hal::memory::allocate::Allocator;
use videostream_hal::ring::reader;
use videostream_hal::time::{deadline_in, poll_until};

use super::super::{Client, Host, HostBuilder, Mode, Policy};
use super::{WATCHDOG, name};
use crate::source::SourceFrame;
use crate::{FrameRate, PatternSource, Result, Source, Stream, TestPattern};

/// A pattern that draws a frame only when the test lets it, and can skip sequence numbers.
struct Jumping {
    inner: PatternSource,
    next: u64,
    lost: Cell<u64>,
    open: Cell<bool>,
}

impl Jumping {
    /// A stream of it, in six buffers.
    fn stream(host: HostBuilder) -> Stream<Self> {
        let rate = FrameRate::fps(1000).unwrap();
        let pattern = TestPattern::new(FourCc::YUYV, 128, 96, rate).unwrap();
        let source = Self {
            inner: PatternSource::with_allocator(pattern, 6, &Allocator::memfd_only()).unwrap(),
            next: 0,
            lost: Cell::new(0),
            open: Cell::new(false),
        };
        Stream::new(host, source).unwrap()
    }
}

fn publish(stream: &mut Stream<Jumping>) {
    stream.source().open.set(true);
    while stream.step(u64::MAX).unwrap().is_none() {}
    stream.source().open.set(false);
}

impl Source for Jumping {
    fn layout(&self) -> Layout {
        self.inner.layout()
    }
    fn buffer_count(&self) -> u32 {
        self.inner.buffer_count()
    }
    fn reserve(&self) -> u32 {
        self.inner.reserve()
    }
    fn buffer_fds(&self, index: u32) -> Vec<(BorrowedFd<'_>, u64)> {
        self.inner.buffer_fds(index)
    }
    fn due_ns(&self) -> Option<u64> {
        self.inner.due_ns().filter(|_| self.open.get())
    }
    fn take(&mut self) -> Result<Option<SourceFrame>> {
        if !self.open.get() {
            return Ok(None);
        }
        let Some(taken) = self.inner.take()? else {
            return Ok(None);
        };
        let sequence = self.next + self.lost.take();
        self.next = sequence + 1;
        Ok(Some(SourceFrame { sequence, ..taken }))
    }
    fn requeue(&mut self, index: u32) -> Result<()> {
        self.inner.requeue(index)
    }
}

/// Runs `act`, a client's part, while the host serves without publishing.
fn meanwhile<T: Send + 'static>(
    stream: &mut Stream<Jumping>,
    act: impl FnOnce() -> T + Send + 'static,
) -> T {
    let acting = std::thread::spawn(act);
    while !acting.is_finished() {
        assert_eq!(stream.step(deadline_in(1_000_000)).unwrap(), None);
    }
    acting.join().unwrap()
}

#[test]
fn drops_are_told_by_their_cause() {
    let path = name("drops");
    let mut stream = Jumping::stream(Host::builder(&path));
    let [mut slow, liar] = [(); 2].map(|()| {
        let builder = Client::builder(&path).connect_timeout(WATCHDOG);
        meanwhile(&mut stream, move || builder.connect().unwrap())
    });
    publish(&mut stream);
    drop(slow.next(WATCHDOG).unwrap());
    // The sensor loses two, the reader is late for three more.
    stream.source().lost.set(2);
    for _ in 0..4 {
        publish(&mut stream);
    }
    assert_eq!(slow.next(WATCHDOG).unwrap().missed(), 3);
    // A client that holds more than it announced exhausts the source's buffers: it is evicted, and
    // the frames lost meanwhile are counted for that cause.
    let (control, lease) = liar.ipc().ring();
    while stream.host().stats().evicted == 0 {
        let head = liar.ipc().head();
        assert!(head < 100, "no client is evicted");
        let _ = reader::try_hold(control, lease, head);
        publish(&mut stream);
    }
    stream.source().lost.set(5);
    publish(&mut stream);
    let (_slow, report) = meanwhile(&mut stream, move || {
        let report = slow.look(WATCHDOG).unwrap();
        (slow, report)
    });
    let host = &report.host;
    assert_eq!((host.sensor_drops, host.no_buffer_drops), (2, 5));
    assert_eq!((host.evicted, report.clients.len()), (1, 1));
    assert_eq!(report.clients[0].missed, 3);
}

#[test]
fn a_stream_hears_of_each_awaited_frame() {
    let path = name("starved");
    let mut stream = Jumping::stream(Host::builder(&path).policy(Policy::NeverDrop));
    let builder = Client::builder(&path).mode(Mode::Every);
    let builder = builder.connect_timeout(WATCHDOG);
    let mut client = meanwhile(&mut stream, move || builder.connect().unwrap());
    let is_told = |stream: &Stream<Jumping>| {
        let mut fds = [PollFd::new(stream.host(), PollFlags::IN)];
        poll_until(&mut fds, 0).unwrap()
    };
    let spare = stream.source().buffer_count() - stream.source().reserve();
    for _ in 0..spare {
        publish(&mut stream);
    }
    // There are enough buffers, so clients need not signal.
    let read = client.next(WATCHDOG).unwrap();
    assert!(!is_told(&stream));
    publish(&mut stream);
    assert!(!is_told(&stream));
    drop(read);
    assert!(is_told(&stream));
    assert_eq!(stream.step(0).unwrap(), None);
    assert_eq!(stream.host().stats().evicted, 0);
}
