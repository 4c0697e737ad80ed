//! Which frames make room, and who is thrown out.

use std::time::Duration;

use videostream_ipc::{Error as Ipc, Goodbye};

use super::super::{Client, Host, HostBuilder, Mode, Policy};
use super::{SECOND, connect, frame, memory, name};

fn host(builder: HostBuilder) -> (Host, u32) {
    let mut host = builder.bind().unwrap();
    let id = host.register(memory(), 4096).unwrap();
    (host, id)
}

#[test]
fn the_newest_policy_drops_the_oldest_that_nobody_holds() {
    let path = name("newest");
    let (mut host, id) = host(Host::builder(&path).lend(3));
    let mut holder = connect(&mut host, Client::builder(&path)).unwrap();
    host.publish(&frame(id)).unwrap();
    let held = holder.next(SECOND).unwrap();
    for _ in 0..20 {
        host.publish(&frame(id)).unwrap();
        assert!(host.reclaim(3, |_| ()) <= 3);
    }
    assert_eq!(held.serial(), 1);
    assert!(held.is_intact());
}

#[test]
fn until_expiry_blocks_rather_than_drops() {
    let path = name("until-expiry");
    let (mut host, id) = host(Host::builder(&path).lend(3).policy(Policy::UntilExpiry));
    let mut soon = frame(id);
    soon.expires_ns = videostream_hal::time::deadline_in(50_000_000);
    for _ in 0..host.slots() {
        host.publish(&soon).unwrap();
    }
    assert_eq!(host.reclaim(1, |_| ()), host.slots());
    let error = host.publish(&soon).unwrap_err();
    assert_eq!(error.share(), Some(&Ipc::WouldBlock(host.slots())));
    std::thread::sleep(Duration::from_millis(60));
    assert_eq!(host.reclaim(1, |_| ()), 0);
    host.publish(&soon).unwrap();
}

#[test]
fn never_drop_waits_for_every_client_that_wants_every_frame() {
    let path = name("never-drop");
    let (mut host, id) = host(Host::builder(&path).lend(3).policy(Policy::NeverDrop));
    let mut every = connect(&mut host, Client::builder(&path).mode(Mode::Every)).unwrap();
    let _newest = connect(&mut host, Client::builder(&path)).unwrap();
    for _ in 0..host.slots() {
        host.publish(&frame(id)).unwrap();
    }
    assert_eq!(host.reclaim(1, |_| ()), host.slots());
    host.publish(&frame(id)).unwrap_err();
    for serial in 1..=4 {
        assert_eq!(every.next(SECOND).unwrap().serial(), serial);
        assert!(host.reclaim(1, |_| ()) < host.slots());
        host.publish(&frame(id)).unwrap();
    }
    drop(every);
    host.process().unwrap();
    assert_eq!(host.reclaim(1, |_| ()), 1, "nobody needs them any more");
}

#[test]
fn a_client_past_its_lease_is_thrown_out_and_told() {
    let path = name("lease");
    let builder = Host::builder(&path).lend(2).lease(Duration::from_millis(1));
    let (mut host, id) = host(builder);
    let mut client = connect(&mut host, Client::builder(&path)).unwrap();
    let mut old = frame(id);
    old.published_ns = 1;
    host.publish(&old).unwrap();
    let held = client.next(SECOND).unwrap();
    assert_eq!(host.evict_offenders(), 0, "not while nothing is short");
    host.publish(&frame(id)).unwrap();
    host.reclaim(1, |_| ());
    assert_eq!(host.evict_offenders(), 1);
    assert!(held.is_intact(), "the memory is not given away yet");
    assert_eq!(host.reclaim(1, |_| ()), 1, "its references are gone");
    assert!(!held.is_intact());
    drop(held);
    let error = client.next(SECOND).unwrap_err();
    assert!(
        matches!(error.share(), Some(Ipc::Goodbye(Goodbye::LeaseTime(_)))),
        "{error}"
    );
}

#[test]
fn a_client_that_lies_about_its_hold_is_thrown_out_and_the_other_stays() {
    use videostream_hal::ring::reader;
    let path = name("liar");
    let (mut host, id) = host(Host::builder(&path).lend(4));
    let liar = connect(&mut host, Client::builder(&path)).unwrap();
    let mut honest = connect(&mut host, Client::builder(&path)).unwrap();
    for _ in 0..3 {
        host.publish(&frame(id)).unwrap();
    }
    // Straight into the lease, around the library's own limit.
    let (control, lease) = liar.ipc().ring();
    for serial in 1..=3 {
        reader::try_hold(control, lease, serial).unwrap();
    }
    assert_eq!(host.evict_offenders(), 1);
    assert_eq!(host.status().evicted, 1);
    host.publish(&frame(id)).unwrap();
    assert_eq!(honest.next(SECOND).unwrap().serial(), 4);
    assert_eq!(host.reclaim(1, |_| ()), 1);
}
