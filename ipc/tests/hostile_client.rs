//! Clients that lie, flood, stall and leave: the host stays up, names the fault, and an honest
//! client loses nothing.

#![cfg(target_os = "linux")]

mod support;

use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use support::*;
use videostream_hal::ring::cells::Lease;
use videostream_hal::ring::cells::SlotId;
use videostream_hal::ring::segment::{ControlMap, LeaseMap};
use videostream_hal::sync::Ordering;
use videostream_hal::time::{deadline_in, now_ns, poll_until};
use videostream_ipc::host::Host;
use videostream_ipc::socket::Sent;
use videostream_ipc::wire::{MESSAGE_SIZE, Message};
use videostream_ipc::{Goodbye, MAX_CLIENTS, Mode, Refusal, client::Client};
use videostream_testing::TIMEOUT_NS;

const HELLO: Message = Message::Hello {
    mode: Mode::Newest,
    hold: 1,
};

/// Publishes frames and checks that `client` gets each of them.
fn still_served(host: &mut Host, id: u32, client: &Client) {
    for _ in 0..50 {
        let (_, serial) = host.publish(&frame(id)).unwrap();
        let held = client.hold(serial - 1).unwrap().unwrap();
        assert_eq!(held.descriptor.serial, serial);
        client.release(held.slot);
        host.reclaim(4, |_| ());
        host.process().unwrap();
    }
}

/// Returns the host's answer to a first packet, while it serves an honest client.
fn answer_to(test: &str, bytes: &[u8], fds: usize) -> Message {
    let name = name(test);
    let (mut host, id) = host(&name, 6);
    let client = honest(&mut host, &name);
    let liar = raw_client(&name);
    let fd = buffer(4096);
    send_raw(&liar, bytes, &times(&fd, fds));
    serve_until(&mut host, |host| host.stats().refused == 1);
    still_served(&mut host, id, &client);
    let answer = next_message(&liar).unwrap();
    assert_eq!(next_message(&liar), None, "and hangs up");
    answer
}

#[test]
fn packets_of_a_wrong_length_are_refused() {
    for len in [1, MESSAGE_SIZE - 1, MESSAGE_SIZE + 1, 60_000] {
        let answer = answer_to(&format!("length-{len}"), &vec![0x41; len], 0);
        assert_eq!(answer, Message::Refused(Refusal::Malformed));
    }
}

#[test]
fn another_version_is_told_ours() {
    let mut bytes = HELLO.encode();
    bytes[4] = 0x77;
    let answer = answer_to("version", &bytes, 0);
    assert_eq!(answer, Message::Refused(Refusal::Version { host: 1 }));
}

#[test]
fn malformed_messages_are_refused() {
    for (at, value) in [(0, 0), (6, 99), (8, 7), (12, 255)] {
        let mut bytes = HELLO.encode();
        bytes[at] = value;
        let answer = answer_to(&format!("byte-{at}"), &bytes, 0);
        assert_eq!(answer, Message::Refused(Refusal::Malformed), "byte {at}");
    }
}

#[test]
fn descriptors_that_nobody_asked_for_are_refused() {
    for fds in [1, 3, 4, 16] {
        let answer = answer_to(&format!("fds-{fds}"), &HELLO.encode(), fds);
        assert_eq!(answer, Message::Refused(Refusal::Malformed), "{fds}");
    }
}

#[test]
fn messages_of_hosts_are_refused_from_clients() {
    let messages = [
        Message::Unregister { id: 1 },
        Message::Goodbye(Goodbye::Closing),
        Message::StatusRequest,
    ];
    for (at, message) in messages.into_iter().enumerate() {
        let answer = answer_to(&format!("host-message-{at}"), &message.encode(), 0);
        assert_eq!(answer, Message::Refused(Refusal::Malformed), "{message:?}");
    }
}

#[test]
fn a_second_hello_ends_the_connection() {
    let name = name("second-hello");
    let (mut host, id) = host(&name, 6);
    let client = honest(&mut host, &name);
    let liar = raw_client(&name);
    send(&liar, HELLO, &[]);
    serve_until(&mut host, |host| host.clients().count() == 2);
    send(&liar, HELLO, &[]);
    serve_until(&mut host, |host| host.clients().count() == 1);
    still_served(&mut host, id, &client);
}

