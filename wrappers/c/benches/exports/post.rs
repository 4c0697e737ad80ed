//! Posting frames.

use std::hint::black_box;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use criterion::Criterion;
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use videostream::hal::memory::allocate::Allocator;
use videostream_testing::figures::{Goal, Table, in_turns, repeat};

use crate::batch::{in_batches, timed};
use crate::{BUFFERS, RUST, WITHIN, buffers, c, rust};

/// Frames posted before all are taken back.
const BATCH: usize = 8 * BUFFERS;
/// Frames that stay out while one after the other is posted and the oldest is taken back.
const OUT: u32 = 8;

pub(crate) fn bench(criterion: &mut Criterion, table: &mut Table) {
    let mut group = criterion.benchmark_group("C: post");
    let memory = buffers();
    let of_memory = |at: usize| c::Frame::attached(memory[at % BUFFERS].as_fd());
    let frames: [c::Frame; BATCH] = std::array::from_fn(of_memory);
    let host = c::Host::new("c-post");
    let client = host.connect("c-post", &frames[0]);

    let mut publisher = rust::Publisher::new("rust-post");
    let reader = rust::connect("rust-post", || publisher.host.process().unwrap());

    let mut post = |count| {
        in_batches(count, BATCH, |batch| {
            let batch = &frames[..batch];
            let spent = timed(|| batch.iter().for_each(|frame| host.post(frame)));
            batch.iter().for_each(|frame| host.take_back(frame));
            spent
        })
    };
    let mut publish = |count| {
        in_batches(count, BATCH, |batch| {
            let spent = timed(|| (0..batch).for_each(|_| publisher.publish()));
            publisher.host.reclaim_all(|slot| {
                black_box(slot);
            });
            spent
        })
    };
    let (figure, rust) = in_turns(&mut group, "post", 20_480, &mut post, &mut [&mut publish]);
    table.add("C: post", &figure, (RUST, &rust[0]), WITHIN);

    let mut out = frames.iter().take(OUT as usize + 1).cycle();
    frames.iter().take(OUT as usize).for_each(|f| host.post(f));
    let mut next = out.nth(OUT as usize).unwrap();
    let mut post = |count| {
        repeat(count, || {
            host.post(next);
            // The oldest, since as many are out.
            next = out.next().unwrap();
            host.take_back(next);
        })
    };
    let mut publish = |count| {
        repeat(count, || {
            publisher.publish();
            publisher.host.reclaim(OUT, |slot| {
                black_box(slot);
            });
        })
    };
    let (figure, rust) = in_turns(
        &mut group,
        "post and drop",
        20_000,
        &mut post,
        &mut [&mut publish],
    );
    table.add("C: post + drop", &figure, (RUST, &rust[0]), WITHIN);
    group.finish();
    drop((client, reader));
    bench_unsealed(criterion, table);
}

/// Pixels of a large frame's sides.
const LARGE: (u32, u32) = (1920, 1080);
/// From one large frame to the next.
const PAUSE: Duration = Duration::from_millis(2);

/// Posts of large frames, 500 a second: in memory that can be cut short, and in sealed memory.
fn bench_unsealed(criterion: &mut Criterion, table: &mut Table) {
    let mut group = criterion.benchmark_group("C: unsealed memory");
    let bytes = LARGE.0 * LARGE.1 * 3 / 2;
    let sealed = || Allocator::memfd_only().allocate(bytes.into()).unwrap().fd;
    let unsealed = || {
        let fd = memfd_create("unsealed", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&fd, bytes.into()).unwrap();
        fd
    };
    let paced = |what: &str, memory: &dyn Fn() -> OwnedFd| {
        let memory: [_; BUFFERS] = std::array::from_fn(|_| memory());
        let frames = memory.map(|fd| c::Frame::of_size(fd.as_fd(), LARGE));
        let host = c::Host::new(what);
        let client = host.connect(what, &frames[0]);
        let mut at = 0;
        move |count| {
            let _ = &client;
            (0..count)
                .map(|_| {
                    std::thread::sleep(PAUSE);
                    let frame = &frames[at % BUFFERS];
                    at += 1;
                    let spent = timed(|| host.post(frame));
                    host.take_back(frame);
                    spent
                })
                .sum()
        }
    };
    let mut post = paced("c-unsealed", &unsealed);
    let mut floor = paced("c-sealed", &sealed);
    let name = "post of 1080p, unsealed";
    let (figure, sealed) = in_turns(&mut group, name, 100, &mut post, &mut [&mut floor]);
    let floor = ("sealed memory", &sealed[0]);
    table.add(
        "C: post of 1080p, unsealed",
        &figure,
        floor,
        Goal::Ratio(1.1),
    );
    group.finish();
}
