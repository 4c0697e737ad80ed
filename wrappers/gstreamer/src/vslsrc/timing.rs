//! Times of buffers, and how old frames are.

use gst::ClockTime;
use videostream::hal::ring::FrameDescriptor;
use videostream::hal::time::now_ns;

/// Frames whose smallest age is what the latency is taken from.
const WINDOW: u32 = 16;
/// By how much the latency has to be too small before the pipeline is told, in nanoseconds.
const NOTABLE_NS: u64 = 2_000_000;
/// By how much it has to be too large: that only delays, and on a busy machine ages go up and down.
const TOO_LARGE_NS: u64 = 20_000_000;

/// The clock of a pipeline against `CLOCK_MONOTONIC`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeline {
    /// The pipeline's time 0, by its clock.
    pub(super) base_ns: u64,
    /// How far `CLOCK_MONOTONIC` is ahead of the clock.
    pub(super) ahead_ns: i64,
}

impl Timeline {
    /// The running time at a time of `CLOCK_MONOTONIC`; `None` before the pipeline's time 0.
    fn running(&self, monotonic_ns: u64) -> Option<ClockTime> {
        let clock = monotonic_ns.checked_add_signed(self.ahead_ns.checked_neg()?)?;
        clock
            .checked_sub(self.base_ns)
            .map(ClockTime::from_nseconds)
    }
}

/// When a frame was taken, by `CLOCK_MONOTONIC`: as the host says, or when it was published if the host does not know or
/// names a time that has not come.
fn capture_ns(frame: &FrameDescriptor, now_ns: u64) -> u64 {
    let said = [frame.timestamp_ns, frame.published_ns];
    let known = said.into_iter().find(|time| *time != 0 && *time <= now_ns);
    known.unwrap_or(now_ns)
}

/// A time of the other pipeline.
pub(super) fn raw(time_ns: i64) -> Option<ClockTime> {
    u64::try_from(time_ns).ok().map(ClockTime::from_nseconds)
}

/// When a frame was taken, and where that is in the pipeline.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// Times of `CLOCK_MONOTONIC`.
    pub(super) now_ns: u64,
    pub(super) capture_ns: u64,
    timeline: Option<Timeline>,
}

impl Moment {
    pub(super) fn new(frame: &FrameDescriptor, timeline: Option<Timeline>) -> Self {
        let now_ns = now_ns();
        Self {
            now_ns,
            capture_ns: capture_ns(frame, now_ns),
            timeline,
        }
    }

    /// The frame was taken before the pipeline began.
    pub(super) fn is_early(&self) -> bool {
        let timeline = self.timeline;
        timeline.is_some_and(|timeline| timeline.running(self.capture_ns).is_none())
    }

    /// Running time at the capture, or the pipeline's begin if that was later; `None` without a clock.
    pub(super) fn captured(&self) -> Option<ClockTime> {
        let running = self.timeline?.running(self.capture_ns);
        Some(running.unwrap_or_default())
    }

    /// Running time now.
    pub(super) fn arrived(&self) -> Option<ClockTime> {
        let running = self.timeline?.running(self.now_ns);
        Some(running.unwrap_or_default())
    }

    /// How old the frame is, if that is due to what has happened since the pipeline began.
    pub(super) fn age_ns(&self) -> Option<u64> {
        (self.timeline.is_some() && !self.is_early()).then(|| self.now_ns - self.capture_ns)
    }
}

/// Keeps times from running backwards.
#[derive(Debug, Default)]
pub(super) struct Monotonic(Option<ClockTime>);

impl Monotonic {
    /// This time, or one that is `step` behind the last one.
    pub(super) fn next(&mut self, time: ClockTime, step: ClockTime) -> ClockTime {
        let time = self.0.map_or(time, |last| time.max(last + step));
        self.0 = Some(time);
        time
    }
}

/// How old frames are when they go downstream, which is the latency that the element has.
///
/// Sinks that wait for a frame's time drop what comes later than the latency allows: so it has to be what frames really
/// need, and follow when a host begins to send older ones.
#[derive(Debug, Default)]
pub(super) struct Ages {
    pub(super) last_ns: Option<u64>,
    pub(super) smallest_ns: Option<u64>,
    /// What the pipeline is told.
    latency_ns: Option<u64>,
    /// The smallest of the window at hand, and how many are in it.
    window: (u64, u32),
}

impl Ages {
    pub(super) fn latency_ns(&self) -> u64 {
        self.latency_ns.unwrap_or(0)
    }

    /// Notes a frame of this age. `true`: the latency is notably another one now.
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
    fn capture_times_that_cannot_be_are_replaced() {
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
        // One that comes late says nothing.
        let ages_of_window = |ages: &mut Ages, age| {
            let notable = (0..WINDOW).map(|at| ages.add(age + u64::from(at)));
            notable.last().unwrap()
        };
        assert!(!ages_of_window(&mut ages, 21 * MS));
        assert!(ages_of_window(&mut ages, 40 * MS));
        assert_eq!(ages.latency_ns(), 40 * MS);
        // A little too much only delays.
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
    fn unknown_times_of_others_are_none() {
        assert_eq!(raw(i64::MIN), None);
        assert_eq!(raw(-1), None);
        assert_eq!(raw(5), Some(ClockTime::from_nseconds(5)));
    }
}
