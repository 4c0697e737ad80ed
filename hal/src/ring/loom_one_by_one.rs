//! Models of a host that retires frames out of order, and of clients that peek at a frame before
//! they hold it, or hold one by its serial. Each passes with the code as written and must fail when
//! a point that it depends on is weakened.

use loom::sync::Arc;
use loom::thread;

use super::cells::SlotId;
use super::loom_hold::{Pixels, publish};
use super::mock::{MockControl, MockLease, WORDS};
use super::publisher::Publisher;
use super::reader;
use crate::sync::Point;
use crate::sync::model::weakened;

/// Checks what a client that holds `serial` finds in its slot.
fn check(control: &MockControl, pixels: &Pixels, slot: SlotId, serial: u64) {
    let words = [0, 1].map(|at| reader::word(control, slot, at));
    assert_eq!(words, [serial; WORDS], "the descriptor is torn");
    assert_eq!(pixels.read(slot), serial);
}

/// What host or client does in a mutation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    AsWritten,
    /// The host retires the oldest frame instead of the intended one.
    TakeOldest,
    /// The client keeps its reference.
    Keep,
}

/// Claims: a frame that is retired out of order is not rewritten while held; its neighbours are
/// still found, in order, each once; the slot of a released frame becomes free.
fn host_takes_one_back_while_client_holds(does: Does) {
    let c = Arc::new(MockControl::new(4));
    let lease = Arc::new(MockLease::new(4));
    let pixels = Arc::new(Pixels::new(4));
    let mut p = Publisher::new(&*c);
    publish(&mut p, &pixels).unwrap();
    publish(&mut p, &pixels).unwrap();
    let client = {
        let (c, lease, pixels) = (c.clone(), lease.clone(), pixels.clone());
        thread::spawn(move || {
            let mut last = 0;
            // The first stays, the second goes, and the third may have come.
            while let Some(held) = reader::hold_next(&*c, &*lease, last) {
                assert!(last != 0 || held.serial == 1, "a frame that stays is lost");
                check(&c, &pixels, held.slot, held.serial);
                last = held.serial;
                if does != Does::Keep {
                    reader::release(&*lease, held.slot);
                }
            }
        })
    };
    match does {
        Does::TakeOldest => assert!(p.retire_oldest().is_some()),
        _ => assert!(p.retire(2)),
    }
    p.collect(core::iter::once(&*lease), |_| ());
    // In the slot of the second frame, if that is free, otherwise in another.
    publish(&mut p, &pixels).unwrap();
    client.join().unwrap();
    p.collect(core::iter::once(&*lease), |_| ());
    assert_eq!((p.readable(), p.free()), (2, 2), "a released frame stays");
}

#[test]
fn loom_host_takes_one_back_while_client_holds() {
    weakened(None, || {
        host_takes_one_back_while_client_holds(Does::AsWritten)
    });
}

#[test]
#[should_panic(expected = "a frame that stays is lost")]
fn loom_fails_when_the_host_takes_another_frame_back() {
    weakened(None, || {
        host_takes_one_back_while_client_holds(Does::TakeOldest);
    });
}

#[test]
#[should_panic(expected = "a released frame stays")]
fn loom_fails_when_a_frame_taken_back_is_kept() {
    weakened(None, || host_takes_one_back_while_client_holds(Does::Keep));
}

#[test]
#[should_panic(expected = "Concurrent read and write")]
fn loom_retire_races_without_the_hold_fence() {
    weakened(Some(Point::HoldFence), || {
        host_takes_one_back_while_client_holds(Does::AsWritten);
    });
}

#[test]
#[should_panic(expected = "Concurrent read and write")]
fn loom_retire_races_without_the_reclaim_fence() {
    weakened(Some(Point::ReclaimFence), || {
        host_takes_one_back_while_client_holds(Does::AsWritten);
    });
}

#[test]
#[should_panic(expected = "Concurrent read and write")]
fn loom_retire_races_when_release_does_not_release() {
    weakened(Some(Point::ReleaseRef), || {
        host_takes_one_back_while_client_holds(Does::AsWritten);
    });
}

