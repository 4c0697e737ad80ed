//! Hosts that lie: a client names the fault, keeps nothing and never panics.

#![cfg(target_os = "linux")]

mod support;

use std::os::fd::{AsFd, OwnedFd};

use support::liar::*;
use support::*;
use videostream_hal::memory::memfd;
use videostream_hal::ring::FrameDescriptor;
use videostream_hal::ring::RingError;
use videostream_hal::ring::cells::{ControlMut, HEAD_SLOT_BITS, head_serial};
use videostream_hal::ring::publisher::Publisher;
use videostream_hal::ring::segment::HostControl;
use videostream_hal::sync::Ordering;
use videostream_hal::time::{deadline_in, now_ns};
use videostream_ipc::client::{Client, Config, Event, PendingClient, Woken};
use videostream_ipc::wire::{Exports, Message, WireError};
use videostream_ipc::{Error, Goodbye};
use videostream_testing::TIMEOUT_NS;

#[test]
fn a_host_that_hangs_up_or_talks_nonsense_is_named() {
    let name = name("hang-up");
    let host = raw_host(&name);
    let client = attempt(&name);
    drop(raw_accept(&host));
    assert_eq!(client.join().unwrap().unwrap_err(), Error::HostGone);
    let garbage = error_of("garbage", |peer| send_raw(peer, &[1; 7], &[]));
    assert_eq!(garbage, Error::Wire(WireError::Length { bytes: 7 }));
    let long = error_of("long", |peer| send_raw(peer, &[1; 5000], &[]));
    assert!(matches!(long, Error::Wire(WireError::Length { .. })));
    let wrong = error_of("hello", |peer| send(peer, Message::StatusRequest, &[]));
    assert!(matches!(wrong, Error::Unexpected { .. }));
    let bye = Message::Goodbye(Goodbye::Closing);
    let bye = error_of("bye", |peer| send(peer, bye, &[]));
    assert_eq!(bye, Error::Goodbye(Goodbye::Closing));
}

#[test]
fn a_host_that_never_answers_is_left_at_the_deadline() {
    let name = name("silent");
    let _host = raw_host(&name);
    let deadline = deadline_in(50_000_000);
    let config = videostream_ipc::client::Config::default();
    let error = Client::connect(&address(&name), config, deadline, |_| Ok(())).unwrap_err();
    assert_eq!(error, Error::TimedOut);
}

#[test]
fn a_welcome_without_the_right_descriptors_is_refused() {
    let fd = buffer(4096);
    for count in [0, 1, 2] {
        let error = error_of(&format!("fds-{count}"), |peer| {
            send_raw(peer, &WELCOME.encode(), &times(&fd, count));
        });
        assert_eq!(
            error,
            Error::Wire(WireError::Fds {
                found: count,
                expected: 3
            })
        );
    }
    let many = error_of("fds-16", |peer| {
        send_raw(peer, &WELCOME.encode(), &times(&fd, 16));
    });
    assert!(matches!(
        many,
        Error::Wire(WireError::Fds { expected: 3, .. })
    ));
}

#[test]
fn unsealed_and_non_ring_segments_are_refused() {
    let (control, lease) = ring();
    let with = |test: &str, segment: &OwnedFd, lease: &OwnedFd| {
        let fds = [segment.as_fd(), lease.as_fd(), lease.as_fd()];
        error_of(test, |peer| send_raw(peer, &WELCOME.encode(), &fds))
    };
    let unsealed = memfd::create(c"test", 65536).unwrap();
    let error = with("unsealed", &unsealed, &lease);
    assert_eq!(error, Error::Ring(RingError::NotSealed));
    let short = buffer(64);
    let error = with("short", &short, &lease);
    assert!(matches!(
        error,
        Error::Ring(RingError::Size { found: 64, .. })
    ));
    let zeros = buffer(65536);
    let error = with("zeros", &zeros, &lease);
    assert_eq!(error, Error::Ring(RingError::Magic { found: 0 }));
    let (pipe, _writer) = rustix::pipe::pipe().unwrap();
    let error = with("pipe", &pipe, &lease);
    assert_eq!(error, Error::Ring(RingError::NotSealed));
    let control = control.as_fd().try_clone_to_owned().unwrap();
    let error = with("lease-unsealed", &control, &unsealed);
    assert_eq!(error, Error::Ring(RingError::NotSealed));
    let error = with("lease-short", &control, &pipe);
    assert_eq!(error, Error::Ring(RingError::NotSealed));
    let tiny = buffer(16);
    let error = with("lease-tiny", &control, &tiny);
    assert!(matches!(error, Error::Ring(RingError::Map(_))));
}

