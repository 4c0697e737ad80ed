//! Holding and releasing a frame.

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use criterion::Criterion;
use videostream::Mode;
use videostream::hal::sync::{Point, full_fence};
use videostream::hal::time::now_ns;
use videostream_testing::figures::{Goal, Table, in_turns, repeat};

use crate::host::Publisher;

/// Frames published before they are read, all of which fit the ring.
const BATCH: u64 = 8;

pub(crate) fn bench(criterion: &mut Criterion, table: &mut Table) {
    let mut group = criterion.benchmark_group("hold");
    let mut publisher = Publisher::new("hold", 16);
    let client = publisher.connect(|c| c.hold(2));
    publisher.publish();

    let mut hold = |count| {
        repeat(count, || {
            let held = client.ipc().hold(0).unwrap().unwrap();
            client.ipc().release(black_box(held).slot);
        })
    };
    let (references, state) = (AtomicU32::new(0), AtomicU64::new(1));
    let mut floor = |count| {
        repeat(count, || {
            black_box(&references).fetch_add(1, Ordering::Relaxed);
            full_fence(Point::HoldFence);
            black_box(black_box(&state).load(Ordering::Relaxed));
            black_box(&references).fetch_sub(1, Ordering::Release);
        })
    };
    let (figure, floors) = in_turns(
        &mut group,
        "hold and release",
        20_000,
        &mut hold,
        &mut [&mut floor],
    );
    let atomic = ("add, fence, load, sub", &floors[0]);
    table.add("hold + release", &figure, atomic, Goal::Below(60.0));
    drop(client);
    publisher.host.process().unwrap();

    let mut reader = publisher.connect(|c| c.mode(Mode::Every));
    let mut object = |count: u64| {
        let mut spent = 0;
        let mut left = count;
        while left > 0 {
            let batch = left.min(BATCH);
            for _ in 0..batch {
                publisher.publish();
            }
            let begin = now_ns();
            for _ in 0..batch {
                drop(black_box(reader.try_next().unwrap().unwrap()));
            }
            spent += now_ns() - begin;
            left -= batch;
        }
        Duration::from_nanos(spent)
    };
    let (figure, floors) = in_turns(
        &mut group,
        "frame object",
        20_000,
        &mut object,
        &mut [&mut floor],
    );
    let atomic = ("add, fence, load, sub", &floors[0]);
    table.add(
        "next frame as object + drop",
        &figure,
        atomic,
        Goal::Compare,
    );
    group.finish();
}
