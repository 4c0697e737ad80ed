//! Publishing while no client sleeps: with idle clients, with clients that hold a frame each, and
//! with rings of different sizes.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use videostream::hal::ring::layout::DESCRIPTOR_WORDS;
use videostream::hal::sync::{Point, full_fence};
use videostream_testing::figures::{Goal, Table, in_turns, repeat};

use crate::host::Publisher;

/// The most clients of a host.
const MANY: u32 = 64;

pub(crate) fn bench(criterion: &mut Criterion, table: &mut Table) {
    let mut group = criterion.benchmark_group("publish, nobody asleep");
    for clients in [0, 1, 4, 8, 16, MANY] {
        let mut publisher = Publisher::new("publish", clients);
        let attached: Vec<_> = (0..clients).map(|_| publisher.connect(|c| c)).collect();
        let goal = match clients {
            1 => Goal::Below(300.0),
            16 => Goal::Below(1000.0),
            _ => Goal::Compare,
        };
        let what = format!("{clients} awake");
        beside_stores(&mut group, table, &what, &mut publisher, goal);
        drop(attached);
    }
    for clients in [1, 4, 8, 16, MANY] {
        let mut publisher = Publisher::new("publish-held", clients);
        // Each holds a different frame, which is long past the readable ones.
        let mut hold = |_| {
            let mut client = publisher.connect(|c| c);
            publisher.publish();
            let frame = client.try_next().unwrap().unwrap();
            (client, frame)
        };
        let holding: Vec<_> = (0..clients).map(&mut hold).collect();
        for _ in 0..2 * MANY {
            publisher.publish();
        }
        let what = format!("{clients} holding");
        beside_stores(&mut group, table, &what, &mut publisher, Goal::Compare);
        drop(holding);
    }
    group.finish();

    let mut group = criterion.benchmark_group("publish, slots");
    for slots in [2, 16, 128, 1024] {
        // All slots but one are outstanding, so that each is used in turn.
        let mut publisher = Publisher::with("publish-slots", (64, 64), slots - 1, slots - 1);
        assert_eq!(publisher.host.slots(), slots);
        // A client that holds nothing: with two slots no frame can be held.
        let client = publisher.connect(|c| c.hold(0));
        for _ in 0..2 * slots {
            publisher.publish();
        }
        let what = format!("1 awake, {slots} slots");
        beside_stores(&mut group, table, &what, &mut publisher, Goal::Compare);
        drop(client);
    }
    group.finish();
}

/// Measures publishing alternately with its floor: a descriptor's stores, the serial, and one
/// fence.
fn beside_stores(
    group: &mut BenchmarkGroup<'_, WallTime>,
    table: &mut Table,
    what: &str,
    publisher: &mut Publisher,
    goal: Goal,
) {
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
    let mut publish = |count| repeat(count, || publisher.publish());
    group.measurement_time(Duration::from_millis(700));
    let (figure, floors) = in_turns(group, what, 10_000, &mut publish, &mut [&mut stores]);
    let name = format!("publish + reclaim, {what}");
    table.add(
        name,
        &figure,
        ("256 bytes of stores, fence", &floors[0]),
        goal,
    );
}
