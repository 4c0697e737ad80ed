//! A host and eight client processes that are killed, stopped, evicted and restarted at random,
//! while every client checks the content of every frame that it holds, on hold and again before
//! release.
//!
//! In the end no slot, buffer, descriptor, process or socket is left over. The seed
//! (`VIDEOSTREAM_SEED`) decides what happens when, and is printed. `VIDEOSTREAM_STRESS_SECONDS` is
//! the duration; it is short in a plain `cargo test`.

mod process;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use process::gated::{Filled, Gated};
use process::{Process, Random, WATCHDOG, open_descriptors, role, say};
use rustix::process::Signal;
use videostream::hal::format::FourCc;
use videostream::hal::memory::allocate::Allocator;
use videostream::hal::time::deadline_in;
use videostream::ipc::{Error as Ipc, Goodbye, Refusal};
use videostream::{
    Client, Frame, FrameRate, Host, Mode, PatternSource, Stream, TestPattern, pattern,
};

const TEST: &str = "nothing_is_lost_in_mayhem";
const CLIENTS: usize = 8;
/// Most frames that a client holds at once.
const HOLD: u64 = 3;
/// Buffers of the source: some fewer than all clients together may ask for.
const BUFFERS: u32 = 24;
/// Files of these names in the socket's folder end clients, then hosts.
const STOP_CLIENTS: &str = "stop-clients";
const STOP_HOST: &str = "stop-host";

#[test]
fn nothing_is_lost_in_mayhem() {
    if let Some(role) = role() {
        let (folder, seed) = (Path::new(&role[1]), role[2].parse().unwrap());
        return match role[0].as_str() {
            "host" => host(folder, Random::from(seed)),
            _ => client(folder, Random::from(seed)),
        };
    }
    let seconds = env::var("VIDEOSTREAM_STRESS_SECONDS");
    let seconds = seconds.map_or(4, |s| s.parse().expect("a number of seconds"));
    let folder = tempfile::tempdir().unwrap();
    let mut mayhem = Mayhem::new(folder.path());
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(seconds) || !mayhem.has_had_all() {
        assert!(
            begin.elapsed() < Duration::from_secs(seconds) + 2 * WATCHDOG,
            "some kind of event never comes"
        );
        mayhem.event();
    }
    mayhem.end();
}

/// The processes, and what has been done to them.
struct Mayhem<'a> {
    folder: &'a Path,
    random: Random,
    host: Process,
    clients: Vec<Process>,
    stopped: Vec<bool>,
    host_kills: u64,
    client_kills: u64,
    stops: u64,
}

impl<'a> Mayhem<'a> {
    fn new(folder: &'a Path) -> Self {
        let mut random = Random::new();
        let host = start_host(folder, &mut random);
        let clients = (0..CLIENTS).map(|_| start(folder, &mut random, "client"));
        Self {
            folder,
            clients: clients.collect(),
            random,
            host,
            stopped: vec![false; CLIENTS],
            host_kills: 0,
            client_kills: 0,
            stops: 0,
        }
    }

    fn has_had_all(&self) -> bool {
        self.host_kills > 0 && self.client_kills > 0 && self.stops > 0
    }

    /// Something happens to somebody, after a while.
    fn event(&mut self) {
        thread::sleep(Duration::from_micros(self.random.below(20_000)));
        for process in self.clients.iter_mut().chain([&mut self.host]) {
            let ended = process.ended();
            assert!(ended.is_none(), "{} ended by itself", process.id());
        }
        let at = self.random.below(CLIENTS as u64) as usize;
        match self.random.below(16) {
            0 => {
                self.host_kills += 1;
                let next = start(self.folder, &mut self.random, "host");
                // Sometimes the next one tries before the last one is gone.
                if self.random.once_in(2) {
                    thread::sleep(Duration::from_millis(self.random.below(10)));
                }
                std::mem::replace(&mut self.host, next).kill();
                self.host.expect("serving", || ());
            }
            1..=4 => {
                self.client_kills += 1;
                let next = start(self.folder, &mut self.random, "client");
                std::mem::replace(&mut self.clients[at], next).kill();
                self.stopped[at] = false;
            }
            5..=8 if !self.stopped[at] => {
                self.stops += 1;
                self.clients[at].signal(Signal::STOP);
                self.stopped[at] = true;
            }
            9 => {
                self.host.signal(Signal::STOP);
                thread::sleep(Duration::from_micros(self.random.below(30_000)));
                self.host.signal(Signal::CONT);
            }
            _ => {
                self.clients[at].signal(Signal::CONT);
                self.stopped[at] = false;
            }
        }
    }

