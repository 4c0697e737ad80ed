//! Publishing while no client sleeps.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use criterion::Criterion;
use videostream::hal::ring::layout::DESCRIPTOR_WORDS;
use videostream::hal::sync::{Point, full_fence};

use crate::host::Publisher;
use crate::measure::{in_turns, repeat};
use crate::table::{Goal, Table};

pub(crate) fn bench(criterion: &mut Criterion, table: &mut Table) {
    let mut group = criterion.benchmark_group("publish, nobody asleep");
    for clients in [0, 1, 4, 8, 16] {
        let mut publisher = Publisher::new("publish", 64, 64);
        let attached: Vec<_> = (0..clients).map(|_| publisher.connect(|c| c)).collect();
        let mut publish = |count| repeat(count, || publisher.publish());
        // What it is at the least: a descriptor's stores, the serial, and one fence.
        let words = [const { AtomicU64::new(0) }; DESCRIPTOR_WORDS];
        let head = AtomicU64::new(0);
        let mut stores = |count| {
            repeat(count, || {
                for word in black_box(&words) {
                    word.store(1, Ordering::Relaxed);
                }
                head.store(head.load(Ordering::Relaxed) + 1, Ordering::Release);
                full_fence(Point::WakeFence);
            })
        };
        let name = format!("{clients} clients");
        let (figure, [floor]) = in_turns(&mut group, &name, 20_000, &mut publish, [&mut stores]);
        let goal = match clients {
            1 => Goal::Below(300.0),
            16 => Goal::Below(1000.0),
            _ => Goal::Compare,
        };
        let name = format!("publish + reclaim, {clients} awake");
        table.add(name, &figure, ("256 bytes of stores, fence", &floor), goal);
        drop(attached);
    }
    group.finish();
}
