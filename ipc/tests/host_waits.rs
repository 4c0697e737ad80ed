//! A host that sleeps until a client releases or holds a frame.

#![cfg(target_os = "linux")]

mod support;

use std::sync::mpsc::channel;
use std::thread;

use rustix::event::{PollFd, PollFlags};
use support::*;
use videostream_hal::time::{deadline_in, poll_until};
use videostream_ipc::host::{Host, TellOf};
use videostream_ipc::wire::Message;
use videostream_testing::TIMEOUT_NS;

fn is_readable(host: &Host) -> bool {
    poll_until(&mut [PollFd::new(host, PollFlags::IN)], 0).unwrap()
}

/// Sleeps like a host that waits for nothing else.
fn sleep(host: &Host) {
    let mut fds = [PollFd::new(host, PollFlags::IN)];
    let woken = poll_until(&mut fds, deadline_in(TIMEOUT_NS)).unwrap();
    assert!(woken, "nobody wakes the host");
}

#[test]
fn a_starved_host_sleeps_until_a_buffer_is_back() {
    const ROUNDS: u32 = 500;
    let name = name("starved");
    let (mut host, id) = host(&name, 4);
    let client = honest(&mut host, &name);
    let (hold, held) = channel();
    thread::scope(|scope| {
        let client = &client;
        scope.spawn(move || {
            for slot in held {
                // Before the host sleeps, or after.
                thread::yield_now();
                client.release(slot);
            }
        });
        for _ in 0..ROUNDS {
            let (_, serial) = host.publish(&frame(id)).unwrap();
            hold.send(client.hold(serial - 1).unwrap().unwrap().slot)
                .unwrap();
            loop {
                host.begin_wait(TellOf::Releases);
                host.reclaim_all(|_| ());
                if host.outstanding() == 0 {
                    break;
                }
                sleep(&host);
                host.process().unwrap();
                host.end_wait();
            }
            host.end_wait();
        }
        drop(hold);
    });
}

#[test]
fn nothing_is_sent_while_nobody_waits() {
    let name = name("nobody-waits");
    let (mut host, id) = host(&name, 4);
    let client = honest(&mut host, &name);
    let (_, serial) = host.publish(&frame(id)).unwrap();
    let moves = host.moves();
    for _ in 0..100 {
        let held = client.hold(serial - 1).unwrap().unwrap();
        client.release(held.slot);
    }
    assert!(!is_readable(&host));
    assert_ne!(host.moves(), moves, "but it is counted");
}

#[test]
fn each_client_tells_once_of_each_wait() {
    let name = name("tells-once");
    let (mut host, id) = host(&name, 4);
    let client = honest(&mut host, &name);
    let (_, serial) = host.publish(&frame(id)).unwrap();
    for what in [TellOf::Releases, TellOf::HoldsAndReleases] {
        host.begin_wait(what);
        let held = client.hold(serial - 1).unwrap().unwrap();
        assert_eq!(is_readable(&host), what == TellOf::HoldsAndReleases);
        client.release(held.slot);
        assert!(is_readable(&host));
        for _ in 0..100 {
            let held = client.hold(serial - 1).unwrap().unwrap();
            client.release(held.slot);
        }
        host.process().unwrap();
        assert!(!is_readable(&host), "more than one message");
        host.end_wait();
    }
    // Two waits: ending the first keeps the other's mark.
    host.begin_wait(TellOf::Releases);
    host.begin_wait(TellOf::Releases);
    host.end_wait();
    let held = client.hold(serial - 1).unwrap().unwrap();
    client.release(held.slot);
    assert!(is_readable(&host));
}

#[test]
fn a_client_that_tells_without_end_is_served_in_turn() {
    let name = name("tells-on");
    let (mut host, id) = host(&name, 4);
    let client = honest(&mut host, &name);
    let liar = honest(&mut host, &name);
    for _ in 0..1000 {
        let full = videostream_ipc::socket::send(liar.socket_fd(), &Message::Moved, &[]);
        host.process().unwrap();
        full.unwrap();
    }
    host.publish(&frame(id)).unwrap();
    let held = client.hold(client.last_serial()).unwrap().unwrap();
    client.release(held.slot);
    assert_eq!(host.clients().count(), 2);
}
