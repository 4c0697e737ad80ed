//! Clients that only poll for frames, in their own loop, and never wait.

#![cfg(target_os = "linux")]

mod one_plane;
mod process;

use std::thread;
use std::time::{Duration, Instant};

use process::{Process, WATCHDOG, role, say};
use videostream::{Client, Error, Frame, Result};

fn name(test: &str) -> String {
    format!("videostream-polling-{}-{test}", std::process::id())
}

/// Looks until there is a frame, or an error.
fn look(client: &mut Client) -> Result<Frame> {
    let begin = Instant::now();
    loop {
        if let Some(frame) = client.try_next()? {
            return Ok(frame);
        }
        assert!(begin.elapsed() < WATCHDOG, "nobody tells the client");
        thread::sleep(Duration::from_millis(1));
    }
}

/// A host in a separate process: one frame, and then nothing until it has to close.
fn hosting(path: &str) {
    let (mut host, frame) = one_plane::host(path, 4);
    say("ready");
    while host.clients().count() == 0 {
        host.process().unwrap();
        thread::sleep(Duration::from_millis(1));
    }
    host.publish(&frame).unwrap();
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    host.publish(&frame).unwrap();
    drop(host);
    say("closed");
    std::io::stdin().read_line(&mut line).unwrap();
}

/// A host in another process, and a client that has had its frame.
fn start(test: &str) -> (Process, Client) {
    let path = name(test);
    let host = Process::start(test, &["host", &path]);
    assert_eq!(host.next(), "ready");
    let mut client = Client::connect(&path).unwrap();
    assert_eq!(look(&mut client).unwrap().serial(), 1);
    assert!(client.try_next().unwrap().is_none());
    (host, client)
}

#[test]
fn who_never_waits_hears_that_a_host_is_killed() {
    const TEST: &str = "who_never_waits_hears_that_a_host_is_killed";
    if let Some(role) = role() {
        return hosting(&role[1]);
    }
    let (host, mut client) = start(TEST);
    // Killed as it goes out of scope.
    drop(host);
    let error = look(&mut client).unwrap_err();
    assert!(error.is_host_gone(), "{error}");
    let again: Error = look(&mut client).unwrap_err();
    assert!(again.is_host_gone(), "{again}");
}

#[test]
fn who_never_waits_hears_that_a_host_closes() {
    const TEST: &str = "who_never_waits_hears_that_a_host_closes";
    if let Some(role) = role() {
        return hosting(&role[1]);
    }
    let (mut host, mut client) = start(TEST);
    host.tell("close");
    assert_eq!(host.next(), "closed");
    // What it published comes first; then at once, though its process lives on.
    assert_eq!(client.try_next().unwrap().unwrap().serial(), 2);
    let error = client.try_next().unwrap_err();
    assert!(error.is_host_gone(), "{error}");
}