#[test]
fn the_epoch_of_the_welcome_is_that_of_the_ring() {
    let (control, lease) = ring();
    let other = Message::Welcome {
        client: 0,
        host_pid: 1,
        exports: Exports::ReadOnly,
        epoch: EPOCH + 1,
    };
    let fds = [control.as_fd(), lease.as_fd(), lease.as_fd()];
    let error = error_of("epoch", |peer| send(peer, other, &fds));
    assert!(matches!(error, Error::Unexpected { .. }));
}

#[test]
fn an_event_on_which_a_read_could_block_is_refused() {
    let (pipe, _writer) = rustix::pipe::pipe().unwrap();
    let flags = rustix::event::EventfdFlags::NONBLOCK;
    let eventfd = rustix::event::eventfd(0, flags).unwrap();
    for (test, event) in [("pipe", pipe), ("eventfd", eventfd), ("memfd", buffer(64))] {
        let (control, lease) = ring();
        let fds = [control.as_fd(), lease.as_fd(), event.as_fd()];
        let error = error_of(&format!("event-{test}"), |peer| send(peer, WELCOME, &fds));
        assert!(matches!(error, Error::Unexpected { .. }), "{test}: {error}");
    }
}

#[test]
fn a_host_cannot_make_its_client_block_on_the_event() {
    let name = name("blocking-event");
    let host = raw_host(&name);
    let client = attempt(&name);
    let peer = raw_accept(&host);
    let (control, lease) = ring();
    let (_own, event) = seqpacket_pair();
    let fds = [control.as_fd(), lease.as_fd(), event.as_fd()];
    send(&peer, WELCOME, &fds);
    let client = client.join().unwrap().unwrap();
    // All descriptors of a file share its flags.
    rustix::fs::fcntl_setfl(&event, rustix::fs::OFlags::empty()).unwrap();
    let armed = std::thread::spawn(move || client.arm(0));
    let deadline = deadline_in(TIMEOUT_NS);
    while !armed.is_finished() {
        assert!(now_ns() < deadline, "the client hangs");
        std::thread::yield_now();
    }
    assert!(armed.join().unwrap(), "there is no frame");
}

#[test]
fn unsealed_and_short_buffers_are_refused() {
    let (client, _ring, peer) = inside("buffers");
    let unsealed = memfd::create(c"test", 4096).unwrap();
    let good = buffer(4096);
    for (fd, size) in [
        (&unsealed, 4096),
        (&good, 8192),
        (&good, 0),
        (&good, u64::MAX),
    ] {
        let message = Message::Buffer { id: 5, size };
        send(&peer, message, &[fd.as_fd()]);
        assert_eq!(client.pump().unwrap_err(), Error::BadBuffer { id: 5 });
    }
    let message = Message::Buffer { id: 5, size: 4096 };
    send(&peer, message, &[good.as_fd()]);
    assert!(matches!(client.pump(), Ok(Some(Event::Buffer(5, 4096, _)))));
}

#[test]
fn unsealed_memory_is_taken_if_the_user_owns_it() {
    let test = "unsealed_memory_is_taken_if_the_user_owns_it";
    let (client, _ring, peer) = inside("unsealed");
    let offer = |fd: &OwnedFd, size| {
        send(&peer, Message::Unsealed { id: 5, size }, &[fd.as_fd()]);
        client.pump()
    };
    let memory = memfd::create(c"test", 4096).unwrap();
    let (pipe, _writer) = rustix::pipe::pipe().unwrap();
    assert_eq!(
        offer(&memory, 4097).unwrap_err(),
        Error::BadBuffer { id: 5 }
    );
    assert_eq!(offer(&memory, 0).unwrap_err(), Error::BadBuffer { id: 5 });
    assert_eq!(offer(&pipe, 4096).unwrap_err(), Error::BadBuffer { id: 5 });
    assert!(matches!(
        offer(&memory, 4096),
        Ok(Some(Event::Buffer(5, 4096, _)))
    ));
    // A file of another user, who could truncate it.
    if !rustix::process::geteuid().is_root() {
        return videostream_testing::skip(test, "gives a file away, which root alone may");
    }
    let other = Some(rustix::fs::Uid::from_raw(4711));
    rustix::fs::fchown(&memory, other, None).unwrap();
    assert_eq!(
        offer(&memory, 4096).unwrap_err(),
        Error::BadBuffer { id: 5 }
    );
}

