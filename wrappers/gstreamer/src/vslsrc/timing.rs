//! Buffer timestamps, and the age of frames.

use gst::ClockTime;
use videostream::hal::ring::FrameDescriptor;
use videostream::hal::time::now_ns;

/// Number of frames whose smallest age becomes the latency.
const WINDOW: u32 = 16;
/// How much too small the latency may be before it is changed, in nanoseconds.
const NOTABLE_NS: u64 = 2_000_000;
/// How much too large it may be: that only adds delay, and ages vary on a busy machine.
const TOO_LARGE_NS: u64 = 20_000_000;

/// A pipeline's clock in relation to `CLOCK_MONOTONIC`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeline {
    /// Base time of the pipeline.
    pub(super) base_ns: u64,
    /// How far `CLOCK_MONOTONIC` is ahead of the pipeline's clock.
    pub(super) ahead_ns: i64,
}

impl Timeline {
    /// Converts a time of `CLOCK_MONOTONIC` to running time; `None` before the base time.
    fn running(&self, monotonic_ns: u64) -> Option<ClockTime> {
        let clock = monotonic_ns.checked_add_signed(self.ahead_ns.checked_neg()?)?;
        clock
            .checked_sub(self.base_ns)
            .map(ClockTime::from_nseconds)
    }
}

/// Returns the capture time on `CLOCK_MONOTONIC`; the time of publication if it is unknown or in
/// the future.
fn capture_ns(frame: &FrameDescriptor, now_ns: u64) -> u64 {
    let said = [frame.timestamp_ns, frame.published_ns];
    let known = said.into_iter().find(|time| *time != 0 && *time <= now_ns);
    known.unwrap_or(now_ns)
}

/// Converts a timestamp of the sending pipeline.
pub(super) fn raw(time_ns: i64) -> Option<ClockTime> {
    u64::try_from(time_ns).ok().map(ClockTime::from_nseconds)
}

/// The times of a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct FrameTimes {
    /// On `CLOCK_MONOTONIC`, as is `capture_ns`.
    pub(super) now_ns: u64,
    pub(super) capture_ns: u64,
    timeline: Option<Timeline>,
}

impl FrameTimes {
    pub(super) fn new(frame: &FrameDescriptor, timeline: Option<Timeline>) -> Self {
        let now_ns = now_ns();
        Self {
            now_ns,
            capture_ns: capture_ns(frame, now_ns),
            timeline,
        }
    }

    /// Whether the frame was captured before the pipeline started.
    pub(super) fn is_early(&self) -> bool {
        let timeline = self.timeline;
        timeline.is_some_and(|timeline| timeline.running(self.capture_ns).is_none())
    }

    /// Returns the running time of capture, 0 if that was before the start; `None` without a clock.
    pub(super) fn captured(&self) -> Option<ClockTime> {
        let running = self.timeline?.running(self.capture_ns);
        Some(running.unwrap_or_default())
    }

    /// Returns the running time of arrival.
    pub(super) fn arrived(&self) -> Option<ClockTime> {
        let running = self.timeline?.running(self.now_ns);
        Some(running.unwrap_or_default())
    }

    /// Returns the age of the frame, unless it was captured before the pipeline started.
    pub(super) fn age_ns(&self) -> Option<u64> {
        (self.timeline.is_some() && !self.is_early()).then(|| self.now_ns - self.capture_ns)
    }
}

/// Keeps timestamps from running backwards.
#[derive(Debug, Default)]
pub(super) struct Monotonic(Option<ClockTime>);

impl Monotonic {
    /// Returns `time`, or `step` after the previous one if that is later.
    pub(super) fn next(&mut self, time: ClockTime, step: ClockTime) -> ClockTime {
        let time = self.0.map_or(time, |last| time.max(last + step));
        self.0 = Some(time);
        time
    }
}

