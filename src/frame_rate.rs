//! Frame rates as exact fractions.

use core::fmt;

/// Frames per second as a fraction: `30/1`, `30000/1001`.
///
/// Both parts are between 1 and [`FrameRate::MAX_PART`], so no computation with one overflows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FrameRate {
    frames: u32,
    seconds: u32,
}

impl FrameRate {
    /// The largest numerator and denominator (one million, enough for rates given in microseconds).
    pub const MAX_PART: u32 = 1_000_000;

    /// `frames` pictures every `seconds` seconds.
    ///
    /// # Errors
    /// [`InvalidFrameRate`] when a part is zero or above [`FrameRate::MAX_PART`].
    ///
    /// ```
    /// use videostream::FrameRate;
    /// let ntsc = FrameRate::new(30_000, 1_001)?;
    /// assert_eq!(ntsc.time_ns(30_000), 1_001_000_000_000);
    /// # Ok::<(), videostream::InvalidFrameRate>(())
    /// ```
    pub const fn new(frames: u32, seconds: u32) -> Result<Self, InvalidFrameRate> {
        if frames == 0 || seconds == 0 || frames > Self::MAX_PART || seconds > Self::MAX_PART {
            return Err(InvalidFrameRate { frames, seconds });
        }
        Ok(Self { frames, seconds })
    }

    /// A whole number of frames per second.
    ///
    /// # Errors
    /// As [`FrameRate::new`].
    pub const fn fps(frames: u32) -> Result<Self, InvalidFrameRate> {
        Self::new(frames, 1)
    }

    /// The rate with this time from one frame to the next, in nanoseconds rounded to the nearest;
    /// `None` if there is none, as for 0. Whole rates and those of television (30000/1001) come
    /// before others.
    ///
    /// ```
    /// use videostream::FrameRate;
    /// assert_eq!(FrameRate::from_period_ns(33_366_667), FrameRate::new(30_000, 1_001).ok());
    /// ```
    #[must_use]
    pub fn from_period_ns(period_ns: u64) -> Option<Self> {
        const SECOND: u64 = 1_000_000_000;
        let fits = |frames: u64, seconds: u64| {
            let (frames, seconds) = (u32::try_from(frames).ok()?, u32::try_from(seconds).ok()?);
            let rate = Self::new(frames, seconds).ok()?;
            (rate.period_ns() == period_ns).then_some(rate)
        };
        let whole = SECOND
            .saturating_add(period_ns / 2)
            .checked_div(period_ns)?;
        let common = fits(whole, 1).or_else(|| fits(whole * 1_000, 1_001));
        if common.is_some() {
            return common;
        }
        // The continued fraction of a second over the period: each step is the best
        // approximation with parts so small.
        let (mut left, mut right) = (SECOND, period_ns);
        let (mut before, mut last) = ((0_u64, 1_u64), (1_u64, 0_u64));
        while right != 0 {
            let whole = left / right;
            let next = |before: u64, last: u64| whole.checked_mul(last)?.checked_add(before);
            (before, last) = (last, (next(before.0, last.0)?, next(before.1, last.1)?));
            if let Some(rate) = fits(last.0, last.1) {
                return Some(rate);
            }
            (left, right) = (right, left % right);
        }
        None
    }

    /// The numerator: frames per [`FrameRate::seconds`].
    #[must_use]
    pub const fn frames(self) -> u32 {
        self.frames
    }

    /// The denominator, in seconds.
    #[must_use]
    pub const fn seconds(self) -> u32 {
        self.seconds
    }

    /// Frames per second as a number.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        f64::from(self.frames) / f64::from(self.seconds)
    }

    /// When frame `number` is due, in nanoseconds after frame 0, rounded to the nearest.
    ///
    /// Saturates at `u64::MAX` (five centuries).
    #[must_use]
    pub const fn time_ns(self, number: u64) -> u64 {
        let due = number as u128 * self.seconds as u128 * 1_000_000_000;
        let due = (due + self.frames as u128 / 2) / self.frames as u128;
        if due > u64::MAX as u128 {
            u64::MAX
        } else {
            due as u64
        }
    }

    /// The time from one frame to the next in nanoseconds, rounded to the nearest.
    #[must_use]
    pub const fn period_ns(self) -> u64 {
        self.time_ns(1)
    }
}

impl fmt::Display for FrameRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.frames, self.seconds)
    }
}

/// A frame rate with a part out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidFrameRate {
    /// The numerator that was given.
    pub frames: u32,
    /// The denominator that was given.
    pub seconds: u32,
}

impl fmt::Display for InvalidFrameRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "frame rate {}/{}: both parts must be between 1 and {}",
            self.frames,
            self.seconds,
            FrameRate::MAX_PART
        )
    }
}

impl core::error::Error for InvalidFrameRate {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_times_do_not_drift() {
        let rate = FrameRate::fps(30).unwrap();
        assert_eq!(rate.time_ns(1), 33_333_333);
        assert_eq!(rate.time_ns(2), 66_666_667);
        assert_eq!(rate.time_ns(30 * 86_400), 86_400_000_000_000);
        assert_eq!(rate.time_ns(u64::MAX), u64::MAX);
    }

    #[test]
    fn rates_are_found_by_their_period() {
        for (frames, seconds) in [
            (30, 1),
            (60, 1),
            (30_000, 1_001),
            (60_000, 1_001),
            (24_000, 1_001),
            (15, 2),
            (1, 1),
            (1, 10),
            (1_000, 1),
        ] {
            let rate = FrameRate::new(frames, seconds).unwrap();
            assert_eq!(FrameRate::from_period_ns(rate.period_ns()), Some(rate));
        }
        for period_ns in [0, u64::MAX] {
            assert_eq!(FrameRate::from_period_ns(period_ns), None);
        }
    }

    #[test]
    fn zero_is_refused_with_the_value() {
        let error = FrameRate::new(30, 0).unwrap_err();
        assert!(error.to_string().contains("30/0"));
    }
}
