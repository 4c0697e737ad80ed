//! Models of adding up what a client holds, while it lets go of frames and takes others.

use loom::sync::Arc;
use loom::thread;

use super::cells::{Lease, SlotId};
use super::mock::{MockControl, MockLease};
use super::publisher::Publisher;
use super::reader;
use crate::sync::model::weakened;
use crate::sync::{Ordering, Point};

/// Over which slots a host adds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sum {
    /// Those that are unreadable.
    Unreadable,
    /// All of them, readable ones too.
    All,
}

/// Claim: no honest client is thrown out. The client has one frame at a time, and the host never
/// counts two.
fn honest_client_is_counted(sum: Sum) {
    const SLOTS: u32 = 2;
    let c = Arc::new(MockControl::new(SLOTS));
    let lease = Arc::new(MockLease::new(SLOTS));
    let mut p = Publisher::new(&*c);
    for _ in 0..SLOTS {
        let claim = p.claim().unwrap();
        p.publish(claim, |serial| [serial; 2]);
    }
    let client = {
        let (c, lease) = (c.clone(), lease.clone());
        thread::spawn(move || {
            let mut last = 0;
            while let Some(held) = reader::hold_next(&*c, &*lease, last) {
                last = held.serial;
                reader::release(&*lease, held.slot);
            }
        })
    };
    let held = match sum {
        Sum::Unreadable => {
            while p.retire_oldest().is_some() {}
            p.held_unreadable(&*lease)
        }
        Sum::All => {
            let slots = (0..SLOTS).filter_map(|slot| SlotId::checked(slot, SLOTS));
            slots
                .map(|slot| lease.refs(slot).load(Ordering::Relaxed))
                .sum()
        }
    };
    assert!(held <= 1, "an honest client is thrown out");
    client.join().unwrap();
}

#[test]
fn loom_no_honest_client_is_thrown_out() {
    weakened(None, || honest_client_is_counted(Sum::Unreadable));
}

#[test]
#[should_panic(expected = "an honest client is thrown out")]
fn loom_honest_client_is_thrown_out_by_a_sum_over_all_slots() {
    weakened(None, || honest_client_is_counted(Sum::All));
}

#[test]
#[should_panic(expected = "an honest client is thrown out")]
fn loom_honest_client_is_thrown_out_without_its_first_look() {
    weakened(Some(Point::FirstLook), || {
        honest_client_is_counted(Sum::Unreadable);
    });
}

#[test]
#[should_panic(expected = "an honest client is thrown out")]
fn loom_honest_client_is_thrown_out_without_releases_fence() {
    weakened(Some(Point::ReleaseFence), || {
        honest_client_is_counted(Sum::Unreadable);
    });
}

#[test]
#[should_panic(expected = "an honest client is thrown out")]
fn loom_honest_client_is_thrown_out_without_the_hosts_fence() {
    weakened(Some(Point::LimitFence), || {
        honest_client_is_counted(Sum::Unreadable);
    });
}
