//! Reading every byte of a frame.

use std::hint::black_box;

use criterion::Criterion;
use videostream::hal::memory::{Access, Mapping};
use videostream_testing::figures::{Goal, Table, in_turns, repeat};

use crate::host::Publisher;

const WIDTH: u32 = 1920;
const HEIGHT: u32 = 1080;

/// Reads every byte.
fn sum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let words = words.iter().map(|word| u64::from_ne_bytes(*word));
    let sum = words.fold(0u64, |sum, word| sum.wrapping_add(word));
    rest.iter()
        .fold(sum, |sum, &byte| sum.wrapping_add(byte.into()))
}

pub(crate) fn bench(criterion: &mut Criterion, table: &mut Table) {
    let mut group = criterion.benchmark_group("read 1080p");
    let mut publisher = Publisher::with("read", (WIDTH, HEIGHT), 4, 2);
    let mut client = publisher.connect(|c| c);
    publisher.publish();
    let frame = client.try_next().unwrap().unwrap();
    let size = (WIDTH * HEIGHT * 3 / 2) as usize;
    let fd = frame.plane_fd(0).unwrap();

    let mut held = |count| {
        repeat(count, || {
            let pixels = frame.pixels().unwrap();
            black_box(sum(black_box(pixels.plane(0))) + sum(black_box(pixels.plane(1))));
        })
    };
    let memory = vec![1u8; size];
    let mut private = |count| {
        repeat(count, || {
            let (luma, chroma) = memory.split_at(size / 3 * 2);
            black_box(sum(black_box(luma)) + sum(black_box(chroma)));
        })
    };
    let mut remapped = |count| {
        repeat(count, || {
            let mapping = Mapping::new(fd, size, Access::Read).unwrap();
            black_box(sum(bytes(&mapping)));
        })
    };
    let (figure, floors) = in_turns(
        &mut group,
        "held frame",
        8,
        &mut held,
        &mut [&mut private, &mut remapped],
    );
    let floor = ("private memory", &floors[0]);
    table.add(
        "read a held 1080p NV12 frame",
        &figure,
        floor,
        Goal::Ratio(1.05),
    );
    table.add(
        "the same, mapped again each time",
        &floors[1],
        floor,
        Goal::Compare,
    );
    group.finish();
}

#[expect(unsafe_code, reason = "nothing writes the frame while it is held")]
fn bytes(mapping: &Mapping) -> &[u8] {
    // SAFETY: the frame is held, and its file is sealed against shrinking.
    unsafe { mapping.bytes() }
}