/// Sleeps until the host has work to do, and does it, like its owner.
fn sleep_and_serve(host: &mut Host) {
    let mut fds = [PollFd::new(&*host, PollFlags::IN)];
    assert!(poll_until(&mut fds, deadline_in(TIMEOUT_NS)).unwrap());
    host.process().unwrap();
}

#[test]
fn the_silent_are_refused_when_nothing_else_happens() {
    let name = name("silent");
    let (mut host, _) = host(&name, 6);
    let begin = now_ns();
    let silent: Vec<_> = (0..3).map(|_| raw_client(&name)).collect();
    while host.stats().refused < 3 {
        sleep_and_serve(&mut host);
    }
    assert!(now_ns() - begin >= 2_000_000_000);
    for socket in &silent {
        let told = next_message(socket);
        assert_eq!(told, Some(Message::Refused(Refusal::Silent { ms: 2000 })));
    }
    // No client is expected any more: nothing wakes the host.
    let mut fds = [PollFd::new(&host, PollFlags::IN)];
    assert!(!poll_until(&mut fds, 0).unwrap());
}

#[test]
fn the_silent_make_room_for_an_honest_client() {
    let name = name("stall");
    let (mut host, id) = host(&name, 6);
    let client = honest(&mut host, &name);
    let stalled: Vec<_> = (0..MAX_CLIENTS - 1).map(|_| raw_client(&name)).collect();
    serve_until(&mut host, |host| {
        host.sockets().count() == MAX_CLIENTS || host.stats().refused > 0
    });
    let _in = honest(&mut host, &name);
    let told = next_message(&stalled[0]);
    assert_eq!(told, Some(Message::Refused(Refusal::Silent { ms: 2000 })));
    assert_eq!(host.clients().count(), 2);
    still_served(&mut host, id, &client);
    serve_until(&mut host, |host| {
        host.stats().refused == stalled.len() as u64
    });
    assert_eq!(host.clients().count(), 2);
}

#[test]
fn a_flood_of_unread_requests_harms_nobody() {
    let name = name("flood");
    let (mut host, id) = host(&name, 6);
    let client = honest(&mut host, &name);
    let flood = raw_client(&name);
    send(&flood, HELLO, &[]);
    serve_until(&mut host, |host| host.clients().count() == 2);
    let look = Message::StatusRequest;
    while videostream_ipc::socket::send(&flood, &look, &[]) == Ok(Sent::Yes) {}
    // One request of each client is answered at a time, however many there are.
    let mut statuses = 0;
    for turn in 1..=3 {
        host.process().unwrap();
        while let Ok(Some((message, _))) = videostream_ipc::socket::receive(&flood) {
            statuses += u32::from(matches!(message, Message::Status(_)));
        }
        assert_eq!(statuses, turn, "of {turn}");
    }
    let mut sent = 0;
    while sent < 20_000 {
        if videostream_ipc::socket::send(&flood, &look, &[]) != Ok(Sent::Yes) {
            host.process().unwrap();
        }
        sent += 1;
    }
    still_served(&mut host, id, &client);
}

#[test]
fn a_client_that_never_reads_is_evicted() {
    let name = name("never-reads");
    let (mut host, id) = host(&name, 6);
    let client = honest(&mut host, &name);
    let deaf = raw_client(&name);
    send(&deaf, HELLO, &[]);
    serve_until(&mut host, |host| host.clients().count() == 2);
    let mut rounds = 0;
    while host.stats().evicted == 0 {
        let new = host.register(buffer(4096), 4096).unwrap();
        // The honest client reads.
        while client.pump().unwrap().is_some() {}
        host.unregister(new);
        while client.pump().unwrap().is_some() {}
        rounds += 1;
        assert!(rounds < 100_000, "its queue is without end");
    }
    assert_eq!(host.clients().count(), 1);
    still_served(&mut host, id, &client);
}

