//! Mapping a source's times to times in a file.

/// The longest plausible gap between frames, 30 days. A longer step is one of the source's clock.
const LONGEST_GAP_NS: u64 = 30 * 86_400 * 1_000_000_000;

/// Presentation times of frames, strictly increasing from 0: those of the source, as far as they
/// are plausible.
///
/// A frame whose timestamp is 0, equal to or lower than the previous one, or more than 30 days
/// ahead of it is placed by its arrival time, relative to the previous frame. If the source's clock
/// was set, its times are used again from the next frame on.
///
/// ```
/// use videostream::record::Timeline;
///
/// let mut timeline = Timeline::new();
/// assert_eq!(timeline.pts_ns(7_000_000_000, 7_012_000_000), 0);
/// assert_eq!(timeline.pts_ns(7_040_000_000, 7_055_000_000), 40_000_000);
/// // A driver that did not fill it in.
/// assert_eq!(timeline.pts_ns(0, 7_095_000_000), 80_000_000);
/// assert_eq!(timeline.pts_ns(7_120_000_000, 7_131_000_000), 120_000_000);
/// assert_eq!(timeline.estimated(), 1);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    /// The last frame with a plausible timestamp.
    sound: Option<Mark>,
    /// The last frame, and its arrival time.
    last: Option<(Mark, u64)>,
    estimated: u64,
}

/// A timestamp and its time in the file.
#[derive(Debug, Clone, Copy)]
struct Mark {
    timestamp_ns: u64,
    pts_ns: u64,
}

impl Mark {
    /// Returns the time in the file of another timestamp, unless the step to it is implausible.
    fn step_to(self, timestamp_ns: u64) -> Option<u64> {
        let step = timestamp_ns.checked_sub(self.timestamp_ns)?;
        let is_sound = self.timestamp_ns != 0 && (1..=LONGEST_GAP_NS).contains(&step);
        is_sound.then(|| self.pts_ns.saturating_add(step))
    }
}

impl Timeline {
    /// Creates a timeline before the first frame.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the presentation time in nanoseconds of a frame with this timestamp, on any clock,
    /// and this arrival time, on a clock that is never set.
    pub fn pts_ns(&mut self, timestamp_ns: u64, arrival_ns: u64) -> u64 {
        let pts_ns = self.place(timestamp_ns, arrival_ns);
        let mark = Mark {
            timestamp_ns,
            pts_ns,
        };
        self.last = Some((mark, arrival_ns));
        pts_ns
    }

    fn place(&mut self, timestamp_ns: u64, arrival_ns: u64) -> u64 {
        let Some((last, arrived_ns)) = self.last else {
            return 0;
        };
        // Relative to the previous frame if the clock was set there.
        let marks = [self.sound, Some(last)];
        let steps = marks.into_iter().flatten();
        let pts_ns = steps
            .filter_map(|mark| mark.step_to(timestamp_ns))
            .find(|pts_ns| *pts_ns > last.pts_ns);
        if let Some(pts_ns) = pts_ns {
            self.sound = Some(Mark {
                timestamp_ns,
                pts_ns,
            });
            return pts_ns;
        }
        self.estimated += 1;
        let step = arrival_ns.saturating_sub(arrived_ns).max(1);
        last.pts_ns.saturating_add(step)
    }

    /// Returns the number of frames timed by their arrival, because their timestamps are
    /// implausible.
    #[must_use]
    pub fn estimated(&self) -> u64 {
        self.estimated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;
    const HOUR: u64 = 3_600_000 * MS;
    /// The first timestamp, long after the source's start.
    const START: u64 = HOUR;

    /// Returns the times in milliseconds of frames whose timestamps are these and that arrive 10 ms
    /// later than they should, every 33 ms; and how many are estimated.
    fn place(timestamps: impl IntoIterator<Item = u64>) -> (Vec<u64>, u64) {
        let mut timeline = Timeline::new();
        let timestamps = timestamps.into_iter().zip(0..);
        let times = timestamps
            .map(|(stamp, n)| timeline.pts_ns(stamp, START + (33 * n + 10) * MS) / MS)
            .collect();
        (times, timeline.estimated())
    }

    /// As they should be.
    fn stamp(n: u64) -> u64 {
        START + 33 * n * MS
    }

    #[test]
    fn times_are_those_of_the_source() {
        let irregular = [0, 16, 83, 84, 900, 901, 86_400_000 * 3];
        let (times, estimated) = place(irregular.map(|ms| START + ms * MS));
        assert_eq!((times, estimated), (irregular.to_vec(), 0));
    }

    #[test]
    fn one_wrong_timestamp_moves_no_other() {
        for wrong in [0, 1, START - 1, u64::MAX, 4_154_505_010_207_436_000] {
            let (times, estimated) = place((0..6).map(|n| if n == 3 { wrong } else { stamp(n) }));
            assert_eq!((times, estimated), (vec![0, 33, 66, 99, 132, 165], 1));
        }
    }

    #[test]
    fn a_wrong_first_timestamp_moves_no_other() {
        for wrong in [0, u64::MAX, 4_154_505_010_207_436_000] {
            let (times, estimated) = place((0..4).map(|n| if n == 0 { wrong } else { stamp(n) }));
            assert_eq!((times, estimated), (vec![0, 33, 66, 99], 1));
        }
    }

    #[test]
    fn a_clock_that_is_set_is_followed_again() {
        for set in [
            |stamp| stamp + 10 * 365 * 24 * HOUR,
            |stamp| stamp - HOUR / 2,
        ] {
            let (times, estimated) =
                place((0..6).map(|n| if n < 3 { stamp(n) } else { set(stamp(n)) }));
            assert_eq!((times, estimated), (vec![0, 33, 66, 99, 132, 165], 1));
        }
    }

    #[test]
    fn a_clock_that_stands_leaves_the_times_of_arrival() {
        assert_eq!(place([START; 4]), (vec![0, 33, 66, 99], 3));
        assert_eq!(place([0; 4]), (vec![0, 33, 66, 99], 3));
    }

    #[test]
    fn times_always_grow() {
        let mut timeline = Timeline::new();
        let mut last = None;
        for (timestamp, arrival) in [(9, 9), (9, 9), (3, 1), (2, 0), (u64::MAX, 7), (0, 0)] {
            let pts_ns = Some(timeline.pts_ns(timestamp, arrival));
            assert!(pts_ns > last, "{pts_ns:?} after {last:?}");
            last = pts_ns;
        }
    }
}
