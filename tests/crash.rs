//! Processes that are killed and stopped: the others don't notice.
//!
//! Every client is a separate process that checks the content of every frame. The host publishes
//! only as fast as the surviving clients read, so that a lost frame is never due to a busy machine.

mod process;
mod show;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use process::{Process, Random, WATCHDOG, open_descriptors, role, say};
use rustix::process::Signal;
use show::{BUFFERS, Show, client};
use videostream::hal::time::deadline_in;

/// Clients killed in one test.
const VICTIMS: u64 = 24;

/// Tests count this process's descriptors: they take turns.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
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
fn a_killed_client_costs_nobody_a_frame() {
    const TEST: &str = "a_killed_client_costs_nobody_a_frame";
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
fn a_running_host_leaks_no_descriptor() {
    const TEST: &str = "a_running_host_leaks_no_descriptor";
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
fn a_stopped_client_delays_nobody_and_resumes() {
    const TEST: &str = "a_stopped_client_delays_nobody_and_resumes";
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
fn clients_of_a_killed_host_end_or_reconnect() {
    const TEST: &str = "clients_of_a_killed_host_end_or_reconnect";
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
fn waiting_clients_hear_of_their_hosts_death() {
    const TEST: &str = "waiting_clients_hear_of_their_hosts_death";
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
