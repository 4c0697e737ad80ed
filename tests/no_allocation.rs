//! No heap allocation per frame: neither in a client, nor in a host, nor in a stream.
//!
//! Allocations are counted per thread, so that tests in parallel do not see each other's.

mod one_plane;

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use one_plane::host;
use videostream::hal::format::FourCc;
use videostream::hal::memory::allocate::Allocator;
use videostream::hal::ring::FrameDescriptor;
use videostream::hal::time::deadline_in;
use videostream::share::ClientBuilder;
use videostream::{Client, FrameRate, Host, Mode, PatternSource, Stream, TestPattern, pattern};
use videostream_testing::TIMEOUT;
use videostream_testing::counting::{Counting, calls};

/// Frames that each test counts over.
const FRAMES: u64 = 1000;

#[global_allocator]
static COUNTING: Counting = Counting;

fn name(test: &str) -> String {
    format!("videostream-no-allocation-{}-{test}", std::process::id())
}

/// Connects while `serve` lets the host answer.
fn connect(builder: ClientBuilder, mut serve: impl FnMut()) -> Client {
    let builder = builder.connect_timeout(TIMEOUT);
    let connecting = thread::spawn(move || builder.connect());
    while !connecting.is_finished() {
        serve();
        thread::yield_now();
    }
    connecting.join().unwrap().unwrap()
}

fn publish(host: &mut Host, frame: &FrameDescriptor) {
    host.publish(frame).unwrap();
    host.reclaim(4, |slot| {
        black_box(slot);
    });
}

#[test]
fn the_counter_counts() {
    assert_eq!(calls(|| drop(black_box(Box::new(1)))), 2);
    let mut list = Vec::with_capacity(1);
    list.push(1);
    assert_eq!(calls(|| list.reserve_exact(black_box(100))), 1);
}

#[test]
fn publishing_and_holding_allocate_nothing() {
    let path = name("hold");
    let (mut host, frame) = host(&path, 8);
    for mode in [Mode::Newest, Mode::Every] {
        let mut client = connect(Client::builder(&path).mode(mode), || {
            host.process().unwrap();
        });
        let (mut publishing, mut holding) = (0, 0);
        for at in 0..=FRAMES {
            let published = calls(|| publish(&mut host, &frame));
            let held = calls(|| {
                let frame = client.try_next().unwrap().expect("it was published");
                black_box(frame.pixels().unwrap().plane(0)[0]);
            });
            // The first frame maps its buffer.
            if at > 0 {
                publishing += published;
                holding += held;
            }
        }
        assert_eq!(publishing, 0, "Host::publish and reclaim, {mode:?}");
        assert_eq!(holding, 0, "Client::try_next and drop, {mode:?}");
        drop(client);
        host.process().unwrap();
    }
}

#[test]
fn waiting_for_frames_allocates_nothing_on_either_side() {
    static SEEN: AtomicU64 = AtomicU64::new(0);
    let path = name("wait");
    let (mut host, frame) = host(&path, 8);
    let mut client = connect(Client::builder(&path).mode(Mode::Every), || {
        host.process().unwrap();
    });
    let reader = thread::spawn(move || {
        drop(client.next(TIMEOUT).unwrap());
        SEEN.store(1, Ordering::Release);
        calls(|| {
            for serial in 2..=FRAMES {
                let frame = client.next(TIMEOUT).unwrap();
                assert_eq!(frame.serial(), serial);
                drop(frame);
                SEEN.store(serial, Ordering::Release);
            }
        })
    });
    let publishing = calls(|| {
        for serial in 1..=FRAMES {
            publish(&mut host, &frame);
            while SEEN.load(Ordering::Acquire) < serial && !reader.is_finished() {
                thread::yield_now();
            }
            // Time to fall asleep, now and then.
            if serial % 10 == 0 {
                thread::sleep(Duration::from_micros(200));
            }
        }
    });
    assert_eq!(reader.join().unwrap(), 0, "Client::next and drop");
    assert_eq!(publishing, 0, "Host::publish and reclaim with a sleeper");
    assert!(host.stats().futex_wakes > 0, "the client never slept");
}

#[test]
fn a_stream_in_its_stride_allocates_nothing() {
    let path = name("stream");
    let rate = FrameRate::fps(2000).unwrap();
    let pattern = TestPattern::new(FourCc::NV12, 320, 240, rate).unwrap();
    let source = PatternSource::with_allocator(pattern, 6, &Allocator::memfd_only()).unwrap();
    let mut stream = Stream::new(Host::builder(&path), source).unwrap();
    let mut client = connect(Client::builder(&path), || {
        stream.step(deadline_in(1_000_000)).unwrap();
    });
    let reader = thread::spawn(move || {
        let mut steady = 0;
        for at in 0..FRAMES / 2 {
            let calls = calls(|| {
                let frame = client.next(TIMEOUT).unwrap();
                let pixels = frame.pixels().unwrap();
                let number = pattern::verify(&pixels.picture().unwrap()).unwrap();
                assert_eq!(number, frame.sequence());
            });
            // By then all buffers have been mapped.
            if at >= 100 {
                steady += calls;
            }
        }
        steady
    });
    // Until every buffer has been out once.
    for _ in 0..20 {
        stream.step(u64::MAX).unwrap();
    }
    let before = stream.host().head();
    let calls = calls(|| {
        while stream.host().head() < before + FRAMES || !reader.is_finished() {
            stream.step(u64::MAX).unwrap();
        }
    });
    assert_eq!(calls, 0, "Stream::step");
    assert_eq!(reader.join().unwrap(), 0, "a client that reads every pixel");
}
