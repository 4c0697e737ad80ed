//! System calls per frame, counted by `strace` in a separate process.
//!
//! The traced process marks the begin and the end of a counted section by writing to standard
//! error: those calls are in the trace too.

mod one_plane;
mod process;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::thread;

use process::{Process, command, role, say};
use videostream::hal::format::FourCc;
use videostream::hal::memory::allocate::Allocator;
use videostream::hal::time::deadline_in;
use videostream::{Client, FrameRate, Host, Mode, PatternSource, Stream, TestPattern};
use videostream_testing::strace;

/// Frames that each test counts over.
const FRAMES: u64 = 1000;
/// Frames from one mark to the next.
const BATCH: u64 = 8;

/// A client that hears nothing for so many seconds, but for rounding, asks to be told of the next
/// frame by a socket.
const FUTEX_SLICE: f64 = 0.049;
/// What counts the times that nothing was published for so long.
const STALL: &str = "(stall)";

/// Calls by name, for each kind of stretch.
type Counts = BTreeMap<String, BTreeMap<String, u64>>;

/// Runs `test` of this program in a role under strace, and counts.
fn trace(test: &str, role: &[&str]) -> Counts {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("trace");
    let options = ["-r", "-e", "signal=none"];
    let traced = strace::command(&options, &log, &command(test, role));
    let status = Process::run(traced, role.join(" ")).end();
    assert!(status.success(), "the traced process: {status}");
    count(&fs::read_to_string(&log).unwrap())
}

/// Reads lines of the form `PID SECONDS name(arguments) = result`, with those of other threads
/// among them; the seconds are those since the line before.
fn count(trace: &str) -> Counts {
    let mut counts = Counts::new();
    let mut stretch: Option<(&str, String)> = None;
    let mut now = 0.0;
    // When the last two frames were waited for: two are published between three of these.
    let mut polls = [f64::NEG_INFINITY; 2];
    for line in trace.lines() {
        let (thread, rest) = line.split_once(char::is_whitespace).unwrap();
        let (since, call) = rest.trim_start().split_once(char::is_whitespace).unwrap();
        now += since.parse::<f64>().unwrap();
        let call = call.trim_start();
        let mark = |word: &str| {
            let rest = call.strip_prefix("write(2, \"")?.strip_prefix(word)?;
            Some(rest.split(['\\', '"']).next()?.to_owned())
        };
        if let Some(name) = mark("begin ") {
            counts.entry(name.clone()).or_default();
            stretch = Some((thread, name));
        } else if mark("end ").is_some() {
            stretch = None;
        } else if let Some((owner, name)) = &stretch
            && *owner == thread
            // The rest of a call that another thread interrupted was counted at its start.
            && !call.starts_with("<...")
        {
            let called = call.split('(').next().unwrap();
            let calls = counts.get_mut(name).unwrap();
            // A call only where user space can't read the clock.
            if called == "clock_gettime" {
                continue;
            }
            *calls.entry(called.to_owned()).or_default() += 1;
            if called.ends_with("poll") {
                if now - polls[0] >= FUTEX_SLICE && polls[0].is_finite() {
                    *calls.entry(STALL.to_owned()).or_default() += 1;
                }
                polls = [polls[1], now];
            }
        }
    }
    counts
}

fn mark(word: &str, name: &str) {
    let text = format!("{word} {name}\n");
    std::io::stderr().write_all(text.as_bytes()).unwrap();
}

/// Does `work` as a counted stretch.
fn counted<T>(name: &str, work: impl FnOnce() -> T) -> T {
    mark("begin", name);
    let result = work();
    mark("end", name);
    result
}

fn name(test: &str) -> String {
    format!("videostream-system-calls-{}-{test}", std::process::id())
}

/// In the traced process: a host and a client take turns.
fn taking_turns() {
    let path = name("turns");
    let (mut host, frame) = counted("bind", || one_plane::host(&path, 16));
    let connecting = {
        let path = path.clone();
        thread::spawn(move || {
            let client = Client::builder(&path).mode(Mode::Every);
            counted("connect", || client.connect())
        })
    };
    while !connecting.is_finished() {
        host.process().unwrap();
        thread::yield_now();
    }
    let mut client = connecting.join().unwrap().unwrap();
    let turn = |host: &mut Host, client: &mut Client| {
        counted("publish", || {
            for _ in 0..BATCH {
                host.publish(&frame).unwrap();
                host.reclaim(12, |_| ());
            }
        });
        counted("hold", || {
            for _ in 0..BATCH {
                let frame = client.try_next().unwrap().expect("published just now");
                assert_eq!(frame.pixels().unwrap().plane(0)[0], 0);
            }
        });
    };
    // The first frame maps its buffer: not in the trace that counts.
    host.publish(&frame).unwrap();
    drop(client.try_next().unwrap().unwrap().pixels().unwrap());
    for _ in 0..FRAMES / BATCH {
        turn(&mut host, &mut client);
    }
    counted("control", || std::fs::metadata("/").unwrap());
    counted("thread", || thread::spawn(|| ()).join().unwrap());
}