    /// Lets everybody come to an end by itself, and looks for what is left.
    fn end(self) {
        for client in &self.clients {
            client.signal(Signal::CONT);
        }
        fs::write(self.folder.join(STOP_CLIENTS), "").unwrap();
        let mut frames = 0;
        for client in self.clients {
            let end = client.expect("end", || ());
            frames += end.parse::<u64>().unwrap();
            assert!(client.end().success());
        }
        fs::write(self.folder.join(STOP_HOST), "").unwrap();
        self.host.expect("clean", || ());
        assert!(self.host.end().success());
        println!(
            "{} hosts and {} clients killed, {} stopped; {frames} frames checked by the last \
             {CLIENTS}",
            self.host_kills, self.client_kills, self.stops
        );
        assert_eq!(children(), 0, "a process is left");
        let socket = self.folder.join("socket");
        assert!(!socket.exists(), "the last host removes its file");
        let sockets = fs::read_to_string("/proc/net/unix").unwrap();
        assert!(!sockets.contains(socket.to_str().unwrap()), "{sockets}");
    }
}

fn start(folder: &Path, random: &mut Random, role: &str) -> Process {
    let seed = random.below(u64::MAX).to_string();
    Process::start(TEST, &[role, folder.to_str().unwrap(), &seed])
}

fn start_host(folder: &Path, random: &mut Random) -> Process {
    let host = start(folder, random, "host");
    host.expect("serving", || ());
    host
}

/// Processes whose parent is this one.
fn children() -> usize {
    let own = std::process::id().to_string();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let stats = processes.filter_map(|p| fs::read_to_string(p.path().join("stat")).ok());
    // Behind the name, which may hold anything: the state, then the parent.
    let parents = stats.filter_map(|stat| {
        let rest = stat.rsplit_once(')')?.1;
        Some(rest.split_whitespace().nth(1)? == own)
    });
    parents.filter(|&is_own| is_own).count()
}

/// A host, and the list of buffers that its source has filled.
struct Show {
    stream: Stream<Gated>,
    filled: Filled,
}

impl Show {
    /// Takes the name over as soon as it is free.
    fn new(folder: &Path, random: &mut Random) -> Self {
        let rate = FrameRate::fps(1000).unwrap();
        let lease = random.pick(&[Duration::ZERO, Duration::from_millis(20)]);
        let begin = Instant::now();
        loop {
            let pattern = TestPattern::new(FourCc::NV12, 256, 128, rate).unwrap();
            let memory = Allocator::memfd_only();
            let inner = PatternSource::with_allocator(pattern, BUFFERS, &memory).unwrap();
            let (source, open, filled) = Gated::new(inner);
            open.set(true);
            let builder = Host::builder(folder.join("socket")).lease(lease);
            match Stream::new(builder, source) {
                Ok(stream) => {
                    return Self { stream, filled };
                }
                Err(e) if e.share() == Some(&Ipc::AddressInUse) => {
                    assert!(begin.elapsed() < WATCHDOG, "{e}");
                    thread::sleep(Duration::from_millis(1));
                }
                Err(e) => panic!("{e}"),
            }
        }
    }

    fn step(&mut self) -> Option<u64> {
        self.stream.step(deadline_in(2_000_000)).unwrap()
    }

    fn step_until(&mut self, what: &str, done: impl Fn(&Stream<Gated>) -> bool) {
        let begin = Instant::now();
        while !done(&self.stream) {
            self.step();
            assert!(begin.elapsed() < WATCHDOG, "{what}");
        }
    }

    /// No client, no frame that is out, no buffer that does not come round.
    fn assert_nothing_is_lost(&mut self) {
        self.step_until("a client stays", |stream| {
            stream.host().clients().count() == 0
        });
        self.filled.borrow_mut().clear();
        let head = self.stream.host().head();
        self.step_until("nothing is published", |stream| {
            stream.host().head() > head + u64::from(4 * BUFFERS)
        });
        let filled: BTreeSet<_> = self.filled.borrow().iter().copied().collect();
        assert_eq!(filled.len() as u32, BUFFERS, "{filled:?}");
        // Frames that are over at once leave no slot taken.
        self.stream.set_lifespan_ns(1);
        self.step_until("a slot stays taken", |stream| {
            stream.host().outstanding() == 0
        });
    }
}

