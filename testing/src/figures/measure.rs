//! Alternating measurements.

use std::time::{Duration, Instant};

use criterion::BenchmarkGroup;
use criterion::measurement::WallTime;

/// Measured values, in nanoseconds.
#[derive(Clone, Debug, Default)]
pub struct Series(Vec<f64>);

impl Series {
    /// Adds a value.
    pub fn push(&mut self, ns: f64) {
        self.0.push(ns);
    }

    /// Returns the number of values.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Returns the value below which the fraction `part` of all values lies; `None` without values.
    pub fn quantile(&self, part: f64) -> Option<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let at = (part * sorted.len() as f64) as usize;
        sorted.get(at.min(sorted.len().saturating_sub(1))).copied()
    }

    /// Returns the series with `change` applied to each value.
    #[must_use]
    pub fn map(&self, change: impl Fn(f64) -> f64) -> Self {
        Self(self.0.iter().copied().map(change).collect())
    }

    /// Returns the median; `None` without values.
    pub fn median(&self) -> Option<f64> {
        self.quantile(0.5)
    }
}

/// Work that is measured in batches.
pub trait Batch {
    /// Runs it `count` times; returns the time taken, without setup.
    fn run(&mut self, count: u64) -> Duration;
}

impl<F: FnMut(u64) -> Duration> Batch for F {
    fn run(&mut self, count: u64) -> Duration {
        self(count)
    }
}

/// Returns how long it takes to run `work` `count` times.
#[inline]
pub fn repeat(count: u64, mut work: impl FnMut()) -> Duration {
    let begin = Instant::now();
    for _ in 0..count {
        work();
    }
    begin.elapsed()
}

/// Measures `figure` with criterion and `floors` alternately with it, `batch` repeats of each at a
/// time. Returns the mean of each batch, for the figure and for each floor; empty series if the
/// figure was not selected.
pub fn in_turns(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    batch: u64,
    figure: &mut dyn Batch,
    floors: &mut [&mut dyn Batch],
) -> (Series, Vec<Series>) {
    let mut series = Series::default();
    let others = floors.len();
    let mut floor_series = vec![Series::default(); others];
    let mut turn = 0;
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|iterations| {
            let mut sum = Duration::ZERO;
            let mut left = iterations;
            while left > 0 {
                let count = left.min(batch);
                left -= count;
                let mean = |time: Duration| time.as_nanos() as f64 / count as f64;
                turn += 1;
                // Each goes first equally often.
                for at in 0..=others {
                    let at = (at + turn) % (others + 1);
                    if at == others {
                        let time = figure.run(count);
                        sum += time;
                        series.push(mean(time));
                    } else {
                        floor_series[at].push(mean(floors[at].run(count)));
                    }
                }
            }
            sum
        });
    });
    (series, floor_series)
}
