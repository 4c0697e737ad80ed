//! Models of publish, hold, release and reclaim. Each passes with the code as written and must fail
//! when a point that it depends on is weakened.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use super::cells::{ControlMut, SlotId};
use super::mock::{MockControl, MockLease};
use super::publisher::Publisher;
use super::reader;
use crate::sync::Point;
use crate::sync::model::weakened;

/// The pixels of a slot: `UnsafeCell` access that races fails the model.
pub(super) struct Pixels(std::boxed::Box<[loom::cell::UnsafeCell<u64>]>);

// SAFETY: the model shows that accesses never overlap; loom fails if they do.
#[expect(unsafe_code, reason = "loom's cell checks what the type system can't")]
unsafe impl Sync for Pixels {}

impl Pixels {
    pub(super) fn new(slots: u32) -> Self {
        Self((0..slots).map(|_| loom::cell::UnsafeCell::new(0)).collect())
    }

    fn write(&self, slot: SlotId, value: u64) {
        #[expect(unsafe_code, reason = "as above")]
        self.0[slot.index()].with_mut(|p| {
            // SAFETY: `p` points into the cell; exclusiveness is what the model checks.
            unsafe { *p = value }
        });
    }

    pub(super) fn read(&self, slot: SlotId) -> u64 {
        #[expect(unsafe_code, reason = "as above")]
        self.0[slot.index()].with(|p| {
            // SAFETY: `p` points into the cell; that nobody writes is what the model checks.
            unsafe { *p }
        })
    }
}

pub(super) fn publish<C: ControlMut>(p: &mut Publisher<C>, pixels: &Pixels) -> Option<u64> {
    let claim = p.claim()?;
    pixels.write(claim.slot(), p.head() + 1);
    Some(p.publish(claim, |serial| [serial; 2]))
}

/// What the client or the host forgets in a mutation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Forgets {
    Nothing,
    /// The client forgets the last serial it held.
    Last,
    /// The client forgets to release its reference.
    Release,
    /// The host forgets to drop the lease of a client that is gone.
    Lease,
}

/// Claims: a slot is not rewritten while held, a descriptor is never torn, one client's
/// serials only grow, a released frame's memory is rewritten only after its last read, and
/// a released frame becomes reclaimable.
fn host_rewrites_while_client_holds(forgets: Forgets) {
    let c = Arc::new(MockControl::new(2));
    let lease = Arc::new(MockLease::new(2));
    let pixels = Arc::new(Pixels::new(2));
    let mut p = Publisher::new(&*c);
    publish(&mut p, &pixels).unwrap();
    let client = {
        let (c, lease, pixels) = (c.clone(), lease.clone(), pixels.clone());
        thread::spawn(move || {
            let (mut last, mut seen) = (0, 0);
            for _ in 0..2 {
                if let Some(held) = reader::hold_newest(&*c, &*lease, last) {
                    assert!(held.serial > seen, "serials do not grow");
                    seen = held.serial;
                    if forgets != Forgets::Last {
                        last = seen;
                    }
                    for at in 0..2 {
                        let word = reader::word(&*c, held.slot, at);
                        assert_eq!(word, held.serial, "the descriptor is torn");
                    }
                    assert_eq!(pixels.read(held.slot), held.serial);
                    if forgets != Forgets::Release {
                        reader::release(&*lease, held.slot);
                    }
                }
            }
        })
    };
    for _ in 0..2 {
        if p.free() == 0 {
            p.retire_oldest();
            p.collect(core::iter::once(&*lease), |_| ());
        }
        publish(&mut p, &pixels);
    }
    client.join().unwrap();
    while p.retire_oldest().is_some() {}
    p.collect(core::iter::once(&*lease), |_| ());
    assert_eq!(p.free(), 2, "a released frame stays");
}

#[test]
fn loom_host_rewrites_while_client_holds() {
    weakened(None, || host_rewrites_while_client_holds(Forgets::Nothing));
}

#[test]
#[should_panic(expected = "Concurrent read and write")]
fn loom_fails_without_the_hold_fence() {
    weakened(Some(Point::HoldFence), || {
        host_rewrites_while_client_holds(Forgets::Nothing);
    });
}

#[test]
#[should_panic(expected = "Concurrent read and write")]
fn loom_fails_without_the_reclaim_fence() {
    weakened(Some(Point::ReclaimFence), || {
        host_rewrites_while_client_holds(Forgets::Nothing);
    });
}

#[test]
#[should_panic(expected = "Concurrent read and write")]
fn loom_fails_when_release_does_not_release() {
    weakened(Some(Point::ReleaseRef), || {
        host_rewrites_while_client_holds(Forgets::Nothing);
    });
}

#[test]
#[should_panic(expected = "serials do not grow")]
fn loom_fails_when_the_client_forgets_what_it_had() {
    weakened(None, || host_rewrites_while_client_holds(Forgets::Last));
}

#[test]
#[should_panic(expected = "a released frame stays")]
fn loom_fails_when_the_client_does_not_release() {
    weakened(None, || host_rewrites_while_client_holds(Forgets::Release));
}

