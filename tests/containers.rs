//! Host and clients in separate containers, which share only a folder: user, PID, mount and network
//! namespaces, as in `docs/containers.md`. Each of them is killed.

#![cfg(target_os = "linux")]

mod one_plane;

use std::process::Command;
use std::time::Duration;

use videostream::hal::memory::allocate::Allocator;
use videostream::{Client, Host};
use videostream_testing::process::{Process, WATCHDOG, command, role, say, succeeds, under};
use videostream_testing::skip;

const TEST: &str = "containers_share_a_stream_by_a_folder";
/// Sequence numbers of one host.
const FRAMES: u64 = 1_000_000_000;

/// A container. Killing it kills everything that runs in it.
fn container(program: &Command) -> Command {
    let mut words = vec!["unshare", "--user", "--map-root-user", "--pid", "--mount"];
    words.extend(["--net", "--fork", "--kill-child", "--mount-proc"]);
    under(&words, program)
}

fn start(role: &[&str]) -> Process {
    Process::run(container(&command(TEST, role)), role.join(" "))
}

/// Publishes frames that bear the host's number, until it is killed.
fn host(path: &str, number: u64) {
    let begin = std::time::Instant::now();
    // Its forerunner may be about to die.
    let mut host = loop {
        match Host::builder(path).max_outstanding(16).bind() {
            Ok(host) => break host,
            Err(e) => assert!(begin.elapsed() < WATCHDOG, "{e}"),
        }
    };
    let memory = Allocator::memfd_only().allocate(4096).unwrap().fd;
    let buffer = host.register(memory, 4096).unwrap();
    let mut frame = one_plane::frame(buffer, 4096);
    say("serves");
    frame.sequence = number * FRAMES;
    loop {
        host.process().unwrap();
        host.reclaim(4, |_| ());
        host.publish(&frame).unwrap();
        frame.sequence += 1;
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Says which host the frames are from, whenever that changes, until it is killed.
fn client(path: &str) {
    let builder = Client::builder(path).reconnect(true);
    let mut client = builder.connect_timeout(WATCHDOG).connect().unwrap();
    let mut last = 0;
    loop {
        // Without one: the host is gone, and the next one comes.
        let Ok(frame) = client.next(Duration::from_secs(1)) else {
            continue;
        };
        let number = frame.sequence() / FRAMES;
        if number != last {
            last = number;
            say(format!("stream {number}"));
        }
    }
}

#[test]
fn containers_share_a_stream_by_a_folder() {
    if let Some(role) = role() {
        assert_eq!(std::process::id(), 1, "the first of its container");
        return match &role[..] {
            [what, path, number] if what == "host" => host(path, number.parse().unwrap()),
            [_, path] => client(path),
            _ => panic!("{role:?}"),
        };
    }
    if !succeeds(&mut container(&Command::new("true"))) {
        return skip(TEST, "unshare makes no user namespace here");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("camera");
    let path = path.to_str().unwrap();
    let first = start(&["host", path, "1"]);
    first.expect("serves", || ());
    let survivor = start(&["client", path]);
    survivor.expect("stream 1", || ());
    let victim = start(&["client", path]);
    victim.expect("stream 1", || ());
    victim.kill();
    let late = start(&["client", path]);
    late.expect("stream 1", || ());
    first.kill();
    let second = start(&["host", path, "2"]);
    second.expect("serves", || ());
    survivor.expect("stream 2", || ());
    late.expect("stream 2", || ());
}
