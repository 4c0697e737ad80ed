//! Timing a part of what has to be done in batches.

use std::time::{Duration, Instant};

/// Does `work` to `count` frames, at most `most` at a time, and tells how long it says that took.
pub(crate) fn in_batches(
    count: u64,
    most: usize,
    mut work: impl FnMut(usize) -> Duration,
) -> Duration {
    let mut spent = Duration::ZERO;
    let mut left = usize::try_from(count).unwrap();
    while left > 0 {
        let batch = left.min(most);
        spent += work(batch);
        left -= batch;
    }
    spent
}

/// How long `work` takes.
#[inline]
pub(crate) fn timed(work: impl FnOnce()) -> Duration {
    let begin = Instant::now();
    work();
    begin.elapsed()
}