#[test]
fn a_client_with_garbage_in_its_lease_is_evicted() {
    let name = name("garbage");
    let (mut host, id) = host(&name, 6);
    let client = honest(&mut host, &name);
    let liar = honest(&mut host, &name);
    for _ in 0..4 {
        host.publish(&frame(id)).unwrap();
    }
    let lease = liar.ring().1;
    for slot in 0..host.slots() {
        let slot = SlotId::checked(slot, host.slots()).unwrap();
        lease.refs(slot).store(u32::MAX, Ordering::Relaxed);
    }
    lease.waiting().store(u32::MAX, Ordering::Relaxed);
    host.publish(&frame(id)).unwrap();
    assert!(host.reclaim(2, |_| ()) > 2, "it holds everything");
    assert_eq!(host.evict_over_limit(), 1);
    assert_eq!(host.reclaim(1, |_| ()), 1);
    still_served(&mut host, id, &client);
}

#[test]
fn a_client_cannot_make_its_host_block_on_the_event() {
    let name = name("blocking-event");
    let (mut host, id) = host(&name, 6);
    let client = honest(&mut host, &name);
    let liar = raw_client(&name);
    send(&liar, HELLO, &[]);
    serve_until(&mut host, |host| host.clients().count() == 2);
    let mut fds = Vec::new();
    while let Ok(Some((_, more))) = videostream_ipc::socket::receive(&liar) {
        fds.extend(more);
    }
    let [_buffer, control, lease, event] = &fds[..] else {
        panic!("{} descriptors", fds.len());
    };
    let layout = ControlMap::open(control.as_fd()).unwrap().layout();
    let lease = LeaseMap::open(lease.as_fd(), layout).unwrap();
    lease.waiting().store(u32::MAX, Ordering::Relaxed);
    // Blocking, for every process that has the file, and full.
    let flags = rustix::fs::OFlags::NONBLOCK;
    rustix::fs::fcntl_setfl(event, flags).unwrap();
    while rustix::io::write(event, &(u64::MAX - 1).to_ne_bytes()).is_ok() {}
    rustix::fs::fcntl_setfl(event, rustix::fs::OFlags::empty()).unwrap();
    let served = std::thread::spawn(move || {
        for _ in 0..20 {
            still_served(&mut host, id, &client);
        }
        host.stats().event_wakes
    });
    let deadline = deadline_in(TIMEOUT_NS);
    while !served.is_finished() {
        assert!(now_ns() < deadline, "the host hangs");
        std::thread::yield_now();
    }
    assert_eq!(served.join().unwrap(), 1000, "it was told each time");
}

#[test]
fn a_client_cannot_shrink_or_seal_what_it_got() {
    let name = name("shrink");
    let (mut host, _) = host(&name, 6);
    let raw = raw_client(&name);
    send(&raw, HELLO, &[]);
    serve_until(&mut host, |host| host.clients().count() == 1);
    let mut seen = 0;
    while let Ok(Some((_, fds))) = videostream_ipc::socket::receive(&raw) {
        for fd in &fds {
            // Nor the event's descriptor.
            let cut = rustix::fs::ftruncate(fd, 0);
            assert!(matches!(cut, Err(Errno::PERM | Errno::INVAL)), "{cut:?}");
            seen += 1;
        }
    }
    assert_eq!(seen, 4, "a buffer, the segment, the lease and the event");
}

#[test]
fn ten_thousand_connections_leak_no_descriptor() {
    let name = name("connections");
    let (mut host, id) = host(&name, 6);
    let client = honest(&mut host, &name);
    let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let own = host.as_fd().try_clone_to_owned().unwrap();
    drop(own);
    let mut most = 0;
    for round in 0..10_000u32 {
        let raw = raw_client(&name);
        if round % 3 != 0 {
            send(&raw, HELLO, &[]);
        }
        host.process().unwrap();
        drop(raw);
        host.process().unwrap();
        if round == 100 {
            most = open();
        }
    }
    serve_until(&mut host, |host| host.clients().count() == 1);
    // Other tests run at the same time: leave room for their descriptors, not for ten thousand.
    assert!(open() < most + 500, "{} after {most}", open());
    still_served(&mut host, id, &client);
}

#[test]
fn the_dead_leave_with_their_questions_unread() {
    let name = name("dead");
    let (mut host, _) = host(&name, 6);
    let liar = raw_client(&name);
    send(&liar, HELLO, &[]);
    serve_until(&mut host, |host| host.clients().count() == 1);
    for _ in 0..50 {
        send(&liar, Message::StatusRequest, &[]);
    }
    drop(liar);
    host.process().unwrap();
    assert_eq!(host.clients().count(), 0);
    assert_eq!(host.stats().left, 1);
}
