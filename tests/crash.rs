//! Processes that are killed and stopped, and what the others notice of it: nothing.
//!
//! Every client is a process of its own and checks the content of every frame. The host
//! publishes only as fast as the clients that have to survive read, so that a lost frame is
//! never due to a busy machine.

mod process;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use process::gated::{Filled, Gate, Gated};
use process::{Process, Random, WATCHDOG, open_descriptors, role, say};
use rustix::process::Signal;
use videostream::hal::format::FourCc;
use videostream::hal::memory::allocate::Allocator;
use videostream::hal::time::deadline_in;
use videostream::{Client, FrameRate, Host, Mode, PatternSource, Stream, TestPattern, pattern};

/// Buffers of the source.
const BUFFERS: u32 = 16;
/// How far the host runs ahead of its slowest survivor.
const AHEAD: u64 = 8;
/// Clients killed in one test.
const VICTIMS: u64 = 24;

/// Tests count this process's descriptors: they take turns.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A host in this process, and the clients that must not notice anything.
struct Show {
    stream: Stream<Gated>,
    open: Gate,
    filled: Filled,
    survivors: BTreeSet<u32>,
}

impl Show {
    fn new(path: &Path) -> Self {
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
    fn step(&mut self) -> Option<u64> {
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
    fn publish(&mut self) -> u64 {
        let begin = Instant::now();
        loop {
            if let Some(serial) = self.step() {
                return serial;
            }
            assert!(begin.elapsed() < WATCHDOG, "the survivors do not read");
        }
    }

    fn publish_for(&mut self, time: Duration) {
        let begin = Instant::now();
        while begin.elapsed() < time {
            self.step();
        }
    }

    /// Starts a client process and waits until it has a frame.
    fn client(&mut self, test: &str, role: &[&str]) -> Process {
        self.joined(Process::start(test, role))
    }

    fn joined(&mut self, process: Process) -> Process {
        process.expect("first", || {
            self.step();
        });
        process
    }

    fn survivor(&mut self, test: &str, path: &Path) -> Process {
        let process = Process::start(test, &["every", path.to_str().unwrap()]);
        // Before it has read its first frame: the host could be far ahead when it says so.
        self.survivors.insert(process.id());
        self.joined(process)
    }

    fn held(&self, pid: u32) -> Option<u32> {
        let mut clients = self.stream.host().clients();
        clients.find(|client| client.pid == pid).map(|c| c.held)
    }

    /// Every buffer comes round again: no slot and no buffer is lost.
    fn assert_nothing_is_lost(&mut self) {
        self.filled.borrow_mut().clear();
        for _ in 0..4 * BUFFERS {
            self.publish();
        }
        // Those that are readable stay out; all others have been filled since.
        let filled: BTreeSet<_> = self.filled.borrow().iter().copied().collect();
        assert_eq!(filled.len() as u32, BUFFERS, "{filled:?}");
        assert!(self.stream.host().lent() < BUFFERS);
        assert_eq!(self.stream.host().stats().blocked, 0);
    }
}

/// A client process: reads and checks until the host says goodbye.
fn client(role: &[String]) {
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

/// What a survivor must say when the host has gone: that it had every frame.
fn assert_complete(process: Process, head: u64) {
    process.expect("gone", || ());
    let end = process.expect("end", || ());
    let numbers: Vec<u64> = end.split(' ').map(|n| n.parse().unwrap()).collect();
    let [first, last, frames, missed] = numbers[..] else {
        panic!("{end}")
    };
    assert_eq!((last, missed), (head, 0), "{end}");
    assert_eq!(frames, last - first + 1, "{end}");
    assert!(process.end().success());
}

#[test]
fn a_killed_client_costs_the_others_no_frame_and_the_host_nothing() {
    const TEST: &str = "a_killed_client_costs_the_others_no_frame_and_the_host_nothing";
    if let Some(role) = role() {
        return client(&role);
    }
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let socket = path.to_str().unwrap();
    let mut random = Random::new();
    let mut show = Show::new(&path);
    let descriptors = open_descriptors();
    let survivors = [show.survivor(TEST, &path), show.survivor(TEST, &path)];
    for at in 0..VICTIMS {
        let mode = ["every", "newest", "holder"][(at % 3) as usize];
        let victim = if mode == "holder" {
            let victim = show.client(TEST, &[mode, socket]);
            victim.expect("holding", || {
                show.step();
            });
            assert_eq!(show.held(victim.id()), Some(2));
            victim
        } else {
            // At any moment from its start: before, in and after its handshake.
            let victim = Process::start(TEST, &[mode, socket]);
            show.publish_for(Duration::from_micros(random.below(25_000)));
            victim
        };
        let pid = victim.id();
        victim.kill();
        show.publish();
        assert_eq!(show.held(pid), None, "gone within one publish");
    }
    show.assert_nothing_is_lost();
    // Those that were killed after they had come in are counted; all that held had.
    assert!(show.stream.host().stats().left >= VICTIMS / 3);
    assert_eq!(show.stream.host().stats().evicted, 0);

    assert_eq!(show.stream.host().clients().count(), 2);
    let head = show.stream.host().head();
    drop(show);
    for survivor in survivors {
        assert_complete(survivor, head);
    }
    // The host's own descriptors are gone as well: a new one has as many as the first had.
    let show = Show::new(&path);
    assert_eq!(open_descriptors(), descriptors);
    drop(show);
}

#[test]
fn descriptors_return_to_their_number_while_the_host_runs() {
    const TEST: &str = "descriptors_return_to_their_number_while_the_host_runs";
    if let Some(role) = role() {
        return client(&role);
    }
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let socket = path.to_str().unwrap();
    let mut show = Show::new(&path);
    show.publish();
    let descriptors = open_descriptors();
    for _ in 0..6 {
        let clients = ["every", "newest", "holder"].map(|mode| show.client(TEST, &[mode, socket]));
        assert!(open_descriptors() > descriptors);
        clients.into_iter().for_each(Process::kill);
        show.publish();
        assert_eq!(open_descriptors(), descriptors);
    }
    show.assert_nothing_is_lost();
}

#[test]
fn a_stopped_client_costs_the_others_no_frame_and_goes_on_when_it_may() {
    const TEST: &str = "a_stopped_client_costs_the_others_no_frame_and_goes_on_when_it_may";
    if let Some(role) = role() {
        return client(&role);
    }
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let socket = path.to_str().unwrap();
    let mut random = Random::new();
    let mut show = Show::new(&path);
    let survivor = show.survivor(TEST, &path);
    let stopped = show.client(TEST, &["newest", socket]);
    for _ in 0..10 {
        stopped.signal(Signal::STOP);
        show.publish_for(Duration::from_micros(random.below(30_000)));
        for _ in 0..2 * BUFFERS {
            show.publish();
        }
        stopped.signal(Signal::CONT);
        let before = show.stream.host().head();
        // It reads on, from where the host is by then.
        let begin = Instant::now();
        let last = |show: &Show| {
            let mut clients = show.stream.host().clients();
            let found = clients.find(|client| client.pid == stopped.id());
            found.expect("still connected").last_serial
        };
        while last(&show) <= before {
            show.step();
            assert!(begin.elapsed() < WATCHDOG, "it does not go on");
        }
    }
    show.assert_nothing_is_lost();
    let head = show.stream.host().head();
    drop(show);
    assert_complete(survivor, head);
    stopped.expect("gone", || ());
    stopped.expect("end", || ());
    assert!(stopped.end().success());
}

/// A host process: publishes until it is killed.
fn host(path: &str) {
    let mut show = Show::new(Path::new(path));
    show.publish();
    say("serving");
    loop {
        show.publish_for(Duration::from_secs(1));
    }
}

#[test]
fn clients_of_a_killed_host_are_told_or_go_on_with_the_next_one() {
    const TEST: &str = "clients_of_a_killed_host_are_told_or_go_on_with_the_next_one";
    if let Some(role) = role() {
        return if role[0] == "host" {
            host(&role[1])
        } else {
            client(&role)
        };
    }
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let socket = path.to_str().unwrap();
    let mut random = Random::new();
    let serve = || {
        let host = Process::start(TEST, &["host", socket]);
        host.expect("serving", || ());
        host
    };
    let mut host = serve();
    let loyal = Process::start(TEST, &["reconnect", socket]);
    loyal.expect("first", || ());
    for restart in 1..=8 {
        let waiting = ["every", "newest"].map(|mode| Process::start(TEST, &[mode, socket]));
        for client in &waiting {
            client.expect("first", || ());
        }
        thread::sleep(Duration::from_micros(random.below(20_000)));
        host.kill();
        for client in waiting {
            client.expect("gone", || ());
            client.expect("end", || ());
            assert!(client.end().success());
        }
        assert!(path.exists(), "what a killed host leaves behind");
        host = serve();
        let said = loyal.expect("restarted", || ());
        assert_eq!(said, restart.to_string());
    }
    drop(host);
}

#[test]
fn clients_that_wait_in_vain_are_told_when_their_host_is_killed() {
    const TEST: &str = "clients_that_wait_in_vain_are_told_when_their_host_is_killed";
    if let Some(role) = role() {
        return if role[0] == "silent" {
            let mut show = Show::new(Path::new(&role[1]));
            show.publish();
            say("serving");
            loop {
                // Nothing is published; clients are served.
                show.open.set(false);
                show.stream.step(deadline_in(100_000_000)).unwrap();
            }
        } else {
            client(&role)
        };
    }
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let socket = path.to_str().unwrap();
    let mut random = Random::new();
    for _ in 0..4 {
        let host = Process::start(TEST, &["silent", socket]);
        host.expect("serving", || ());
        let waiting: BTreeMap<_, _> = ["every", "newest"]
            .map(|mode| (mode, Process::start(TEST, &[mode, socket])))
            .into();
        for client in waiting.values() {
            client.expect("first", || ());
        }
        // Some are killed while clients sleep on the futex, some while they poll.
        thread::sleep(Duration::from_millis(random.below(120)));
        host.kill();
        for (_, client) in waiting {
            client.expect("gone", || ());
            client.expect("end", || ());
            assert!(client.end().success());
        }
    }
}
