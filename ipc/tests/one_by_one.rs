//! Peeking at frames before holding them, and retiring them in any order; host and client in one
//! thread.

#![cfg(target_os = "linux")]

mod support;

use support::*;
use videostream_hal::time::deadline_in;
use videostream_ipc::address::Address;
use videostream_ipc::client::{Client, Config, PendingClient};
use videostream_ipc::host::Host;
use videostream_ipc::{Error, Mode};

fn publish(host: &mut Host, buffer: u32) -> u64 {
    host.publish(&frame(buffer)).unwrap().1
}

/// Connects, lets the host answer, and enters.
fn let_in(host: &mut Host, name: &str, hold: u32) -> Client {
    let config = Config {
        mode: Mode::Every,
        hold,
        spin_ns: 0,
    };
    let pending = PendingClient::new(&Address::new(name.as_bytes()).unwrap(), config).unwrap();
    assert!(!host.is_expecting());
    serve_until(host, |host| host.is_expecting());
    serve_until(host, |host| !host.is_expecting());
    pending
        .finish(deadline_in(60_000_000_000), |_| Ok(()))
        .unwrap()
}

fn freed(host: &mut Host) -> usize {
    let mut count = 0;
    host.collect_freed(|_| count += 1);
    count
}

#[test]
fn a_new_client_sees_frames_after_it_joins() {
    let name = name("between");
    let (mut host, id) = host(&name, 6);
    publish(&mut host, id);
    let client = let_in(&mut host, &name, 1);
    publish(&mut host, id);
    assert_eq!(client.last_serial(), 1);
    let seen = client.peek(client.last_serial()).unwrap().unwrap();
    assert_eq!((seen.serial, client.last_serial()), (2, 2));
    assert_eq!(client.peek(2), Ok(None));
    assert_eq!(host.sockets().count(), 1);
}

#[test]
fn a_middle_frame_retires_alone_but_stays_held() {
    let name = name("middle");
    let (mut host, id) = host(&name, 6);
    let client = let_in(&mut host, &name, 2);
    for _ in 0..3 {
        publish(&mut host, id);
    }
    let held = client.hold_serial(2).unwrap().unwrap();
    assert!(host.retire(2));
    assert!(!host.retire(2));
    assert_eq!(freed(&mut host), 0);
    assert_eq!(client.hold_serial(2), Ok(None));
    assert_eq!(client.peek(1).unwrap().unwrap().serial, 3);
    let others = [1, 3].map(|serial| client.hold_serial(serial));
    assert!(matches!(others[0], Ok(Some(_))));
    assert_eq!(others[1], Err(Error::HoldLimit { limit: 2 }));
    client.release(held);
    assert_eq!(freed(&mut host), 1);
    assert_eq!(host.oldest(), Some(1));
}