#[test]
#[should_panic(expected = "the descriptor is torn")]
fn loom_fails_when_publish_does_not_release() {
    weakened(Some(Point::Publish), || {
        host_rewrites_while_client_holds(Forgets::Nothing);
    });
}

/// Claim: a client that vanishes at any point of a hold leaves nothing held. Its socket's
/// hang-up (`gone`) is modelled by a flag that is set after its last step.
fn client_dies_at_any_point(forgets: Forgets) {
    let c = Arc::new(MockControl::new(2));
    let lease = Arc::new(MockLease::new(2));
    let pixels = Arc::new(Pixels::new(2));
    let gone = Arc::new(AtomicBool::new(false));
    let mut p = Publisher::new(&*c);
    publish(&mut p, &pixels).unwrap();
    let client = {
        let (c, lease, pixels, gone) = (c.clone(), lease.clone(), pixels.clone(), gone.clone());
        thread::spawn(move || {
            // Dies while holding: no release.
            if let Some(held) = reader::hold_newest(&*c, &*lease, 0) {
                assert_eq!(pixels.read(held.slot), held.serial);
            }
            gone.store(true, Ordering::Release);
        })
    };
    p.retire_oldest();
    let attached = (!gone.load(Ordering::Acquire)).then_some(&*lease);
    p.collect(attached.into_iter(), |_| ());
    publish(&mut p, &pixels);
    client.join().unwrap();
    while p.retire_oldest().is_some() {}
    let left = (forgets == Forgets::Lease).then_some(&*lease);
    p.collect(left.into_iter(), |_| ());
    assert_eq!(p.free(), 2, "the dead client still holds");
}

#[test]
fn loom_client_dies_at_any_point_of_hold() {
    weakened(None, || client_dies_at_any_point(Forgets::Nothing));
}

#[test]
#[should_panic(expected = "the dead client still holds")]
fn loom_dead_client_holds_while_its_lease_is_kept() {
    weakened(None, || client_dies_at_any_point(Forgets::Lease));
}

#[test]
#[should_panic(expected = "Concurrent read and write")]
fn loom_dying_client_races_without_the_reclaim_fence() {
    weakened(Some(Point::ReclaimFence), || {
        client_dies_at_any_point(Forgets::Nothing);
    });
}

/// Claim: a client that is evicted while it reads, so that the host no longer checks its lease, can
/// tell afterwards whether it read the frame.
fn evicted_client_reads_on() {
    let c = Arc::new(MockControl::new(2));
    let lease = Arc::new(MockLease::new(2));
    let pixels = Arc::new(Pixels::new(2));
    let mut p = Publisher::new(&*c);
    publish(&mut p, &pixels).unwrap();
    let client = {
        let (c, lease) = (c.clone(), lease.clone());
        thread::spawn(move || {
            if let Some(held) = reader::hold_newest(&*c, &*lease, 0) {
                // The words stand for the frame's memory: they are rewritten like it.
                let read = [0, 1].map(|at| reader::word(&*c, held.slot, at));
                if reader::is_intact(&*c, held.slot, held.serial) {
                    assert_eq!(read, [held.serial; 2], "torn and not noticed");
                }
            }
        })
    };
    p.retire_oldest();
    p.collect(core::iter::empty::<&MockLease>(), |_| ());
    publish(&mut p, &pixels);
    client.join().unwrap();
}

#[test]
fn loom_evicted_client_knows_what_it_read() {
    weakened(None, evicted_client_reads_on);
}

#[test]
#[should_panic(expected = "torn and not noticed")]
fn loom_evicted_client_is_deceived_without_reuse_fence() {
    weakened(Some(Point::Reuse), evicted_client_reads_on);
}

/// Claim: a slot that one client holds stays held when another releases it, and a reader of every
/// frame gets each at most once and in order.
fn two_clients_hold_the_same_slot() {
    let c = Arc::new(MockControl::new(2));
    let leases = [Arc::new(MockLease::new(2)), Arc::new(MockLease::new(2))];
    let pixels = Arc::new(Pixels::new(2));
    let mut p = Publisher::new(&*c);
    publish(&mut p, &pixels).unwrap();
    let clients = leases.clone().map(|lease| {
        let (c, pixels) = (c.clone(), pixels.clone());
        thread::spawn(move || {
            if let Some(held) = reader::hold_next(&*c, &*lease, 0) {
                assert_eq!(pixels.read(held.slot), held.serial);
                reader::release(&*lease, held.slot);
            }
        })
    });
    p.retire_oldest();
    p.collect(leases.iter().map(|lease| &**lease), |_| ());
    publish(&mut p, &pixels);
    for client in clients {
        client.join().unwrap();
    }
    p.retire_oldest();
    p.collect(leases.iter().map(|lease| &**lease), |_| ());
    assert_eq!(p.free() + p.readable(), 2);
}

#[test]
fn loom_two_clients_hold_the_same_slot() {
    weakened(None, two_clients_hold_the_same_slot);
}

#[test]
#[should_panic(expected = "Concurrent read and write")]
fn loom_two_clients_race_without_the_hold_fence() {
    weakened(Some(Point::HoldFence), two_clients_hold_the_same_slot);
}
