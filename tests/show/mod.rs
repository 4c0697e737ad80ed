//! A host that never runs ahead of the clients that must survive, and such clients.

use std::collections::BTreeSet;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use videostream::hal::format::FourCc;
use videostream::hal::memory::allocate::Allocator;
use videostream::hal::time::deadline_in;
use videostream::{Client, FrameRate, Host, Mode, PatternSource, Stream, TestPattern, pattern};

use crate::process::gated::{Filled, Gate, Gated};
use crate::process::{Process, WATCHDOG, say};

/// Buffers of the source.
pub(crate) const BUFFERS: u32 = 16;
/// How far the host runs ahead of its slowest survivor.
const AHEAD: u64 = 8;
/// A host in this process, and the clients that must not notice anything.
pub(crate) struct Show {
    pub(crate) stream: Stream<Gated>,
    pub(crate) open: Gate,
    filled: Filled,
    survivors: BTreeSet<u32>,
}

impl Show {
    pub(crate) fn new(path: &Path) -> Self {
        let rate = FrameRate::fps(4000).unwrap();
        let pattern = TestPattern::new(FourCc::GREY, 256, 128, rate);
        let pattern = pattern.or_else(|_| TestPattern::new(FourCc::NV12, 256, 128, rate));
        let allocator = Allocator::memfd_only();
        let inner = PatternSource::with_allocator(pattern.unwrap(), BUFFERS, &allocator).unwrap();
        let (source, open, filled) = Gated::new(inner);
        Self {
            stream: Stream::new(Host::builder(path), source).unwrap(),
            open,
            filled,
            survivors: BTreeSet::new(),
        }
    }

    /// Serves, and publishes a frame if all survivors have caught up.
    pub(crate) fn step(&mut self) -> Option<u64> {
        let head = self.stream.host().head();
        let last = |pid: &u32| {
            let mut clients = self.stream.host().clients();
            let read = clients.find(|client| client.pid == *pid && client.acquired > 0);
            // One that has read nothing yet begins with the oldest frame.
            read.map_or(0, |client| client.last_serial)
        };
        let slowest = self.survivors.iter().map(last).min();
        self.open
            .set(slowest.is_none_or(|last| head < last + AHEAD));
        self.stream.step(deadline_in(1_000_000)).unwrap()
    }

    /// Publishes one frame.
    pub(crate) fn publish(&mut self) -> u64 {
        let begin = Instant::now();
        loop {
            if let Some(serial) = self.step() {
                return serial;
            }
            assert!(begin.elapsed() < WATCHDOG, "the survivors do not read");
        }
    }

    pub(crate) fn publish_for(&mut self, time: Duration) {
        let begin = Instant::now();
        while begin.elapsed() < time {
            self.step();
        }
    }

    /// Starts a client process and waits until it has a frame.
    pub(crate) fn client(&mut self, test: &str, role: &[&str]) -> Process {
        self.joined(Process::start(test, role))
    }

    pub(crate) fn joined(&mut self, process: Process) -> Process {
        process.expect("first", || {
            self.step();
        });
        process
    }

    pub(crate) fn survivor(&mut self, test: &str, path: &Path) -> Process {
        let process = Process::start(test, &["every", path.to_str().unwrap()]);
        // Before it has read its first frame: the host could be far ahead when it says so.
        self.survivors.insert(process.id());
        self.joined(process)
    }

    pub(crate) fn held(&self, pid: u32) -> Option<u32> {
        let mut clients = self.stream.host().clients();
        clients.find(|client| client.pid == pid).map(|c| c.held)
    }

    /// Every buffer comes round again: no slot and no buffer is lost.
    pub(crate) fn assert_nothing_is_lost(&mut self) {
        self.filled.borrow_mut().clear();
        for _ in 0..4 * BUFFERS {
            self.publish();
        }
        // Those that are readable stay out; all others have been filled since.
        let filled: BTreeSet<_> = self.filled.borrow().iter().copied().collect();
        assert_eq!(filled.len() as u32, BUFFERS, "{filled:?}");
        assert!(self.stream.host().outstanding() < BUFFERS);
        assert_eq!(self.stream.host().stats().blocked, 0);
    }
}

/// A client process: reads and checks until the host says goodbye.
pub(crate) fn client(role: &[String]) {
    let (mode, path) = (role[0].as_str(), &role[1]);
    let reconnect = mode == "reconnect";
    let mut client = Client::builder(path)
        .mode(if mode == "every" {
            Mode::Every
        } else {
            Mode::Newest
        })
        .hold(if mode == "holder" { 2 } else { 1 })
        .reconnect(reconnect)
        .connect_timeout(WATCHDOG)
        .connect()
        .unwrap();
    let mut kept = Vec::new();
    let (mut first, mut last, mut frames, mut missed) = (0, 0, 0u64, 0u64);
    loop {
        let frame = match client.next(WATCHDOG) {
            Ok(frame) => frame,
            Err(error) if error.is_host_gone() => {
                say(format!("gone {error}"));
                say(format!("end {first} {last} {frames} {missed}"));
                return;
            }
            Err(error) => panic!("{error}"),
        };
        let pixels = frame.pixels().unwrap();
        let number = pattern::verify(&pixels.picture().unwrap()).unwrap();
        assert_eq!(number, frame.sequence());
        drop(pixels);
        assert!(frame.is_intact());
        if frame.is_after_restart() {
            say(format!("restarted {}", client.restarts()));
        } else {
            assert!(frame.serial() > last, "serials grow");
        }
        last = frame.serial();
        missed += frame.missed();
        frames += 1;
        if frames == 1 {
            first = last;
            say(format!("first {first}"));
        }
        if mode == "holder" && kept.len() < 2 {
            kept.push(frame);
            if kept.len() == 2 {
                say("holding");
                thread::sleep(WATCHDOG);
            }
        }
    }
}
