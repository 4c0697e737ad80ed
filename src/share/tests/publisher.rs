//! Buffers of frames are kept while clients hold the frames.

use std::cell::RefCell;

use videostream_hal::time::now_ns;

use super::super::{Client, FramePublisher, Host};
use super::{connect, frame, memory, name};

fn publisher(test: &str, max_outstanding: u32) -> (FramePublisher<u32>, u32) {
    let mut host = Host::builder(name(test))
        .max_outstanding(max_outstanding)
        .bind()
        .unwrap();
    let buffer = host.register(memory(), 4096).unwrap();
    (FramePublisher::new(host), buffer)
}

/// Takes buffers back.
fn back(publisher: &mut FramePublisher<u32>) -> Vec<u32> {
    let back = RefCell::new(Vec::new());
    publisher.take_back(|kept| back.borrow_mut().push(kept));
    back.into_inner()
}

#[test]
fn the_oldest_frames_come_back() {
    let (mut publisher, buffer) = publisher("publisher-oldest", 3);
    for kept in 1..=5 {
        publisher.publish(&frame(buffer), kept).unwrap();
        let expected: &[u32] = if kept > 3 { &[kept - 3] } else { &[] };
        assert_eq!(back(&mut publisher), expected);
    }
    assert_eq!(publisher.kept().count(), 3);
}

#[test]
fn a_held_frame_stays() {
    let (mut publisher, buffer) = publisher("publisher-held", 3);
    let builder = Client::builder(name("publisher-held"));
    let mut client = connect(publisher.host_mut(), builder).unwrap();
    publisher.publish(&frame(buffer), 1).unwrap();
    let held = client.try_next().unwrap().unwrap();
    for kept in 2..=6 {
        publisher.publish(&frame(buffer), kept).unwrap();
        assert!(!back(&mut publisher).contains(&1));
    }
    drop(held);
    assert!(back(&mut publisher).contains(&1));
}

#[test]
fn expired_frames_come_back() {
    let (mut publisher, buffer) = publisher("publisher-expired", 3);
    assert_eq!(publisher.expires_ns(), None);
    let soon = now_ns() + 1;
    let frame = |expires_ns| videostream_hal::ring::FrameDescriptor {
        expires_ns,
        ..frame(buffer)
    };
    publisher.publish(&frame(soon), 1).unwrap();
    publisher.publish(&frame(0), 2).unwrap();
    publisher.publish(&frame(u64::MAX), 3).unwrap();
    assert_eq!(publisher.expires_ns(), Some(soon));
    assert_eq!(publisher.last_expires_ns(), Some(u64::MAX));
    assert_eq!(back(&mut publisher), [1]);
    assert_eq!(publisher.expires_ns(), Some(u64::MAX));
}

#[test]
fn a_refused_frame_gives_back_what_it_lies_in() {
    let (mut publisher, buffer) = publisher("publisher-refused", 3);
    let refused = publisher.publish(&frame(buffer + 7), 1).unwrap_err();
    assert_eq!(refused.keep, 1);
    assert_eq!(publisher.kept().count(), 0);
}

#[test]
fn a_closed_host_lets_clients_finish() {
    let (mut publisher, buffer) = publisher("publisher-closed", 3);
    let path = name("publisher-closed");
    let mut client = connect(publisher.host_mut(), Client::builder(&path)).unwrap();
    publisher.publish(&frame(buffer), 1).unwrap();
    publisher.host_mut().close();
    // The name is free at once.
    let (next, _) = self::publisher("publisher-closed", 3);
    // Frames published before the end are read first.
    let held = client.try_next().unwrap().unwrap();
    let end = client.try_next().unwrap_err();
    assert!(end.is_host_gone(), "{end}");
    let none: [u32; 0] = [];
    publisher.take_all_back(|_| panic!("a client holds it"));
    assert_eq!(back(&mut publisher), none);
    drop((held, client));
    while publisher.host().clients().count() > 0 {
        publisher.host_mut().process().unwrap();
    }
    assert_eq!(back(&mut publisher), [1]);
    drop(next);
}