/// Claims: a peek without a hold returns one frame's whole description; holding that frame by its
/// serial gets that frame, or nothing and leaves nothing held.
fn client_looks_before_it_holds() {
    let c = Arc::new(MockControl::new(2));
    let lease = Arc::new(MockLease::new(2));
    let pixels = Arc::new(Pixels::new(2));
    let mut p = Publisher::new(&*c);
    publish(&mut p, &pixels).unwrap();
    let client = {
        let (c, lease, pixels) = (c.clone(), lease.clone(), pixels.clone());
        thread::spawn(move || {
            let Some((serial, words)) = reader::peek_next::<WORDS>(&*c, 0) else {
                return;
            };
            assert_eq!(words, [serial; WORDS], "torn and not noticed");
            if let Some(slot) = reader::try_hold(&*c, &*lease, serial) {
                check(&c, &pixels, slot, serial);
                reader::release(&*lease, slot);
            }
        })
    };
    p.retire_oldest();
    p.collect(core::iter::once(&*lease), |_| ());
    publish(&mut p, &pixels);
    client.join().unwrap();
    while p.retire_oldest().is_some() {}
    p.collect(core::iter::once(&*lease), |_| ());
    assert_eq!(p.free(), 2, "a released frame stays");
}

#[test]
fn loom_client_looks_before_it_holds() {
    weakened(None, client_looks_before_it_holds);
}

#[test]
#[should_panic(expected = "torn and not noticed")]
fn loom_a_look_is_torn_without_the_reuse_fence() {
    weakened(Some(Point::Reuse), client_looks_before_it_holds);
}

#[test]
#[should_panic(expected = "torn and not noticed")]
fn loom_a_look_is_torn_when_publish_does_not_release() {
    weakened(Some(Point::Publish), client_looks_before_it_holds);
}

#[test]
#[should_panic(expected = "Concurrent read and write")]
fn loom_try_hold_races_without_the_hold_fence() {
    weakened(Some(Point::HoldFence), client_looks_before_it_holds);
}

#[test]
#[should_panic(expected = "Concurrent read and write")]
fn loom_try_hold_races_without_the_reclaim_fence() {
    weakened(Some(Point::ReclaimFence), client_looks_before_it_holds);
}

/// Claim: threads of one client count in the same lease, and none releases what another holds: a
/// frame held twice is free after the second release, and a failed hold takes back its own
/// reference.
fn two_threads_of_a_client_hold_one_frame(does: Does) {
    let c = Arc::new(MockControl::new(2));
    let lease = Arc::new(MockLease::new(2));
    let pixels = Arc::new(Pixels::new(2));
    let mut p = Publisher::new(&*c);
    let serial = publish(&mut p, &pixels).unwrap();
    let threads = [(); 2].map(|()| {
        let (c, lease, pixels) = (c.clone(), lease.clone(), pixels.clone());
        thread::spawn(move || {
            if let Some(slot) = reader::try_hold(&*c, &*lease, serial) {
                assert_eq!(pixels.read(slot), serial);
                if does != Does::Keep {
                    reader::release(&*lease, slot);
                }
            }
        })
    });
    assert!(p.retire(serial));
    p.collect(core::iter::once(&*lease), |_| ());
    publish(&mut p, &pixels);
    for thread in threads {
        thread.join().unwrap();
    }
    p.collect(core::iter::once(&*lease), |_| ());
    assert_eq!(p.free() + p.readable(), 2, "a released frame stays");
}

#[test]
fn loom_two_threads_of_a_client_hold_one_frame() {
    weakened(None, || {
        two_threads_of_a_client_hold_one_frame(Does::AsWritten);
    });
}

#[test]
#[should_panic(expected = "a released frame stays")]
fn loom_fails_when_a_thread_keeps_its_reference() {
    weakened(None, || two_threads_of_a_client_hold_one_frame(Does::Keep));
}

#[test]
#[should_panic(expected = "Concurrent read and write")]
fn loom_threads_race_when_release_does_not_release() {
    weakened(Some(Point::ReleaseRef), || {
        two_threads_of_a_client_hold_one_frame(Does::AsWritten);
    });
}
