//! One host and several clients in separate processes, with and without failures.

mod support;

use std::fs;
use std::time::Duration;

use rustix::process::Signal;

use support::{
    Process, assert_accounts, h264, number, numbers, place, probe, share_pattern, start, wait_until,
};

/// Starts a host with the maximum of buffers: a client may be late for more than a second.
fn host(socket: &str) -> Process {
    share_pattern(socket, &["--buffers", "32"])
}

/// Waits until each of a host's clients has had frames.
fn wait_for_frames(socket: &str, clients: usize) {
    wait_until("every client has had frames", || {
        let shown = support::run(["top", "--once", "--json", socket]).json();
        let acquired = shown["clients"].as_array().unwrap().iter();
        let acquired: Vec<_> = acquired.map(|c| number(c, "acquired")).collect();
        acquired.len() == clients && acquired.iter().all(|frames| *frames > 3)
    });
}

fn receive(socket: &str, words: &[&str]) -> Process {
    let fixed = ["receive", "--every", "--json", "--timeout", "60"];
    start(fixed.iter().chain(words).chain(&[socket]))
}

#[test]
fn receivers_and_recorder_share_the_same_memory() {
    let test = "receivers_and_recorder_share_the_same_memory";
    let (folder, socket) = place();
    let file = folder.path().join("out.mp4");
    let host = host(&socket);
    let receivers = [(); 3].map(|()| receive(&socket, &["--verify", "-f", "50"]));
    let record = ["record", "--json", "-f", "40", "--ipc", &socket, "-o"];
    let recorder = start(record.iter().chain(&[file.to_str().unwrap()]));

    let received = receivers.map(|process| process.finish().json());
    let recorded = recorder.finish().json();
    let shared = host.interrupt().json();
    let memory = numbers(&shared, "inodes");
    assert_eq!(memory.len(), 32);
    for received in &received {
        assert_eq!(number(received, "frames_processed"), 50);
        assert_eq!(number(received, "verified_frames"), 50);
        assert_eq!(number(received, "corrupt_frames"), 0);
        assert_eq!(number(received, "restarts"), 0);
        assert_accounts(received);
        let mapped = numbers(received, "inodes");
        assert!(!mapped.is_empty() && mapped.iter().all(|i| memory.contains(i)));
        assert!(number(received, "delivery_p50_ns") <= number(received, "delivery_max_ns"));
        assert!(number(received, "latency_p50_us") <= number(received, "latency_max_us"));
        assert_eq!(number(received, "bytes_processed"), 50 * 320 * 240 * 3 / 2);
        assert_eq!(received["format"], "NV12");
    }
    assert_eq!(number(&recorded, "frames"), 40);
    assert!(number(&shared, "frames_processed") >= 50);
    // The socket's file is gone with the host.
    assert!(!fs::exists(&socket).unwrap());
    if let Some(found) = probe(test, &file) {
        assert_eq!(Some(found), h264(320, 240, "20/1", 40));
    }
}

#[test]
fn frames_are_shared_in_their_converted_format() {
    let (_folder, socket) = place();
    let words = ["stream", "--pattern", "-r", "320x240", "--convert", "UYVY"];
    let mut host = start(words.iter().chain(&["--json", &socket]));
    host.wait_for("sharing");
    let received = receive(&socket, &["-f", "10"]).finish().json();
    assert_eq!(number(&received, "frames_processed"), 10);
    assert_eq!(number(&received, "bytes_processed"), 10 * 320 * 240 * 2);
    assert_eq!(received["format"], "UYVY");
}

#[test]
fn a_killed_receiver_costs_the_others_no_frame() {
    let (_folder, socket) = place();
    let _host = host(&socket);
    let mut victims = [(); 3].map(|()| receive(&socket, &["-f", "0", "--hold", "2"]));
    for victim in &mut victims {
        victim.wait_for("connected");
    }
    let others = [(); 2].map(|()| receive(&socket, &["--verify", "-f", "80"]));
    for victim in victims {
        std::thread::sleep(Duration::from_millis(700));
        victim.signal(Signal::KILL);
        assert!(!victim.finish().status.success());
    }
    for other in others {
        let received = other.finish().json();
        assert_eq!(number(&received, "verified_frames"), 80);
        assert_eq!(number(&received, "dropped_frames"), 0, "{received}");
        assert_accounts(&received);
    }
}

