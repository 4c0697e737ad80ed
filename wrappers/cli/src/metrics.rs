//! Statistics of frames: rate, bytes, latency.

use std::fmt;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Upper bound of the histogram: an hour. Longer times count as this.
const LONGEST_NS: u64 = 3_600_000_000_000;

/// A histogram of times with three significant digits, in constant memory.
pub(crate) struct Times(Histogram<u64>);

impl Times {
    pub(crate) fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, LONGEST_NS, 3);
        Self(histogram.unwrap_or_else(|_| unreachable!("1 to an hour with 3 digits is valid")))
    }

    /// Records a time.
    pub(crate) fn add(&mut self, ns: u64) {
        self.0.saturating_record(ns);
    }

    /// Returns the time that `percent` of all times do not exceed.
    pub(crate) fn percentile_ns(&self, percent: f64) -> u64 {
        self.0.value_at_quantile(percent / 100.0)
    }

    fn max_ns(&self) -> u64 {
        self.0.max()
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |ns: u64| ns as f64 / 1e6;
        write!(
            f,
            "p50 {:.3} ms  p95 {:.3} ms  p99 {:.3} ms  max {:.3} ms",
            ms(self.percentile_ns(50.0)),
            ms(self.percentile_ns(95.0)),
            ms(self.percentile_ns(99.0)),
            ms(self.max_ns())
        )
    }
}

/// Statistics of a stream.
pub(crate) struct Metrics {
    pub(crate) frames: u64,
    pub(crate) bytes: u64,
    /// Frames that were published but missed.
    pub(crate) dropped: u64,
    /// Latency from capture to this process.
    pub(crate) latency: Times,
    first_ns: Option<u64>,
    last_ns: u64,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            frames: 0,
            bytes: 0,
            dropped: 0,
            latency: Times::new(),
            first_ns: None,
            last_ns: 0,
        }
    }

    /// Counts a frame of `bytes` bytes that arrived at `now_ns`.
    pub(crate) fn frame(&mut self, bytes: u32, now_ns: u64) {
        self.frames += 1;
        self.bytes += u64::from(bytes);
        self.first_ns.get_or_insert(now_ns);
        self.last_ns = now_ns;
    }

    /// Returns the time from the first frame to the last.
    pub(crate) fn duration_ns(&self) -> u64 {
        self.last_ns.saturating_sub(self.first_ns.unwrap_or(0))
    }

    /// Returns frames per second between the first and the last.
    pub(crate) fn fps(&self) -> f64 {
        per_second(self.frames.saturating_sub(1) as f64, self.duration_ns())
    }

    pub(crate) fn summary(&self) -> Summary {
        let us = |ns: u64| ns / 1_000;
        let at = |percent| us(self.latency.percentile_ns(percent));
        // The first frame's bytes arrived before the measured time began.
        let measured = self.bytes as f64 * ratio(self.frames.saturating_sub(1), self.frames);
        Summary {
            frames_processed: self.frames,
            bytes_processed: self.bytes,
            duration_ms: self.duration_ns() / 1_000_000,
            throughput_fps: self.fps(),
            bandwidth_mbps: per_second(measured * 8.0 / 1e6, self.duration_ns()),
            latency_min_us: us(self.latency.0.min()),
            latency_max_us: us(self.latency.max_ns()),
            latency_avg_us: (self.latency.0.mean() / 1e3) as u64,
            latency_p50_us: at(50.0),
            latency_p95_us: at(95.0),
            latency_p99_us: at(99.0),
            dropped_frames: self.dropped,
        }
    }
}

/// Statistics for JSON, with names and order of videostream 2.
#[derive(Serialize)]
pub(crate) struct Summary {
    frames_processed: u64,
    bytes_processed: u64,
    duration_ms: u64,
    throughput_fps: f64,
    bandwidth_mbps: f64,
    latency_min_us: u64,
    latency_max_us: u64,
    latency_avg_us: u64,
    latency_p50_us: u64,
    latency_p95_us: u64,
    latency_p99_us: u64,
    dropped_frames: u64,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} in {:.1} s, {:.2} fps, {:.1} Mbit/s",
            self.frames_processed,
            self.duration_ms as f64 / 1e3,
            self.throughput_fps,
            self.bandwidth_mbps
        )
    }
}

fn per_second(amount: f64, ns: u64) -> f64 {
    if ns == 0 {
        0.0
    } else {
        amount * 1e9 / ns as f64
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_all_zero() {
        let summary = serde_json::to_value(Metrics::new().summary()).unwrap();
        let fields = summary.as_object().unwrap();
        assert_eq!(fields.len(), 12);
        assert!(fields.values().all(|value| value.as_f64() == Some(0.0)));
    }

    #[test]
    fn rates_are_measured_between_frames() {
        let mut metrics = Metrics::new();
        for number in 0..31 {
            let now = 1_000_000_000 + number * 33_333_333;
            metrics.frame(1_000, now);
            metrics.latency.add(2_000_000);
        }
        let summary = metrics.summary();
        assert!((summary.throughput_fps - 30.0).abs() < 0.01);
        assert!((summary.bandwidth_mbps - 0.24).abs() < 0.001);
        assert_eq!(summary.duration_ms, 999);
        for us in [summary.latency_p50_us, summary.latency_max_us] {
            assert!(us.abs_diff(2_000) <= 2, "{us}");
        }
    }
}