#[test]
fn invalid_fences_are_refused_without_a_wait() {
    let (client, _ring, peer) = inside("fences");
    let (pipe, _writer) = rustix::pipe::pipe().unwrap();
    let flags = rustix::event::EventfdFlags::CLOEXEC;
    let eventfd = rustix::event::eventfd(0, flags).unwrap();
    let (socket, _other) = seqpacket_pair();
    for fd in [&buffer(4096), &socket, &pipe, &eventfd] {
        send(&peer, Message::Fence { id: 5 }, &[fd.as_fd()]);
        assert_eq!(client.pump().unwrap_err(), Error::BadFence { id: 5 });
    }
    for (at, value) in [(24, 1), (12, 3)] {
        let mut bytes = Message::Fence { id: 5 }.encode();
        bytes[at] = value;
        send_raw(&peer, &bytes, &[pipe.as_fd()]);
        let error = Error::Wire(WireError::Field {
            kind: 4,
            value: value.into(),
        });
        assert_eq!(client.pump().unwrap_err(), error);
    }
    send(&peer, Message::Fence { id: 5 }, &[]);
    let error = client.pump().unwrap_err();
    assert_eq!(
        error,
        Error::Wire(WireError::Fds {
            found: 0,
            expected: 1
        })
    );
}

#[test]
fn parameter_sets_beyond_the_maximum_are_refused() {
    let (client, _ring, peer) = inside("parameters");
    let huge = buffer(1 << 20);
    let message = Message::Parameters { size: 1 << 20 };
    send(&peer, message, &[huge.as_fd()]);
    assert!(matches!(
        client.pump().unwrap_err(),
        Error::ParameterSize { .. }
    ));
}

#[test]
fn a_ring_full_of_lies_gives_errors_or_nothing() {
    let (client, mut ring, _peer) = inside("lies");
    let publish = |ring: &mut Publisher<HostControl>, frame: FrameDescriptor| {
        let claim = ring.claim().unwrap();
        ring.publish(claim, |_| frame.to_words())
    };
    // A serial of another slot, impossible plane counts.
    publish(
        &mut ring,
        FrameDescriptor {
            serial: 9,
            ..Default::default()
        },
    );
    let error = client.hold(0).unwrap_err();
    assert_eq!(
        error,
        Error::Ring(RingError::Serial {
            expected: 1,
            found: 9
        })
    );
    let planes = FrameDescriptor {
        serial: 2,
        plane_count: 9,
        ..Default::default()
    };
    publish(&mut ring, planes);
    let error = client.hold(1).unwrap_err();
    assert_eq!(error, Error::Ring(RingError::Planes { count: 9 }));
    assert_eq!(client.held(), 0, "what is refused is released");
    // A head in nonexistent slots, beyond all serials.
    let control = ring.control();
    for head in [3 << HEAD_SLOT_BITS | 7, 1 << 63, u64::MAX - 1, u64::MAX] {
        control.head().store(head, Ordering::Relaxed);
        assert!(client.hold(0).unwrap().is_none());
        let serial = head_serial(head);
        assert!(client.hold(serial - 1).unwrap().is_none());
        assert_eq!(client.wait(0, deadline_in(1)), Ok(Woken::Frame));
    }
    assert_eq!(client.held(), 0);
}

#[test]
fn endless_wake_ups_do_not_pass_a_deadline() {
    let (client, ring, _peer) = inside("wakes");
    let control = ring.control();
    let error = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| client.wait(0, deadline_in(100_000_000)));
        while !waiting.is_finished() {
            control.wake().fetch_add(1, Ordering::Release);
            let flags = rustix::thread::futex::Flags::empty();
            let _ = rustix::thread::futex::wake(control.wake(), flags, 1);
        }
        waiting.join().unwrap()
    });
    assert_eq!(error, Err(Error::TimedOut));
}

#[test]
fn a_closed_host_that_stays_passes_no_deadline() {
    let (client, ring, _peer) = inside("closed");
    ring.control().close();
    let error = client.wait(0, deadline_in(1_000_000)).unwrap_err();
    assert_eq!(error, Error::TimedOut);
}

#[test]
fn connect_ends_at_its_deadline_despite_messages() {
    let name = name("talks");
    let host = raw_host(&name);
    let address = address(&name);
    let pending = PendingClient::new(&address, Config::default()).unwrap();
    let peer = raw_accept(&host);
    let talk = || send(&peer, Message::Unregister { id: 1 }, &[]);
    talk();
    let mut heard = 0;
    // Whenever the client has emptied its queue, there is more.
    let error = pending.finish(deadline_in(0), |_| {
        heard += 1;
        assert!(heard < 1000, "the client listens on");
        talk();
        Ok(())
    });
    assert_eq!(error.unwrap_err(), Error::TimedOut);
    assert_eq!(heard, 1);
}

#[test]
fn a_host_that_never_reads_cannot_make_a_client_wait() {
    let (client, _ring, _peer) = inside("never-reads");
    let deadline = deadline_in(TIMEOUT_NS);
    let error = loop {
        assert!(now_ns() < deadline, "its queue is never full");
        if let Err(error) = client.look() {
            break error;
        }
    };
    assert_eq!(error, Error::TimedOut);
}
