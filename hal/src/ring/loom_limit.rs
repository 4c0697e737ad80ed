//! Models of adding up a client's references while it releases frames and holds others.

use loom::sync::Arc;
use loom::thread;

use super::cells::{Lease, SlotId};
use super::mock::{MockControl, MockLease};
use super::publisher::Publisher;
use super::reader;
use crate::sync::model::weakened;
use crate::sync::{Ordering, Point};

/// The slots over which a host adds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sum {
    /// Unreadable slots.
    Unreadable,
    /// All slots, readable ones too.
    All,
}

/// Claim: no honest client is evicted. The client holds one frame at a time, and the host never
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
    assert!(held <= 1, "an honest client is evicted");
    client.join().unwrap();
}

#[test]
fn loom_no_honest_client_is_evicted() {
    weakened(None, || honest_client_is_counted(Sum::Unreadable));
}

#[test]
#[should_panic(expected = "an honest client is evicted")]
fn loom_honest_client_is_evicted_by_a_sum_of_all() {
    weakened(None, || honest_client_is_counted(Sum::All));
}

#[test]
#[should_panic(expected = "an honest client is evicted")]
fn loom_honest_client_is_evicted_without_first_look() {
    weakened(Some(Point::FirstLook), || {
        honest_client_is_counted(Sum::Unreadable);
    });
}

#[test]
#[should_panic(expected = "an honest client is evicted")]
fn loom_honest_client_is_evicted_without_release_fence() {
    weakened(Some(Point::ReleaseFence), || {
        honest_client_is_counted(Sum::Unreadable);
    });
}

#[test]
#[should_panic(expected = "an honest client is evicted")]
fn loom_honest_client_is_evicted_without_limit_fence() {
    weakened(Some(Point::LimitFence), || {
        honest_client_is_counted(Sum::Unreadable);
    });
}