/// Calls that start a thread.
fn threads(counts: &BTreeMap<String, u64>) -> u64 {
    let starts = counts.iter().filter(|(call, _)| call.starts_with("clone"));
    starts.map(|(_, count)| count).sum()
}

#[test]
fn hold_and_publish_make_no_system_call() {
    const TEST: &str = "hold_and_publish_make_no_system_call";
    if role().is_some() {
        return taking_turns();
    }
    if !strace::is_there(TEST) {
        return;
    }
    let counts = trace(TEST, &["turns"]);
    assert_eq!(counts["control"].values().sum::<u64>(), 1, "{counts:?}");
    assert!(counts["hold"].is_empty(), "{:?}", counts["hold"]);
    assert!(counts["publish"].is_empty(), "{:?}", counts["publish"]);
    // Neither side has a thread that its program did not start.
    for (name, expected) in [("bind", 0), ("connect", 0), ("thread", 1)] {
        assert_eq!(threads(&counts[name]), expected, "{name}: {counts:?}");
    }
}

/// In the traced process: a stream that others read.
fn streaming(path: &str) {
    let rate = FrameRate::fps(500).unwrap();
    let pattern = TestPattern::new(FourCc::NV12, 320, 240, rate).unwrap();
    let source = PatternSource::with_allocator(pattern, 6, &Allocator::memfd_only()).unwrap();
    let mut stream = Stream::new(Host::builder(path), source).unwrap();
    mark("begin", "ready");
    mark("end", "ready");
    while stream.host().clients().count() < 2 {
        stream.step(deadline_in(10_000_000)).unwrap();
    }
    let wakes = stream.host().stats().futex_wakes;
    let first = stream.host().head();
    counted("stream", || {
        while stream.host().head() < first + FRAMES {
            stream.step(u64::MAX).unwrap();
        }
    });
    let wakes = stream.host().stats().futex_wakes - wakes;
    assert!(wakes > FRAMES / 10, "clients hardly ever slept: {wakes}");
}

/// A client in a process that is not traced.
fn reading(path: &str) {
    let client = Client::builder(path).reconnect(true);
    let mut client = client.connect_timeout(process::WATCHDOG).connect().unwrap();
    loop {
        if client.next(process::WATCHDOG).is_err() {
            return;
        }
    }
}

#[test]
fn a_published_frame_costs_at_most_one_poll_and_one_wake() {
    const TEST: &str = "a_published_frame_costs_at_most_one_poll_and_one_wake";
    if let Some(role) = role() {
        match role[0].as_str() {
            "stream" => streaming(&role[1]),
            _ => reading(&role[1]),
        }
        return;
    }
    if !strace::is_there(TEST) {
        return;
    }
    let path = name("stream");
    let readers = [(); 2].map(|()| Process::start(TEST, &["read", &path]));
    let counts = trace(TEST, &["stream", &path]);
    drop(readers);
    let mut calls = counts["stream"].clone();
    let polls = calls.remove("ppoll").unwrap_or(0) + calls.remove("poll").unwrap_or(0);
    let wakes = calls.remove("futex").unwrap_or(0);
    // On a machine that stalls clients ask to be told by a socket, and are until they come to know.
    let told = calls.remove("sendto").unwrap_or(0);
    let stalls = calls.remove(STALL).unwrap_or(0);
    say(format!(
        "{FRAMES} frames: {polls} polls, {wakes} wakes, {told} told by a socket, {stalls} stalls"
    ));
    assert!(polls <= FRAMES, "{polls} polls");
    assert!((1..=FRAMES).contains(&wakes), "{wakes} wakes");
    let most = FRAMES / 20 + 100 * stalls;
    assert!(told <= most, "{told} told by a socket, {stalls} stalls");
    assert!(calls.is_empty(), "{calls:?}");
}
