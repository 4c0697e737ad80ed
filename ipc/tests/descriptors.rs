//! Hosts at the limits for open descriptors and for descriptors in flight. Each test runs in a
//! process of its own, whose limits it sets.

#![cfg(target_os = "linux")]

mod support;

use std::sync::mpsc::channel;
use std::thread;

use rustix::event::{PollFd, PollFlags};
use rustix::fd::AsRawFd as _;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, Uid, geteuid, getrlimit, setrlimit};
use rustix::thread::set_thread_res_uid;
use support::*;
use videostream_hal::time::{deadline_in, now_ns, poll_until};
use videostream_ipc::Refusal;
use videostream_ipc::client::{Config, PendingClient};
use videostream_ipc::host::Host;
use videostream_ipc::wire::Message;
use videostream_testing::TIMEOUT_NS;
use videostream_testing::process::{Process, role, say};

/// Runs the rest of `test` in a process of its own. Returns true in the test itself, once that
/// process has succeeded.
fn has_run_alone(test: &str) -> bool {
    if role().is_some() {
        return false;
    }
    let process = Process::start(test, &["alone"]);
    assert_eq!(process.next(), "done");
    assert!(process.end().success());
    true
}

fn limit(descriptors: u64) {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let current = Some(descriptors);
    setrlimit(Resource::Nofile, Rlimit { current, maximum }).unwrap();
}

fn is_ready(host: &Host) -> bool {
    poll_until(&mut [PollFd::new(host, PollFlags::IN)], 0).unwrap()
}

#[test]
fn host_without_descriptors_tells_or_sleeps() {
    if has_run_alone("host_without_descriptors_tells_or_sleeps") {
        return;
    }
    let name = name("emfile");
    let (mut host, _) = host(&name, 6);
    let before = getrlimit(Resource::Nofile).current.unwrap_or(1024);
    // The limit is the lowest free number: no descriptor can be opened from then on.
    let free = std::fs::File::open("/dev/null").unwrap().as_raw_fd();
    let knocker = raw_client(&name);
    limit(free as u64 + 1);
    // The client waits for a while, in case another one leaves, and is then refused.
    let begin = now_ns();
    let mut calls = 0;
    while host.stats().refused == 0 {
        let mut fds = [PollFd::new(&host, PollFlags::IN)];
        assert!(poll_until(&mut fds, deadline_in(TIMEOUT_NS)).unwrap());
        host.process().unwrap();
        calls += 1;
    }
    assert!(now_ns() - begin >= 2_000_000_000);
    assert!(calls <= 50, "{calls} calls");
    let told = next_message(&knocker);
    let why = Refusal::Resources {
        errno: Errno::MFILE.raw_os_error() as u32,
    };
    assert_eq!(told, Some(Message::Refused(why)));
    assert!(!is_ready(&host), "it sleeps");
    limit(before);
    let waiting = raw_client(&name);
    // Now the spare descriptor is in use as well.
    limit(3);
    let begin = now_ns();
    let mut calls = 0;
    while now_ns() - begin < 500_000_000 {
        let mut fds = [PollFd::new(&host, PollFlags::IN)];
        if poll_until(&mut fds, begin + 500_000_000).unwrap() {
            host.process().unwrap();
            calls += 1;
        }
    }
    assert!((1..=20).contains(&calls), "{calls} calls in half a second");
    limit(before);
    serve_until(&mut host, |host| host.sockets().count() == 1);
    drop(waiting);
    let _client = honest(&mut host, &name);
    // A client is let in if a descriptor becomes free in time.
    let free = std::fs::File::open("/dev/null").unwrap().as_raw_fd();
    let pending = PendingClient::new(&address(&name), Config::default()).unwrap();
    limit(free as u64 + 1);
    host.process().unwrap();
    limit(before);
    serve_until(&mut host, |host| host.clients().count() == 2);
    pending.finish(deadline_in(TIMEOUT_NS), |_| Ok(())).unwrap();
    say("done");
}

#[test]
fn clients_wait_while_too_many_descriptors_travel() {
    const CLIENTS: usize = 10;
    const BUFFERS: u64 = 40;
    if has_run_alone("clients_wait_while_too_many_descriptors_travel") {
        return;
    }
    // Fewer than all clients are sent before one of them reads.
    limit(200);
    let name = name("in-flight");
    let to = address(&name);
    let (has_bound, bound) = channel();
    let (is_short, short) = channel();
    let (is_over, over) = channel::<()>();
    let serving = thread::spawn(move || {
        // The limit applies to unprivileged users only. Affects this thread only.
        if geteuid().is_root() {
            let uid = Uid::from_raw(54321);
            set_thread_res_uid(uid, uid, uid).unwrap();
        }
        let (mut host, _) = host(&name, 12);
        for _ in 1..BUFFERS {
            host.register(buffer(4096), 4096).unwrap();
        }
        has_bound.send(()).unwrap();
        let mut was_short = false;
        while over.try_recv().is_err() {
            // Like an owner: only when the host has work to do.
            let mut fds = [PollFd::new(&host, PollFlags::IN)];
            if poll_until(&mut fds, deadline_in(10_000_000)).unwrap() {
                host.process().unwrap();
            }
            if !was_short && host.sockets().count() == CLIENTS && !is_ready(&host) {
                was_short = true;
                is_short.send(host.is_expecting()).unwrap();
            }
        }
        assert_eq!(host.stats().refused, 0);
    });
    bound.recv().unwrap();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| PendingClient::new(&to, Config::default()).unwrap())
        .collect();
    assert!(short.recv().unwrap(), "some wait for their welcome");
    for pending in clients {
        let _client = pending.finish(deadline_in(TIMEOUT_NS), |_| Ok(())).unwrap();
    }
    is_over.send(()).unwrap();
    serving.join().unwrap();
    say("done");
}
