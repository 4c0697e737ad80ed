//! From a source's numbers and times to times in a file.

use crate::frame_rate::FrameRate;

/// How far the source's clock and its count may disagree before the clock is believed: half a
/// second, which no jitter reaches but a slow shutter or a stalled source does.
const TOLERANCE_NS: u64 = 500_000_000;

/// Presentation times of frames, from 0 and always growing.
///
/// With a rate, frame *n* after the first is due at [`FrameRate::time_ns`] of *n*, so that the
/// jitter of capture does not get into the file and a missing frame leaves its gap. Where a
/// source does not keep its rate, or starts its count anew, the times follow its clock.
///
/// ```
/// use videostream::FrameRate;
/// use videostream::record::Timeline;
///
/// let mut timeline = Timeline::new(Some(FrameRate::fps(25)?));
/// assert_eq!(timeline.pts_ns(100, 7_000_000_000), 0);
/// assert_eq!(timeline.pts_ns(101, 7_041_000_000), 40_000_000);
/// # Ok::<(), videostream::InvalidFrameRate>(())
/// ```
#[derive(Debug, Clone)]
pub struct Timeline {
    rate: Option<FrameRate>,
    /// Number, time and presentation time of the frame that others are counted from.
    anchor: Option<(u64, u64, u64)>,
    last: Option<u64>,
}

impl Timeline {
    /// For a source of this rate; without one the times are the source's.
    #[must_use]
    pub fn new(rate: Option<FrameRate>) -> Self {
        Self {
            rate,
            anchor: None,
            last: None,
        }
    }

    /// The presentation time in nanoseconds of the frame that its source gave this number and
    /// this time on any clock that does not jump.
    pub fn pts_ns(&mut self, sequence: u64, timestamp_ns: u64) -> u64 {
        let (number, time_ns, start_ns) = *self.anchor.get_or_insert((sequence, timestamp_ns, 0));
        let measured = start_ns.saturating_add(timestamp_ns.saturating_sub(time_ns));
        let counted = self.rate.and_then(|rate| {
            let frames = sequence.checked_sub(number)?;
            Some(start_ns.saturating_add(rate.time_ns(frames)))
        });
        let counted = counted.filter(|due| due.abs_diff(measured) <= TOLERANCE_NS);
        let next = self.last.map_or(0, |last| last.saturating_add(1));
        let pts_ns = counted.unwrap_or(measured).max(next);
        if counted.is_none() {
            self.anchor = Some((sequence, timestamp_ns, pts_ns));
        }
        self.last = Some(pts_ns);
        pts_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn at_30() -> Timeline {
        Timeline::new(FrameRate::fps(30).ok())
    }

    #[test]
    fn jitter_is_left_out_and_gaps_are_kept() {
        let mut timeline = at_30();
        let stamps = [(5, 1000), (6, 1040), (7, 1060), (10, 1170)];
        let times = stamps.map(|(number, ms)| timeline.pts_ns(number, ms * MS));
        assert_eq!(times, [0, 33_333_333, 66_666_667, 166_666_667]);
    }

    #[test]
    fn a_count_that_starts_anew_is_carried_on() {
        let mut timeline = at_30();
        timeline.pts_ns(100, 1000 * MS);
        assert_eq!(timeline.pts_ns(0, 3000 * MS), 2000 * MS);
        assert_eq!(timeline.pts_ns(1, 3030 * MS), 2000 * MS + 33_333_333);
    }

    #[test]
    fn a_source_that_is_slower_than_it_says_is_timed_by_its_clock() {
        let mut timeline = at_30();
        let last = (0..300).map(|n| timeline.pts_ns(n, n * 100 * MS)).last();
        assert!(last.unwrap().abs_diff(29_900 * MS) <= TOLERANCE_NS);
    }

    #[test]
    fn without_a_rate_times_are_the_sources() {
        let mut timeline = Timeline::new(None);
        assert_eq!(timeline.pts_ns(0, 50), 0);
        assert_eq!(timeline.pts_ns(1, 90), 40);
    }

    #[test]
    fn times_always_grow() {
        let mut timeline = at_30();
        let mut last = None;
        for (number, ms) in [(9, 900), (9, 900), (3, 100), (2, 50), (u64::MAX, 60)] {
            let pts_ns = Some(timeline.pts_ns(number, ms * MS));
            assert!(pts_ns > last, "{pts_ns:?} after {last:?}");
            last = pts_ns;
        }
    }
}
