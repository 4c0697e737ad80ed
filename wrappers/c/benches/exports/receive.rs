//! Waiting for frames that are there, and locking them.

use std::hint::black_box;
use std::os::fd::AsFd;
use std::time::Duration;

use criterion::Criterion;
use videostream_testing::figures::{Table, in_turns, repeat};

use crate::batch::{in_batches, timed};
use crate::{BUFFERS, RUST, WITHIN, buffers, c, rust};

/// Frames that are there at once, each of which a client may hold.
const BATCH: usize = 2 * BUFFERS;
/// How long a frame is waited for.
const FRAME_TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) fn bench(criterion: &mut Criterion, table: &mut Table) {
    let mut group = criterion.benchmark_group("C: receive");
    // Two hosts of the same kind: one client each, of C and of Rust.
    let posts = Posts::new("c-receive");
    let client = posts.host.connect("c-receive", &posts.frames[0]);
    let other = Posts::new("rust-receive");
    let mut reader = rust::connect("rust-receive", || other.host.process());

    let mut got = Vec::with_capacity(BATCH);
    let mut wait = |count| {
        posts.there(count, |batch| {
            let spent = timed(|| got.extend((0..batch).map(|_| client.wait())));
            got.clear();
            spent
        })
    };
    let mut held = Vec::with_capacity(BATCH);
    let mut next = |count| {
        other.there(count, |batch| {
            let spent = timed(|| {
                held.extend((0..batch).map(|_| reader.next(FRAME_TIMEOUT).unwrap()));
            });
            held.clear();
            spent
        })
    };
    let (figure, rust) = in_turns(&mut group, "wait", 20_480, &mut wait, &mut [&mut next]);
    table.add("C: wait", &figure, (RUST, &rust[0]), WITHIN);

    let mut wait = |count| {
        posts.there(count, |batch| {
            timed(|| (0..batch).for_each(|_| drop(black_box(client.wait()))))
        })
    };
    let mut next = |count| {
        other.there(count, |batch| {
            timed(|| (0..batch).for_each(|_| drop(black_box(reader.next(FRAME_TIMEOUT).unwrap()))))
        })
    };
    let (figure, rust) = in_turns(
        &mut group,
        "wait and release",
        20_480,
        &mut wait,
        &mut [&mut next],
    );
    table.add("C: wait + release", &figure, (RUST, &rust[0]), WITHIN);

    posts.host.post(&posts.frames[0]);
    let mut frame = client.wait();
    let mut lock = |count| repeat(count, || frame.lock_and_unlock());
    other.host.post(&other.frames[0]);
    let serial = other.frames[0].serial();
    let ipc = reader.ipc();
    let mut hold = |count| {
        repeat(count, || {
            let slot = ipc.hold_serial(black_box(serial)).unwrap().unwrap();
            ipc.release(black_box(slot));
        })
    };
    let (figure, rust) = in_turns(&mut group, "lock", 20_000, &mut lock, &mut [&mut hold]);
    table.add("C: trylock + unlock", &figure, (RUST, &rust[0]), WITHIN);
    group.finish();
}

/// A host of C and its frames.
struct Posts {
    host: c::Host,
    frames: [c::Frame; BATCH],
}

impl Posts {
    fn new(what: &str) -> Self {
        let memory = buffers();
        let of_memory = |at: usize| c::Frame::attached(memory[at % BUFFERS].as_fd());
        Self {
            host: c::Host::new(what),
            frames: std::array::from_fn(of_memory),
        }
    }

    /// Has `receive` receive `count` frames in batches, each of which is there.
    fn there(&self, count: u64, mut receive: impl FnMut(usize) -> Duration) -> Duration {
        in_batches(count, BATCH, |batch| {
            let frames = &self.frames[..batch];
            frames.iter().for_each(|frame| self.host.post(frame));
            let spent = receive(batch);
            frames.iter().for_each(|frame| self.host.take_back(frame));
            spent
        })
    }
}