/// The age of frames when they are pushed, which is the element's latency.
///
/// Synchronizing sinks drop frames that are later than the latency allows, so it has to follow the
/// real age of frames.
#[derive(Debug, Default)]
pub(super) struct Ages {
    pub(super) last_ns: Option<u64>,
    pub(super) smallest_ns: Option<u64>,
    /// The reported latency.
    latency_ns: Option<u64>,
    /// Smallest age in the current window, and number of frames in it.
    window: (u64, u32),
}

impl Ages {
    pub(super) fn latency_ns(&self) -> u64 {
        self.latency_ns.unwrap_or(0)
    }

    /// Notes the age of a frame; `true` if the latency has changed notably.
    pub(super) fn add(&mut self, age_ns: u64) -> bool {
        self.last_ns = Some(age_ns);
        self.smallest_ns = Some(self.smallest_ns.map_or(age_ns, |least| least.min(age_ns)));
        let Some(latency_ns) = self.latency_ns else {
            self.latency_ns = Some(age_ns);
            self.window = (u64::MAX, 0);
            return age_ns >= NOTABLE_NS;
        };
        let (least, count) = self.window;
        self.window = (least.min(age_ns), count + 1);
        if self.window.1 < WINDOW {
            return false;
        }
        let (least, _) = std::mem::replace(&mut self.window, (u64::MAX, 0));
        let is_right = least < latency_ns + NOTABLE_NS && latency_ns < least + TOO_LARGE_NS;
        if is_right {
            return false;
        }
        self.latency_ns = Some(least);
        true
    }
}

#[cfg(test)]
mod tests {
    use videostream::hal::ring::FrameDescriptor;

    use super::*;

    #[test]
    fn running_time_counts_from_the_base_time() {
        let timeline = Timeline {
            base_ns: 1_000,
            ahead_ns: 50,
        };
        assert_eq!(timeline.running(1_250), Some(ClockTime::from_nseconds(200)));
        assert_eq!(timeline.running(1_049), None);
        assert_eq!(timeline.running(0), None);
    }

    #[test]
    fn impossible_capture_times_are_replaced() {
        let frame = |timestamp_ns, published_ns| FrameDescriptor {
            timestamp_ns,
            published_ns,
            ..FrameDescriptor::default()
        };
        assert_eq!(capture_ns(&frame(10, 20), 100), 10);
        assert_eq!(capture_ns(&frame(0, 20), 100), 20);
        assert_eq!(capture_ns(&frame(u64::MAX, 20), 100), 20);
        assert_eq!(capture_ns(&frame(0, 0), 100), 100);
    }

    #[test]
    fn latency_is_the_first_age_and_follows() {
        const MS: u64 = 1_000_000;
        let mut ages = Ages::default();
        assert!(ages.add(20 * MS));
        assert_eq!(ages.latency_ns(), 20 * MS);
        // A single late frame changes nothing.
        let ages_of_window = |ages: &mut Ages, age| {
            let notable = (0..WINDOW).map(|at| ages.add(age + u64::from(at)));
            notable.last().unwrap()
        };
        assert!(!ages_of_window(&mut ages, 21 * MS));
        assert!(ages_of_window(&mut ages, 40 * MS));
        assert_eq!(ages.latency_ns(), 40 * MS);
        // A little too much only adds delay.
        assert!(!ages_of_window(&mut ages, 30 * MS));
        assert!(ages_of_window(&mut ages, 5 * MS));
        assert_eq!(ages.latency_ns(), 5 * MS);
        assert_eq!(ages.smallest_ns, Some(5 * MS));
    }

    #[test]
    fn times_do_not_run_backwards() {
        let mut times = Monotonic::default();
        let time = ClockTime::from_nseconds;
        let given = [3, 5, 4, 6].map(|ns| times.next(time(ns), time(0)));
        assert_eq!(given, [3, 5, 5, 6].map(time));
        assert_eq!(times.next(time(6), time(1)), time(7));
    }

    #[test]
    fn unknown_times_are_none() {
        assert_eq!(raw(i64::MIN), None);
        assert_eq!(raw(-1), None);
        assert_eq!(raw(5), Some(ClockTime::from_nseconds(5)));
    }
}
