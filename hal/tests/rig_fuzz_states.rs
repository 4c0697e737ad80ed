//! Queues of the kernel's virtual cameras under calls in random order, legal and illegal ones, in
//! every kind of memory.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test
//! says that it was skipped. The first camera is single-planar, the second multi-planar.
//!
//! rig: vivid.n_devs=2 vivid.multiplanar=1,2 timeout=900

#![cfg(target_os = "linux")]

mod fuzz;
mod states;
mod vivid;

use fuzz::{Held, recover, seeds, watch};
use states::{Fuzz, Outcomes};
use videostream_hal::v4l2::{Memory, NodeKind};
use videostream_testing::on_the_rig;
use vivid::open_kind;

/// Calls of a round.
const CALLS: usize = 300;

fn rounds(test: &str, instance: u32, memory: Memory) {
    let Some(_turn) = on_the_rig(test) else {
        return;
    };
    watch();
    recover(&open_kind(instance, NodeKind::Camera), "before");
    let before = Held::now();
    let mut all = Outcomes::new();
    for seed in seeds(10) {
        println!("seed {seed}");
        let device = open_kind(instance, NodeKind::Camera);
        let outcomes = Fuzz::new(seed, &device, instance, memory).run(CALLS);
        for (call, (done, refused)) in outcomes {
            let sum = all.entry(call).or_default();
            *sum = (sum.0 + done, sum.1 + refused);
        }
        // Buffers that a call past the queue has left belong to the handle: closing frees them.
        drop(device);
        recover(
            &open_kind(instance, NodeKind::Camera),
            &format!("seed {seed}"),
        );
        assert_eq!(Held::now(), before, "seed {seed}");
    }
    for (call, (done, refused)) in &all {
        println!("{call}: {done} done, {refused} refused");
    }
    for call in ["allocate", "stream on", "queue", "dequeue", "set format"] {
        let (done, refused) = all[call];
        assert!(done > 0 && refused > 0, "{call}: {done} {refused}");
    }
}

#[test]
fn queues_of_driver_memory_withstand_random_calls() {
    let test = "queues_of_driver_memory_withstand_random_calls";
    rounds(test, 0, Memory::Mmap);
}

#[test]
fn queues_of_lent_memory_withstand_random_calls() {
    let test = "queues_of_lent_memory_withstand_random_calls";
    rounds(test, 0, Memory::UserPtr);
}

#[test]
fn queues_of_imported_memory_withstand_random_calls() {
    let test = "queues_of_imported_memory_withstand_random_calls";
    rounds(test, 0, Memory::DmaBuf);
}

#[test]
fn mplane_mmap_queues_withstand_random_calls() {
    let test = "mplane_mmap_queues_withstand_random_calls";
    rounds(test, 1, Memory::Mmap);
}

#[test]
fn mplane_userptr_queues_withstand_random_calls() {
    let test = "mplane_userptr_queues_withstand_random_calls";
    rounds(test, 1, Memory::UserPtr);
}

#[test]
fn mplane_dmabuf_queues_withstand_random_calls() {
    let test = "mplane_dmabuf_queues_withstand_random_calls";
    rounds(test, 1, Memory::DmaBuf);
}
