//! Clients whose waits are shorter than a host takes to answer.

use videostream_hal::time::{deadline_in, now_ns};

use super::{WATCHDOG, connect, frame, memory, name};
use crate::{Client, Host};

/// Duration of a wait, shorter than the host's answer.
const SHORT_NS: u64 = 1_000_000;

#[test]
fn short_waits_add_up_to_one_connection() {
    let path = name("slow");
    let mut host = Host::builder(&path).bind().unwrap();
    let mut connector = Client::builder(&path).connector();
    for _ in 0..5 {
        let error = connector.connect_until(deadline_in(SHORT_NS)).unwrap_err();
        assert!(error.is_timeout(), "{error}");
    }
    host.process().unwrap();
    host.process().unwrap();
    connector.connect_until(now_ns()).unwrap();
    assert_eq!(host.stats().left, 0);
}

#[test]
fn short_waits_reach_the_next_host() {
    let path = name("next-slow");
    let mut first = Host::builder(&path).bind().unwrap();
    let mut client = connect(&mut first, Client::builder(&path).reconnect(true)).unwrap();
    drop(first);
    let mut second = Host::builder(&path).bind().unwrap();
    // The first calls may find that a pause between two attempts is not over.
    for _ in 0..20 {
        let error = client.next_until(deadline_in(SHORT_NS)).unwrap_err();
        assert!(error.is_timeout() || error.is_host_gone(), "{error}");
    }
    second.process().unwrap();
    second.process().unwrap();
    assert_eq!(second.clients().count(), 1);
    let id = second.register(memory(), 4096).unwrap();
    second.publish(&frame(id)).unwrap();
    client.next(WATCHDOG).unwrap();
    assert_eq!((client.restarts(), second.stats().left), (1, 0));
}
