//! A client that reconnects while its host is gone: it tries at growing intervals, sleeps in
//! between, and goes on with the next host.

mod one_plane;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept, bind, connect, listen,
    socket_with,
};
use videostream::{Client, Host};
use videostream_testing::process::WATCHDOG;
use videostream_testing::strace;

/// Set in the traced process.
const TRACED: &str = "VIDEOSTREAM_TEST_TRACED";
/// Pauses between attempts; the last one from then on.
const PAUSES_MS: [u64; 7] = [5, 10, 20, 40, 80, 160, 200];

/// The pause behind attempt `n`, counted from 0, in seconds.
fn pause(n: usize) -> f64 {
    PAUSES_MS[n.min(PAUSES_MS.len() - 1)] as f64 / 1e3
}

/// Most attempts that there is time for if none comes too soon.
fn most_attempts(elapsed: Duration) -> u64 {
    let mut left = elapsed.as_secs_f64();
    let pauses = (0..).map(pause).take_while(|pause| {
        left -= pause;
        left >= 0.0
    });
    1 + pauses.count() as u64
}

fn name(test: &str) -> String {
    format!("videostream-reconnect-{}-{test}", std::process::id())
}

/// Reports the end when dropped, also when a test fails: a waiting thread would wait for ever.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

fn client(name: &str) -> Client {
    let builder = Client::builder(name).reconnect(true);
    builder.connect_timeout(WATCHDOG).connect().unwrap()
}

/// A host that publishes while `work` runs, and is then gone.
fn with_host<T>(name: &str, work: impl FnOnce() -> T) -> T {
    let (mut host, frame) = one_plane::host(name, 16);
    let is_over = &AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                host.process().unwrap();
                host.publish(&frame).unwrap();
                host.reclaim(4, |_| ());
                thread::sleep(Duration::from_millis(1));
            }
        });
        let _over = Over(is_over);
        work()
    })
}

/// Waits for frames until no more come.
fn fail(client: &mut Client, timeout: Duration) {
    let error = loop {
        // What the host has published last comes first.
        if let Err(error) = client.next(timeout) {
            break error;
        }
    };
    assert!(error.is_host_gone() || error.is_timeout(), "{error}");
}

fn mark(word: &str) {
    use std::io::Write as _;
    let text = format!("mark {word}\n");
    std::io::stderr().write_all(text.as_bytes()).unwrap();
}

/// In the traced process.
fn lose_the_host_and_find_it_again() {
    let name = name("lost");
    let mut client = with_host(&name, || {
        let mut client = client(&name);
        assert!(!client.next(WATCHDOG).unwrap().is_after_restart());
        client
    });
    mark("one wait");
    fail(&mut client, Duration::from_millis(1500));
    mark("many waits");
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(500) {
        fail(&mut client, Duration::from_millis(2));
    }
    mark("end");
    with_host(&name, || {
        let frame = client.next(WATCHDOG).unwrap();
        assert!(frame.is_after_restart(), "the gap is not told");
        drop(frame);
        assert!(!client.next(WATCHDOG).unwrap().is_after_restart());
        assert_eq!(client.restarts(), 1);
    });
}

/// What the thread that made the marks called between them: seconds since the first line, call.
fn between_marks(trace: &str) -> Vec<(f64, &str)> {
    let mut now = 0.0;
    let mut lines = Vec::new();
    for line in trace.lines() {
        // PID, seconds since the line before, call.
        let (thread, rest) = line.split_once(' ').unwrap();
        let (since, call) = rest.trim_start().split_once(' ').unwrap();
        now += since.parse::<f64>().unwrap();
        lines.push((thread, now, call.trim_start()));
    }
    let is_mark = |call: &str| call.starts_with("write(2, \"mark ");
    let &(marker, ..) = lines.iter().find(|line| is_mark(line.2)).unwrap();
    let own = lines.into_iter().filter(|line| line.0 == marker);
    own.map(|(_, now, call)| (now, call))
        .skip_while(|line| !is_mark(line.1))
        .filter(|line| !line.1.starts_with("<..."))
        .take_while(|line| !line.1.contains("mark end"))
        .collect()
}

