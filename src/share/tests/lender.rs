//! What frames lie in, kept for as long as somebody holds them.

use std::cell::RefCell;

use videostream_hal::time::now_ns;

use super::super::{Client, Host, Lender};
use super::{connect, frame, memory, name};

fn lender(test: &str, lend: u32) -> (Lender<u32>, u32) {
    let mut host = Host::builder(name(test)).lend(lend).bind().unwrap();
    let buffer = host.register(memory(), 4096).unwrap();
    (Lender::new(host), buffer)
}

/// What comes back now.
fn back(lender: &mut Lender<u32>) -> Vec<u32> {
    let back = RefCell::new(Vec::new());
    lender.take_back(|kept| back.borrow_mut().push(kept));
    back.into_inner()
}

#[test]
fn the_oldest_frames_come_back() {
    let (mut lender, buffer) = lender("lender-oldest", 3);
    for kept in 1..=5 {
        lender.publish(&frame(buffer), kept).unwrap();
        let expected: &[u32] = if kept > 3 { &[kept - 3] } else { &[] };
        assert_eq!(back(&mut lender), expected);
    }
    assert_eq!(lender.kept().count(), 3);
}

#[test]
fn a_held_frame_stays() {
    let (mut lender, buffer) = lender("lender-held", 3);
    let builder = Client::builder(name("lender-held"));
    let mut client = connect(lender.host_mut(), builder).unwrap();
    lender.publish(&frame(buffer), 1).unwrap();
    let held = client.try_next().unwrap().unwrap();
    for kept in 2..=6 {
        lender.publish(&frame(buffer), kept).unwrap();
        assert!(!back(&mut lender).contains(&1));
    }
    drop(held);
    assert!(back(&mut lender).contains(&1));
}

#[test]
fn expired_frames_come_back() {
    let (mut lender, buffer) = lender("lender-expired", 3);
    assert_eq!(lender.expires_ns(), None);
    let soon = now_ns() + 1;
    let frame = |expires_ns| videostream_hal::ring::FrameDescriptor {
        expires_ns,
        ..frame(buffer)
    };
    lender.publish(&frame(soon), 1).unwrap();
    lender.publish(&frame(0), 2).unwrap();
    lender.publish(&frame(u64::MAX), 3).unwrap();
    assert_eq!(lender.expires_ns(), Some(soon));
    assert_eq!(lender.last_expires_ns(), Some(u64::MAX));
    assert_eq!(back(&mut lender), [1]);
    assert_eq!(lender.expires_ns(), Some(u64::MAX));
}

#[test]
fn a_refused_frame_gives_back_what_it_lies_in() {
    let (mut lender, buffer) = lender("lender-refused", 3);
    let refused = lender.publish(&frame(buffer + 7), 1).unwrap_err();
    assert_eq!(refused.keep, 1);
    assert_eq!(lender.kept().count(), 0);
}

#[test]
fn a_closed_host_lets_clients_finish() {
    let (mut lender, buffer) = lender("lender-closed", 3);
    let path = name("lender-closed");
    let mut client = connect(lender.host_mut(), Client::builder(&path)).unwrap();
    lender.publish(&frame(buffer), 1).unwrap();
    lender.host_mut().close();
    // The name is free at once.
    let (next, _) = self::lender("lender-closed", 3);
    // What was published before the end comes before it.
    let held = client.try_next().unwrap().unwrap();
    let end = client.try_next().unwrap_err();
    assert!(end.is_host_gone(), "{end}");
    let none: [u32; 0] = [];
    lender.take_all_back(|_| panic!("a client holds it"));
    assert_eq!(back(&mut lender), none);
    drop((held, client));
    while lender.host().clients().count() > 0 {
        lender.host_mut().process().unwrap();
    }
    assert_eq!(back(&mut lender), [1]);
    drop(next);
}