#[test]
fn a_killed_host_is_reported_and_the_next_takes_its_place() {
    let (folder, socket) = place();
    let file = folder.path().join("out.mp4");
    let first = host(&socket);
    let mut plain = receive(&socket, &["-f", "0"]);
    // Until they are told to end: however long the others take to start.
    let mut again = receive(&socket, &["-f", "0", "--reconnect", "--verify"]);
    let record = ["record", "--json", "--timeout", "60", "--reconnect"];
    let to = ["--ipc", &socket, file.to_str().unwrap()];
    let mut recorder = start(record.iter().chain(&to));
    plain.wait_for("connected");
    again.wait_for("connected");
    recorder.wait_for("recording");
    wait_for_frames(&socket, 3);
    first.signal(Signal::KILL);
    assert!(!first.finish().status.success());

    let ended = plain.finish();
    ended.assert_error(5, &["the host is gone", &socket]);
    assert!(number(&ended.json_anyway(), "frames_processed") > 0);
    // Its leftovers do no harm.
    assert!(fs::exists(&socket).unwrap());
    let _second = host(&socket);
    again.wait_for("another host has taken over");
    wait_for_frames(&socket, 2);
    let received = again.interrupt().json();
    assert_eq!(number(&received, "restarts"), 1);
    let frames = number(&received, "frames_processed");
    assert!(frames > 6, "{received}");
    assert_eq!(number(&received, "verified_frames"), frames);
    assert_eq!(received["in_order"], true);
    let recorded = recorder.interrupt().json();
    assert_eq!(number(&recorded, "restarts"), 1);
    let frames = number(&recorded, "frames");
    assert!(frames > 6, "{recorded}");
    if let Some(found) = probe(
        "a_killed_host_is_reported_and_the_next_takes_its_place",
        &file,
    ) {
        assert_eq!(*found.last().unwrap(), frames.to_string());
    }
}

#[test]
fn endless_receivers_end_well_with_their_host() {
    let (_folder, socket) = place();
    let host = host(&socket);
    let mut endless = receive(&socket, &["-f", "0"]);
    let mut unfinished = receive(&socket, &["-f", "100000"]);
    endless.wait_for("connected");
    unfinished.wait_for("connected");
    host.interrupt().json();
    endless.finish().json();
    unfinished.finish().assert_error(5, &[&socket]);
}

#[test]
fn an_abstract_name_is_free_after_its_host() {
    let name = format!("videostream-test-{}", std::process::id());
    for _ in 0..2 {
        let mut host = start(["stream", "--pattern", "-r", "320x240", &name]);
        host.wait_for("sharing");
        receive(&name, &["-f", "5", "--verify"]).finish().json();
        host.signal(Signal::KILL);
        host.finish();
    }
}

#[test]
fn a_snapshot_is_taken_from_a_stream() {
    let (folder, socket) = place();
    let _host = host(&socket);
    for (name, magic) in [("a.png", &b"\x89PNG"[..]), ("a.jpg", &b"\xff\xd8\xff"[..])] {
        let file = folder.path().join(name);
        let words = ["snapshot", "--json", "--timeout", "60", "--ipc", &socket];
        let saved = support::run(words.iter().chain(&[file.to_str().unwrap()])).json();
        assert_eq!(
            (number(&saved, "width"), number(&saved, "height")),
            (320, 240)
        );
        assert!(fs::read(&file).unwrap().starts_with(magic));
    }
}

#[test]
fn ctrl_c_ends_every_command_well_and_soon() {
    let (folder, socket) = place();
    let file = folder.path().join("out.h264");
    let host = host(&socket);
    let mut receiver = receive(&socket, &["-f", "0"]);
    let mut recorder = start(["record", "--pattern", "--json", file.to_str().unwrap()]);
    receiver.wait_for("connected");
    recorder.wait_for("recording");
    // A client that waits for a missing host.
    let mut waiting = start(["receive", "--reconnect", "-t", "1000", "no-such-host"]);
    waiting.wait_for_signals();
    wait_for_frames(&socket, 1);
    wait_until("something is recorded", || {
        fs::metadata(&file).is_ok_and(|about| about.len() > 0)
    });
    assert!(number(&receiver.interrupt().json(), "frames_processed") > 0);
    let recorded = recorder.interrupt().json();
    assert!(number(&recorded, "frames") > 0);
    assert!(waiting.interrupt().status.success());
    host.interrupt().json();
}

#[test]
fn top_shows_host_and_clients_and_holds_nothing() {
    let (_folder, socket) = place();
    let _host = host(&socket);
    let mut receiver = receive(&socket, &["-f", "0"]);
    receiver.wait_for("connected");
    wait_for_frames(&socket, 1);
    let shown = support::run(["top", "--once", "--json", &socket]).json();
    let clients = shown["clients"].as_array().unwrap();
    assert_eq!(clients.len(), 1, "it does not show itself");
    assert_eq!(number(&clients[0], "pid"), u64::from(receiver.id()));
    assert_eq!(clients[0]["wants"], "every");
    assert!(number(&shown, "frames") >= number(&clients[0], "acquired"));
    let table = support::run(["top", "--once", &socket]).stdout;
    assert!(table.contains(&receiver.id().to_string()), "{table}");
    support::run(["top", "--once", "nobody-there"]).assert_error(5, &["nobody-there"]);
}
