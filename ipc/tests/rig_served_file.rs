//! A peer that sends a file of a user-space file system that never answers: no call that would wait
//! for an answer is made.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test is
//! skipped.
//!
//! rig: timeout=300

#![cfg(target_os = "linux")]

mod served_file;
mod support;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::mpsc::TryRecvError;

use served_file::Served;
use support::*;
use videostream_hal::memory::kind::{self, Kind};
use videostream_hal::memory::{MemoryError, sync_file};
use videostream_hal::ring::RingLayout;
use videostream_hal::ring::segment::{HostControl, LeaseMap};
use videostream_ipc::wire::{Exports, Message};
use videostream_ipc::{Error, Mode, Refusal};
use videostream_testing::{TIMEOUT, on_the_rig};

/// `FUSE_STATFS`.
const STATFS: u32 = 17;

/// Uses the file on another thread, and checks that this ends and sends no request.
fn at_once<T: Send + 'static>(
    served: &Served,
    act: impl FnOnce(OwnedFd) -> T + Send + 'static,
) -> T {
    let file = served.file.as_fd().try_clone_to_owned().unwrap();
    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::spawn(move || done.send(act(file)));
    let result = is_done.recv_timeout(TIMEOUT);
    assert_eq!(served.asked.try_recv(), Err(TryRecvError::Empty));
    result.expect("it waits for the file")
}

/// Leaks the descriptor: closing it would send a request.
fn keep(file: OwnedFd) {
    std::mem::forget(file);
}

#[test]
fn what_such_a_file_is_can_be_told_without_asking() {
    let Some(_turn) = on_the_rig("what_such_a_file_is_can_be_told_without_asking") else {
        return;
    };
    let served = Served::new();
    at_once(&served, |file| {
        let fd = file.as_fd();
        assert_eq!(kind::of(fd), Ok(Kind::Other));
        assert_eq!(kind::memory_size(fd), Ok(None));
        assert_eq!(kind::is_fixed_memory(fd, 1), Ok(false));
        assert_eq!(kind::may_be_served(fd), Ok(true));
        let fence = sync_file::wait(fd, u64::MAX);
        assert_eq!(fence, Err(MemoryError::NotASyncFile));
        keep(file);
    });
    // Check that a request would have been noticed.
    let file = served.file.try_clone().unwrap();
    let waiting = std::thread::spawn(move || {
        let refused = rustix::fs::fstatfs(&file).is_err();
        std::mem::forget(file);
        refused
    });
    assert_eq!(served.asked.recv_timeout(TIMEOUT), Ok(STATFS));
    drop(served);
    assert!(waiting.join().unwrap(), "the file system has ended");
}

#[test]
fn a_client_refuses_such_a_file_in_whatever_place() {
    let Some(_turn) = on_the_rig("a_client_refuses_such_a_file_in_whatever_place") else {
        return;
    };
    let served = Served::new();
    let layout = RingLayout::new(4).unwrap();
    let control = HostControl::create(layout, 7, 1).unwrap();
    let (_, lease) = LeaseMap::create(layout).unwrap();
    let (_, event) = seqpacket_pair();
    let welcome = Message::Welcome {
        client: 0,
        host_pid: 1,
        exports: Exports::ReadOnly,
        epoch: 7,
    };
    let file = served.file.as_fd();
    let good = [control.as_fd(), lease.as_fd(), event.as_fd()];
    let mut cases: Vec<(Message, Vec<BorrowedFd<'_>>)> = (0..3)
        .map(|at| {
            let mut fds = good;
            fds[at] = file;
            (welcome, fds.to_vec())
        })
        .collect();
    cases.push((Message::Buffer { id: 5, size: 4096 }, vec![file]));
    cases.push((Message::Fence { id: 5 }, vec![file]));
    cases.push((Message::Parameters { size: 64 }, vec![file]));
    cases.push((Message::Unregister { id: 5 }, vec![file, file]));
    for (at, (message, fds)) in cases.into_iter().enumerate() {
        let name = name(&format!("served-{at}"));
        let host = raw_host(&name);
        let client = attempt(&name);
        let peer = raw_accept(&host);
        send_raw(&peer, &message.encode(), &fds);
        let error = at_once(&served, move |file| {
            keep(file);
            client.join().unwrap().map(drop).unwrap_err()
        });
        assert!(matches!(error, Error::Unexpected { .. }), "{at}: {error}");
    }
}

#[test]
fn a_host_goes_on_when_a_client_sends_such_a_file() {
    let Some(_turn) = on_the_rig("a_host_goes_on_when_a_client_sends_such_a_file") else {
        return;
    };
    let served = Served::new();
    let refused = at_once(&served, |file| {
        let name = name("served");
        let (mut host, _) = host(&name, 6);
        let liar = raw_client(&name);
        let hello = Message::Hello {
            mode: Mode::Newest,
            hold: 1,
        };
        send_raw(&liar, &hello.encode(), &times(&file, 4));
        keep(file);
        serve_until(&mut host, |host| host.stats().refused == 1);
        let _served = honest(&mut host, &name);
        next_message(&liar)
    });
    assert_eq!(refused, Some(Message::Refused(Refusal::Malformed)));
}