/// A host process: publishes, restarts, and evicts all clients, until it may stop.
fn host(folder: &Path, mut random: Random) {
    let before = open_descriptors();
    let mut show = Show::new(folder, &mut random);
    let serving = open_descriptors();
    show.step();
    say("serving");
    while !folder.join(STOP_HOST).exists() {
        for _ in 0..50 {
            show.step();
        }
        if random.once_in(20) {
            // Goodbye, and a new one under the same name.
            drop(show);
            assert_eq!(open_descriptors(), before, "a host leaves descriptors");
            show = Show::new(folder, &mut random);
        }
    }
    show.assert_nothing_is_lost();
    assert_eq!(open_descriptors(), serving, "clients leave descriptors");
    drop(show);
    assert_eq!(open_descriptors(), before, "a host leaves descriptors");
    say("clean");
}

/// A client process: holds frames for a while and checks them, leaves and comes again.
fn client(folder: &Path, mut random: Random) {
    let before = open_descriptors();
    let mut checked = 0;
    while checked == 0 || !folder.join(STOP_CLIENTS).exists() {
        checked += visit(folder, &mut random);
    }
    assert_eq!(open_descriptors(), before, "a client leaves descriptors");
    say(format!("end {checked}"));
}

/// One attachment, or several if it reconnects by itself; how many frames it had.
fn visit(folder: &Path, random: &mut Random) -> u64 {
    let hold = 1 + random.below(HOLD);
    let client = Client::builder(folder.join("socket"))
        .mode(random.pick(&[Mode::Newest, Mode::Every]))
        .hold(hold as u32)
        .spin(random.pick(&[Duration::ZERO, Duration::from_micros(100)]))
        .reconnect(true)
        .connect_timeout(WATCHDOG)
        .connect();
    let mut client = match client {
        Ok(client) => client,
        Err(error) => {
            assert_refused(&error);
            return 0;
        }
    };
    // With the connection, counted, that each frame is of.
    let mut kept: Vec<(Frame, u64)> = Vec::new();
    let (mut last, mut frames) = (0, 0);
    // A connection whose frames are no longer kept.
    let mut over = None;
    let is_done = |frames, random: &mut Random| {
        random.once_in(300) || (frames > 0 && folder.join(STOP_CLIENTS).exists())
    };
    while !is_done(frames, random) {
        let frame = match client.next(WATCHDOG) {
            Ok(frame) => frame,
            Err(error) => {
                assert_refused(&error);
                break;
            }
        };
        let connection = client.restarts();
        assert_ne!(over, Some(connection), "frames were lost for no reason");
        assert!(frame.is_after_restart() || frame.serial() > last, "serials");
        last = frame.serial();
        frames += 1;
        kept.push((frame, connection));
        over = over.max(check(kept.last().unwrap()));
        if random.once_in(4) {
            // Longer than the source takes for all its buffers, now and then.
            let most = random.pick(&[1_000, 3_000, 100_000]);
            thread::sleep(Duration::from_micros(random.below(most)));
        }
        while kept.len() as u64 >= hold || (!kept.is_empty() && random.once_in(2)) {
            let at = random.below(kept.len() as u64) as usize;
            over = over.max(check(&kept.swap_remove(at)));
        }
    }
    for frame in kept.drain(..) {
        over = over.max(check(&frame));
    }
    if over == Some(client.restarts()) {
        match client.next(WATCHDOG) {
            Ok(_) => assert_ne!(over, Some(client.restarts()), "lost for no reason"),
            Err(error) => assert_refused(&error),
        }
    }
    frames
}

/// The content is that of the frame, unless its memory no longer is: only a client that was
/// evicted loses what it holds, and it can tell. Gives the connection that is over then.
fn check((frame, connection): &(Frame, u64)) -> Option<u64> {
    let pixels = frame.pixels().unwrap();
    let number = pattern::verify(&pixels.picture().unwrap());
    if frame.is_intact() {
        assert_eq!(number.unwrap(), frame.sequence());
        return None;
    }
    Some(*connection)
}

/// What may happen to an honest client: others hold too much just now, or it was stopped
/// for so long that its host has thrown it out.
fn assert_refused(error: &videostream::Error) {
    let expected = matches!(
        error.share(),
        Some(Ipc::Refused(Refusal::Hold { .. }) | Ipc::Goodbye(Goodbye::LeaseTime { .. }))
    );
    assert!(expected, "{error}");
    thread::sleep(Duration::from_millis(1));
}
