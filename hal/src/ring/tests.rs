//! Tests of the ring in one thread and in several; also run under Miri and ThreadSanitizer.

#![expect(unsafe_code, reason = "pixels that only the ring keeps apart")]

use std::cell::UnsafeCell;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::vec::Vec;

use super::cells::{ControlMut, SlotId};
use super::mock::{MockControl, MockLease};
use super::publisher::Publisher;
use super::reader::{self, Held};
use super::wake;
use crate::sync::Ordering;

fn publish(p: &mut Publisher<impl ControlMut>) -> Option<u64> {
    let claim = p.claim()?;
    Some(p.publish(claim, |serial| [serial; 2]))
}

fn free_slots(p: &mut Publisher<impl ControlMut>, leases: &[&MockLease]) -> Vec<SlotId> {
    let mut freed = Vec::new();
    p.collect(leases.iter().copied(), |slot| freed.push(slot));
    freed
}

#[test]
fn an_empty_ring_has_nothing_to_hold() {
    let c = MockControl::new(4);
    let lease = MockLease::new(4);
    assert_eq!(reader::hold_newest(&c, &lease, 0), None);
    assert_eq!(reader::hold_next(&c, &lease, 0), None);
    assert_eq!(reader::try_hold(&c, &lease, 0), None);
}

#[test]
fn serials_grow_by_one_and_the_newest_is_held() {
    let c = MockControl::new(4);
    let lease = MockLease::new(4);
    let mut p = Publisher::new(&c);
    for serial in 1..=3 {
        assert_eq!(publish(&mut p), Some(serial));
    }
    let Some(Held {
        slot,
        serial,
        missed,
    }) = reader::hold_newest(&c, &lease, 0)
    else {
        panic!("three frames are readable");
    };
    assert_eq!((serial, missed), (3, 2));
    assert_eq!(reader::word(&c, slot, 1), 3);
    assert_eq!(reader::hold_newest(&c, &lease, 3), None);
}

#[test]
fn a_reader_of_every_frame_gets_each_once() {
    let c = MockControl::new(4);
    let lease = MockLease::new(4);
    let mut p = Publisher::new(&c);
    for _ in 0..4 {
        publish(&mut p).unwrap();
    }
    let mut seen = Vec::new();
    let mut last = 0;
    while let Some(held) = reader::hold_next(&c, &lease, last) {
        last = held.serial;
        seen.push((held.serial, held.missed));
        reader::release(&lease, held.slot);
    }
    assert_eq!(seen, [(1, 0), (2, 0), (3, 0), (4, 0)]);
}

#[test]
fn a_full_ring_claims_again_only_after_retire_and_collect() {
    let c = MockControl::new(2);
    let mut p = Publisher::new(&c);
    publish(&mut p).unwrap();
    publish(&mut p).unwrap();
    assert_eq!(publish(&mut p), None);
    let (slot, serial) = p.retire_oldest().unwrap();
    assert_eq!(serial, 1);
    assert_eq!(publish(&mut p), None, "retired is not yet free");
    assert_eq!(free_slots(&mut p, &[]), [slot]);
    assert_eq!(publish(&mut p), Some(3));
}

#[test]
fn a_held_slot_drains_until_its_holder_is_done() {
    let c = MockControl::new(2);
    let (a, b) = (MockLease::new(2), MockLease::new(2));
    let mut p = Publisher::new(&c);
    publish(&mut p).unwrap();
    let held = reader::hold_newest(&c, &a, 0).unwrap();
    p.retire_oldest().unwrap();
    assert!(free_slots(&mut p, &[&a, &b]).is_empty());
    assert_eq!(p.draining(), 1);
    assert_eq!(reader::try_hold(&c, &b, 1), None, "no newcomer");
    assert!(reader::is_intact(&c, held.slot, 1), "held is intact");
    reader::release(&a, held.slot);
    assert_eq!(free_slots(&mut p, &[&a, &b]), [held.slot]);
    assert!(!reader::is_intact(&c, held.slot, 1), "freed is over");
}

#[test]
fn a_lease_that_vanishes_takes_its_references_along() {
    let c = MockControl::new(2);
    let lease = MockLease::new(2);
    let mut p = Publisher::new(&c);
    publish(&mut p).unwrap();
    let held = reader::hold_newest(&c, &lease, 0).unwrap();
    p.retire_oldest().unwrap();
    assert!(free_slots(&mut p, &[&lease]).is_empty());
    assert_eq!(free_slots(&mut p, &[]), [held.slot]);
}

#[test]
fn a_frame_in_the_middle_is_retired_alone() {
    let mut p = Publisher::new(MockControl::new(8));
    let lease = MockLease::new(8);
    for _ in 0..4 {
        publish(&mut p).unwrap();
    }
    assert!(p.retire(2) && p.retire(3));
    assert!(!p.retire(2) && !p.retire(0) && !p.retire(5));
    assert_eq!((p.readable(), p.draining()), (2, 2));
    assert_eq!(reader::try_hold(p.control(), &lease, 2), None);
    let held = reader::hold_next(p.control(), &lease, 1).unwrap();
    assert_eq!(held.serial, 4);
    assert_eq!(free_slots(&mut p, &[&lease]).len(), 2);
    // Retiring the oldest also moves past those that were retired early.
    assert_eq!(p.retire_oldest().unwrap().1, 1);
    assert_eq!(p.oldest().unwrap().1, 4);
    assert!(p.retire(4));
    assert_eq!((p.oldest(), p.newest(), p.readable()), (None, None, 0));
    assert_eq!(publish(&mut p), Some(5));
    assert_eq!(p.oldest().unwrap().1, 5);
}