#[test]
fn a_client_backs_off_until_its_host_returns() {
    const TEST: &str = "a_client_backs_off_until_its_host_returns";
    if std::env::var_os(TRACED).is_some() {
        return lose_the_host_and_find_it_again();
    }
    if !strace::is_there(TEST) {
        return;
    }
    let options = ["-r", "-s", "64", "-e", "signal=none"];
    let trace = strace::trace(TEST, &options, (TRACED, "1"));
    let calls = between_marks(&trace);
    let attempts: Vec<f64> = calls
        .iter()
        .filter(|(_, call)| call.starts_with("connect("))
        .map(|(now, _)| *now)
        .collect();
    // Pauses are slept and so never shorter, however busy the machine is.
    for (n, pair) in attempts.windows(2).enumerate() {
        let paused = pair[1] - pair[0];
        assert!(paused > 0.95 * pause(n), "{n}: {paused} s, {attempts:?}");
    }
    assert!(attempts.len() > 3, "it does not try again: {attempts:?}");
    // One wait sleeps from attempt to attempt and does nothing else.
    let one_wait = calls
        .iter()
        .position(|(_, call)| call.contains("mark many"));
    assert!(one_wait.unwrap() < 64 + 8 * attempts.len(), "{calls:?}");
}

#[test]
fn a_host_that_hangs_up_is_not_polled_in_a_loop() {
    let name = name("door");
    let address = SocketAddrUnix::new_abstract_name(name.as_bytes()).unwrap();
    let socket = || {
        let flags = SocketFlags::CLOEXEC;
        socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap()
    };
    let door = socket();
    bind(&door, &address).unwrap();
    listen(&door, 8).unwrap();
    let (seen, is_over) = (&AtomicU64::new(0), &AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            loop {
                drop(accept(&door).unwrap());
                if is_over.load(Ordering::Acquire) {
                    break;
                }
                seen.fetch_add(1, Ordering::Relaxed);
            }
        });
        let begin = Instant::now();
        let builder = Client::builder(&name).reconnect(true);
        let error = builder
            .connect_timeout(Duration::from_millis(700))
            .connect();
        let error = error.unwrap_err();
        let most = most_attempts(begin.elapsed());
        // The first one is seen, however late.
        while seen.load(Ordering::Relaxed) == 0 && begin.elapsed() < WATCHDOG {
            thread::yield_now();
        }
        is_over.store(true, Ordering::Release);
        connect(socket(), &address).unwrap();
        assert!(error.is_host_gone() || error.is_timeout(), "{error}");
        let seen = seen.load(Ordering::Relaxed);
        assert!(
            (1..=most).contains(&seen),
            "{seen} attempts, at most {most}"
        );
    });
}

#[test]
fn a_host_without_frames_is_not_polled_in_a_loop() {
    let name = &name("empty");
    let is_over = &AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                // In use for a moment while another test starts a process, which has all sockets
                // until it runs.
                let Ok(mut host) = Host::builder(name).bind() else {
                    thread::yield_now();
                    continue;
                };
                while host.clients().count() == 0 && !is_over.load(Ordering::Relaxed) {
                    host.process().unwrap();
                    thread::yield_now();
                }
            }
        });
        let _over = Over(is_over);
        let begin = Instant::now();
        let mut client = client(name);
        while client.restarts() == 0 || begin.elapsed() < Duration::from_millis(700) {
            fail(&mut client, Duration::from_millis(50));
            assert!(begin.elapsed() < WATCHDOG, "it does not reconnect");
        }
        let most = most_attempts(begin.elapsed());
        assert!(client.restarts() <= most, "{} moves", client.restarts());
    });
}
