//! The limits of clients and slots, and one more or less.

#![cfg(target_os = "linux")]

mod support;

use std::sync::atomic::{AtomicU64, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use support::*;
use videostream_hal::time::deadline_in;
use videostream_ipc::client::{Client, Config, PendingClient};
use videostream_ipc::host::{self, Host};
use videostream_ipc::wire::MAX_HOLD;
use videostream_ipc::{Error, MAX_CLIENTS, Mode, Refusal};
use videostream_testing::TIMEOUT_NS;

fn bind(name: &str, slots: u32) -> (Host, u32) {
    let config = host::Config {
        slots,
        max_outstanding: slots - 1,
        ..host::Config::default()
    };
    let mut host = Host::bind(address(name), config, 7).unwrap();
    let id = host.register(buffer(4096), 4096).unwrap();
    (host, id)
}

/// Connects, while serving the host until it answers.
fn join(host: &mut Host, name: &str, mode: Mode, hold: u32) -> Result<Client, Error> {
    let config = Config {
        mode,
        hold,
        spin_ns: 0,
    };
    let pending = PendingClient::new(&address(name), config)?;
    serve_until(host, |_| {
        let mut fds = [PollFd::from_borrowed_fd(pending.socket_fd(), PollFlags::IN)];
        poll(&mut fds, Some(&Timespec::default())).unwrap() == 1
    });
    pending.finish(deadline_in(TIMEOUT_NS), |_| Ok(()))
}

#[test]
fn clients_above_the_limit_are_told_so() {
    let name = name("full");
    let (mut host, id) = bind(&name, 128);
    let mut clients: Vec<_> = (0..MAX_CLIENTS)
        .map(|_| join(&mut host, &name, Mode::Newest, 1).unwrap())
        .collect();
    let refused = join(&mut host, &name, Mode::Newest, 1).unwrap_err();
    assert_eq!(
        refused,
        Error::Refused(Refusal::Full {
            clients: MAX_CLIENTS as u32
        })
    );
    // Each client holds a different frame, and all are counted.
    let held: Vec<_> = clients
        .iter()
        .map(|client| {
            let (_, serial) = host.publish(&frame(id)).unwrap();
            let held = client.hold(0).unwrap().unwrap();
            assert_eq!(held.descriptor.serial, serial);
            held.slot
        })
        .collect();
    assert!(host.clients().all(|client| client.held == 1));
    assert_eq!(host.clients().count(), MAX_CLIENTS);
    host.reclaim_all(|_| ());
    assert_eq!(host.outstanding(), MAX_CLIENTS as u32);
    for (client, &slot) in clients.iter().zip(&held).skip(1) {
        client.release(slot);
    }
    // A client that leaves while holding a frame makes room.
    drop(clients.remove(0));
    serve_until(&mut host, |host| host.clients().count() < MAX_CLIENTS);
    host.reclaim_all(|_| ());
    assert_eq!(host.outstanding(), 0);
    join(&mut host, &name, Mode::Newest, 1).unwrap();
}

#[test]
fn the_largest_ring_is_held_whole_in_order() {
    let name = name("largest");
    let (mut host, id) = bind(&name, 1024);
    let refused = join(&mut host, &name, Mode::Every, MAX_HOLD + 1).unwrap_err();
    assert_eq!(
        refused,
        Error::HoldTooLarge {
            asked: MAX_HOLD + 1,
            max: MAX_HOLD
        }
    );
    // One slot is for the next frame and one for the newest.
    let mut left = 1022;
    let mut clients = Vec::new();
    while left > 0 {
        let hold = left.min(MAX_HOLD);
        clients.push(join(&mut host, &name, Mode::Every, hold).unwrap());
        left -= hold;
    }
    let refused = join(&mut host, &name, Mode::Every, 1).unwrap_err();
    assert_eq!(refused, Error::Refused(Refusal::Hold { asked: 1, left: 0 }));
    // Repeated, so that every slot and every word of the index has had several frames.
    for round in 0..3 {
        let mut after = round * 1022;
        for _ in 0..1022 {
            host.publish(&frame(id)).unwrap();
        }
        let mut held = Vec::new();
        for client in &clients {
            for _ in 0..client.config().hold {
                let got = client.hold(after).unwrap().unwrap();
                after += 1;
                assert_eq!((got.descriptor.serial, got.missed), (after, 0));
                held.push((client, got.slot));
            }
        }
        assert_eq!(host.reclaim(0, |_| ()), 1022, "all are held");
        assert!(host.clients().all(|client| client.held == client.hold));
        for (client, slot) in held {
            client.release(slot);
        }
        host.reclaim_all(|_| ());
        assert_eq!(host.outstanding(), 0);
    }
}

#[test]
fn smallest_ring_only_peeks_next_larger_holds() {
    let name = name("smallest");
    let (mut host, id) = bind(&name, 2);
    let refused = join(&mut host, &name, Mode::Newest, 1).unwrap_err();
    assert_eq!(refused, Error::Refused(Refusal::Hold { asked: 1, left: 0 }));
    let client = join(&mut host, &name, Mode::Newest, 0).unwrap();
    for serial in 1..=5 {
        host.reclaim(0, |_| ());
        host.publish(&frame(id)).unwrap();
        let seen = client.peek(serial - 1).unwrap().unwrap();
        assert_eq!(seen.serial, serial);
        assert_eq!(
            client.hold(serial - 1).unwrap_err(),
            Error::HoldLimit { limit: 0 }
        );
    }
    let name = crate::name("small");
    let (mut host, id) = bind(&name, 4);
    let client = join(&mut host, &name, Mode::Newest, 2).unwrap();
    for serial in 1..=5 {
        host.reclaim(0, |_| ());
        host.publish(&frame(id)).unwrap();
        let held = client.hold(serial - 1).unwrap().unwrap();
        assert_eq!(held.descriptor.serial, serial);
        client.release(held.slot);
    }
}

/// Frames far apart in the ring, so that adding up takes long: a frame released at its beginning
/// and one held at its end are easily counted together.
#[test]
fn an_honest_client_is_never_an_offender() {
    const FRAMES: u64 = 1000;
    const PAIRS: u64 = 300;
    const LOOKS: u32 = 30;
    let name = name("honest");
    let (mut host, id) = bind(&name, 1024);
    let client = join(&mut host, &name, Mode::Every, 1).unwrap();
    for _ in 0..FRAMES {
        host.publish(&frame(id)).unwrap();
    }
    let pair = AtomicU64::new(1);
    let mut evicted = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            loop {
                let first = pair.load(Ordering::Relaxed);
                if first > PAIRS {
                    return;
                }
                // One at a time.
                for serial in [first, FRAMES + 1 - first] {
                    match client.hold_serial(serial) {
                        Ok(Some(slot)) => client.release(slot),
                        Ok(None) => {}
                        Err(_) => return,
                    }
                }
            }
        });
        for first in 1..=PAIRS {
            pair.store(first, Ordering::Relaxed);
            evicted += (0..LOOKS).map(|_| host.evict_over_limit()).sum::<usize>();
            for serial in [first, FRAMES + 1 - first] {
                assert!(host.retire(serial));
            }
            evicted += (0..LOOKS).map(|_| host.evict_over_limit()).sum::<usize>();
            host.collect_freed(|_| ());
        }
        pair.store(PAIRS + 1, Ordering::Relaxed);
    });
    assert_eq!(evicted, 0);
}