#[test]
fn the_newest_can_be_retired_before_older_ones() {
    let mut p = Publisher::new(MockControl::new(4));
    publish(&mut p).unwrap();
    publish(&mut p).unwrap();
    assert!(p.retire(2));
    assert_eq!(p.newest(), None);
    assert_eq!(p.oldest().unwrap().1, 1);
    assert_eq!(publish(&mut p), Some(3));
    assert_eq!((p.readable(), p.newest().is_some()), (2, true));
}

#[test]
fn no_claim_while_a_frame_is_a_ring_length_old() {
    let mut p = Publisher::new(MockControl::new(4));
    for serial in 1..=4 {
        assert_eq!(publish(&mut p), Some(serial));
        assert!(serial == 1 || p.retire(serial));
        free_slots(&mut p, &[]);
    }
    assert_eq!((p.readable(), p.free()), (1, 3));
    assert!(p.claim().is_none());
    assert!(p.retire(1));
    assert_eq!(publish(&mut p), Some(5));
}

#[test]
fn a_slow_reader_skips_what_is_gone_and_counts_it() {
    let c = MockControl::new(4);
    let lease = MockLease::new(4);
    let mut p = Publisher::new(&c);
    for _ in 0..10 {
        if p.free() == 0 {
            p.retire_oldest().unwrap();
            free_slots(&mut p, &[&lease]);
        }
        publish(&mut p).unwrap();
    }
    let held = reader::hold_next(&c, &lease, 2).unwrap();
    assert_eq!((held.serial, held.missed), (7, 4));
}

#[test]
fn an_index_that_points_outside_is_no_slot() {
    let c = MockControl::new(2);
    let lease = MockLease::new(2);
    let mut p = Publisher::new(&c);
    publish(&mut p).unwrap();
    c.index(1).store(77, Ordering::Relaxed);
    assert_eq!(reader::try_hold(&c, &lease, 1), None);
    c.head().store(u64::MAX, Ordering::Relaxed);
    assert_eq!(reader::hold_newest(&c, &lease, 0), None);
}

#[test]
fn sleep_is_announced_only_without_a_new_frame() {
    let c = MockControl::new(2);
    let lease = MockLease::new(2);
    let mut p = Publisher::new(&c);
    assert_eq!(wake::begin_sleep(&c, &lease, 0), Some(0));
    assert!(wake::waiting(&lease).futex);
    wake::end_sleep(&lease);
    publish(&mut p).unwrap();
    assert_eq!(wake::begin_sleep(&c, &lease, 0), None);
    assert!(!wake::waiting(&lease).futex);
    assert!(!wake::arm(&c, &lease, 0));
    assert!(wake::arm(&c, &lease, 1));
    assert!(wake::waiting(&lease).event);
    wake::disarm(&lease);
    assert!(!wake::waiting(&lease).event);
}

/// The pixels of each slot, as plain memory: a wrong order is a data race, which Miri and
/// ThreadSanitizer report.
pub(super) struct Pixels(Vec<UnsafeCell<u64>>);

// SAFETY: the ring keeps the accesses apart, which is what the tools check.
unsafe impl Sync for Pixels {}

impl Pixels {
    pub(super) fn new(slots: usize) -> Self {
        Self((0..slots).map(|_| UnsafeCell::new(0)).collect())
    }

    pub(super) fn write(&self, slot: SlotId, value: u64) {
        // SAFETY: the caller has claimed the slot: nobody reads or writes its pixels.
        unsafe { *self.0[slot.index()].get() = value };
    }

    pub(super) fn read(&self, slot: SlotId) -> u64 {
        // SAFETY: the caller holds the slot: nobody writes its pixels.
        unsafe { *self.0[slot.index()].get() }
    }
}

#[test]
fn threads_never_see_a_torn_frame_or_an_older_one() {
    const FRAMES: u64 = if cfg!(miri) { 60 } else { 50_000 };
    let c = Arc::new(MockControl::new(4));
    let pixels = Arc::new(Pixels::new(4));
    let leases: Arc<[MockLease; 2]> = Arc::new([MockLease::new(4), MockLease::new(4)]);
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..2)
        .map(|me| {
            let (c, leases, done) = (c.clone(), leases.clone(), done.clone());
            let pixels = pixels.clone();
            thread::spawn(move || {
                let c: &MockControl = &c;
                let (mut last, mut got) = (0, 0u64);
                loop {
                    let stop = done.load(Ordering::Acquire);
                    let hold = if me == 0 {
                        reader::hold_newest
                    } else {
                        reader::hold_next
                    };
                    if let Some(held) = hold(c, &leases[me], last) {
                        let words = [0, 1].map(|at| reader::word(c, held.slot, at));
                        assert_eq!(words, [held.serial; 2]);
                        assert_eq!(pixels.read(held.slot), held.serial);
                        assert!(held.serial > last);
                        last = held.serial;
                        got += 1;
                        reader::release(&leases[me], held.slot);
                    } else if stop {
                        return (last, got);
                    } else {
                        thread::yield_now();
                    }
                }
            })
        })
        .collect();
    let mut p = Publisher::new(&*c);
    while p.head() < FRAMES {
        if let Some(claim) = p.claim() {
            pixels.write(claim.slot(), p.head() + 1);
            p.publish(claim, |serial| [serial; 2]);
        } else {
            p.retire_oldest();
            p.collect(leases.iter(), |_| ());
            thread::yield_now();
        }
    }
    done.store(true, Ordering::Release);
    for reader in readers {
        let (last, got) = reader.join().unwrap();
        assert_eq!(last, FRAMES);
        assert!(got > 0);
    }
    while p.retire_oldest().is_some() {}
    p.collect(leases.iter(), |_| ());
    assert_eq!(p.free(), 4, "every slot is free in the end");
}
