//! Neither host nor client grows with frames or connections: heap, resident pages and descriptors
//! stay as they are after the first few.

mod one_plane;

use std::fs;
use std::thread;
use std::time::Duration;

use videostream::hal::ring::FrameDescriptor;
use videostream::{Client, Host, Mode};
use videostream_testing::counting::{self, Counting};

const FRAMES: u64 = 1_000_000;
const CONNECTS: u64 = 10_000;
const WATCHDOG: Duration = Duration::from_secs(120);
/// What pages may come and go by, in bytes: stacks and the allocator's own.
const SLACK: i64 = 1 << 20;

#[global_allocator]
static COUNTING: Counting = Counting;

/// What this process has.
#[derive(Clone, Copy, Debug)]
struct Usage {
    heap: i64,
    resident: i64,
    mapped: i64,
    descriptors: usize,
}

impl Usage {
    fn now() -> Self {
        let statm = fs::read_to_string("/proc/self/statm").unwrap();
        let mut pages = statm.split(' ').map(|n| n.parse::<i64>().unwrap());
        let page = rustix::param::page_size() as i64;
        let mapped = pages.next().unwrap() * page;
        let resident = pages.next().unwrap() * page;
        drop(statm);
        Self {
            heap: counting::bytes(),
            resident,
            mapped,
            descriptors: fs::read_dir("/proc/self/fd").unwrap().count(),
        }
    }

    fn assert_as(&self, before: &Self, what: &str) {
        println!("{what}: {before:?}, then {self:?}");
        assert!(self.heap - before.heap < 16 * 1024, "{what}: heap");
        assert!(self.resident - before.resident < SLACK, "{what}: pages");
        assert!(self.mapped - before.mapped < SLACK, "{what}: mappings");
        assert_eq!(self.descriptors, before.descriptors, "{what}: descriptors");
    }
}

fn publish(host: &mut Host, frame: &FrameDescriptor) {
    host.publish(frame).unwrap();
    host.reclaim(4, |_| ());
}

// One test: two at once would count each other's.
#[test]
fn a_million_frames_leak_nothing() {
    // The kernel would put pages together when it likes, of which most were never used. Fails where
    // it can't.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    let name = format!("videostream-memory-{}", std::process::id());
    let (mut host, frame) = one_plane::host(&name, 8);

    // A client that comes for one frame, again and again.
    let visits = |host: &mut Host, times: u64| {
        let name = name.clone();
        let visiting = thread::spawn(move || {
            for _ in 0..times {
                let client = Client::builder(&name).connect_timeout(WATCHDOG);
                let mut client = client.connect().unwrap();
                let frame = client.next(WATCHDOG).unwrap();
                assert_eq!(frame.pixels().unwrap().plane(0).len(), 4096);
            }
        });
        while !visiting.is_finished() {
            host.process().unwrap();
            publish(host, &frame);
            thread::yield_now();
        }
        visiting.join().unwrap();
        while host.clients().next().is_some() {
            host.process().unwrap();
        }
    };
    visits(&mut host, 100);
    let before = Usage::now();
    visits(&mut host, CONNECTS);
    Usage::now().assert_as(&before, "connections");

    let builder = Client::builder(&name).mode(Mode::Every);
    let builder = builder.connect_timeout(WATCHDOG);
    let connecting = thread::spawn(move || builder.connect().unwrap());
    while !connecting.is_finished() {
        host.process().unwrap();
    }
    let mut client = connecting.join().unwrap();
    let mut frames = |times: u64| {
        for _ in 0..times {
            publish(&mut host, &frame);
            let frame = client.try_next().unwrap().expect("it was published");
            assert_eq!(frame.pixels().unwrap().plane(0).len(), 4096);
        }
    };
    frames(100);
    let before = Usage::now();
    frames(FRAMES);
    Usage::now().assert_as(&before, "frames");
}
