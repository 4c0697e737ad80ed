//! Frame rates as exact fractions.

use core::fmt;
use core::str::FromStr;

/// Frames per second as a fraction: `30/1`, `30000/1001`.
///
/// Both parts are between 1 and [`FrameRate::MAX_PART`], so no computation with one overflows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FrameRate {
    frames: u32,
    seconds: u32,
}

impl FrameRate {
    /// Largest numerator and denominator: one million, enough for rates in microseconds.
    pub const MAX_PART: u32 = 1_000_000;

    /// Creates a rate of `frames` pictures every `seconds` seconds.
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

    /// Creates a rate of a whole number of frames per second.
    ///
    /// # Errors
    /// Those of [`FrameRate::new`].
    pub const fn fps(frames: u32) -> Result<Self, InvalidFrameRate> {
        Self::new(frames, 1)
    }

    /// Finds the rate whose period, rounded to nanoseconds, is `period_ns`; `None` if no rate has
    /// it, as for 0. Whole and television rates (30000/1001) are preferred.
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
        // Continued fraction of a second over the period: each convergent is the best
        // approximation with parts of its size.
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

    /// Finds the rate nearest to a fraction of any size; `None` if a part is zero or the fraction
    /// is out of range.
    ///
    /// A fraction whose parts fit is kept. Another one within a millionth of a whole or television
    /// rate (30000/1001) becomes that rate, since clocks that count in nanoseconds round it.
    ///
    /// ```
    /// use videostream::FrameRate;
    /// let ntsc = FrameRate::nearest(1_000_000_000, 33_366_666);
    /// assert_eq!(ntsc, FrameRate::new(30_000, 1_001).ok());
    /// assert_eq!(FrameRate::nearest(90_000, 3_000), FrameRate::fps(30).ok());
    /// ```
    #[must_use]
    pub fn nearest(frames: u64, seconds: u64) -> Option<Self> {
        if frames == 0 || seconds == 0 {
            return None;
        }
        let divisor = gcd(frames, seconds);
        let (frames, seconds) = (frames.checked_div(divisor)?, seconds.checked_div(divisor)?);
        let fits = |frames: u64, seconds: u64| {
            let (frames, seconds) = (u32::try_from(frames).ok()?, u32::try_from(seconds).ok()?);
            Self::new(frames, seconds).ok()
        };
        if let Some(rate) = fits(frames, seconds) {
            return Some(rate);
        }
        // A whole number of frames in this many thousandths of a second.
        let common = |thousandths: u64| {
            let all = u128::from(frames) * u128::from(thousandths);
            let whole = (all + u128::from(seconds) * 500) / (u128::from(seconds) * 1_000);
            let rate = fits(u64::try_from(whole * 1_000).ok()?, thousandths)?;
            let [exact, near] = [all, whole * 1_000 * u128::from(seconds)];
            (exact.abs_diff(near) <= exact / 1_000_000).then_some(rate.reduced())
        };
        if let Some(rate) = common(1_000).or_else(|| common(1_001)) {
            return Some(rate);
        }
        // Continued fraction: each convergent is the best approximation with parts of its size.
        let (mut left, mut right) = (frames, seconds);
        let (mut before, mut last) = ((0_u64, 1_u64), (1_u64, 0_u64));
        let mut best = None;
        while right != 0 {
            let whole = left / right;
            let next = |before: u64, last: u64| whole.checked_mul(last)?.checked_add(before);
            let (Some(above), Some(below)) = (next(before.0, last.0), next(before.1, last.1))
            else {
                break;
            };
            (before, last) = (last, (above, below));
            match fits(above, below) {
                Some(rate) => best = Some(rate),
                None if best.is_some() => break,
                None => {}
            }
            (left, right) = (right, left % right);
        }
        best
    }

    /// Reduces the fraction.
    fn reduced(self) -> Self {
        let divisor = gcd(self.frames.into(), self.seconds.into()) as u32;
        Self {
            frames: self.frames / divisor,
            seconds: self.seconds / divisor,
        }
    }

    /// Returns the numerator: frames per [`FrameRate::seconds`].
    #[must_use]
    pub const fn frames(self) -> u32 {
        self.frames
    }

    /// Returns the denominator, in seconds.
    #[must_use]
    pub const fn seconds(self) -> u32 {
        self.seconds
    }

    /// Returns frames per second as a floating-point number.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        f64::from(self.frames) / f64::from(self.seconds)
    }

    /// Returns the time of frame `number` after frame 0, in nanoseconds, rounded to the nearest.
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

    /// Returns the time between frames in nanoseconds, rounded to the nearest.
    #[must_use]
    pub const fn period_ns(self) -> u64 {
        self.time_ns(1)
    }
}

/// Returns the greatest common divisor.
fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Parses `30`, `30000/1001`, `1/10` and decimals. Rounded television rates are recognised: `29.97`
/// is 30000/1001, `23.976` is 24000/1001.
///
/// ```
/// use videostream::FrameRate;
/// assert_eq!("29.97".parse(), FrameRate::new(30_000, 1_001));
/// assert_eq!("12.5".parse(), FrameRate::new(25, 2));
/// ```
impl FromStr for FrameRate {
    type Err = InvalidFrameRate;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |text: &str| match text.bytes().all(|byte| byte.is_ascii_digit()) {
            // Digits only, since `parse` would accept a sign.
            true => text.parse::<u32>().map_err(|_| InvalidFrameRate::TEXT),
            false => Err(InvalidFrameRate::TEXT),
        };
        if let Some((frames, seconds)) = text.split_once('/') {
            return Self::new(number(frames)?, number(seconds)?);
        }
        let Some((whole, decimals)) = text.split_once('.') else {
            return Self::new(number(text)?, 1);
        };
        if decimals.is_empty() || decimals.len() > 6 {
            return Err(InvalidFrameRate::TEXT);
        }
        let scale = 10_u64.pow(decimals.len() as u32);
        let frames = u64::from(number(whole)?) * scale + u64::from(number(decimals)?);
        // The television rate, truncated or rounded to as many decimals.
        let television = (frames * 1_001 + scale * 500) / (scale * 1_000);
        let exact = television * 1_000 * scale;
        if decimals.len() > 1
            && exact.abs_diff(frames * 1_001) < 1_001
            && !frames.is_multiple_of(scale)
        {
            return Self::new(television as u32 * 1_000, 1_001);
        }
        Self::nearest(frames, scale).ok_or(InvalidFrameRate::TEXT)
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
    /// The given numerator.
    pub frames: u32,
    /// The given denominator.
    pub seconds: u32,
}

impl InvalidFrameRate {
    /// Stands for a text that is not a rate.
    const TEXT: Self = Self {
        frames: 0,
        seconds: 0,
    };
}

impl fmt::Display for InvalidFrameRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::TEXT {
            return f.write_str(
                "expected frames per second: 30, 29.97, 30000/1001, or 1/10 for one in ten seconds",
            );
        }
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
    fn fractions_of_any_size_have_a_nearest_rate() {
        let nearest = |frames, seconds| FrameRate::nearest(frames, seconds).unwrap().to_string();
        assert_eq!(nearest(1_000_000_000, 33_366_666), "30000/1001");
        assert_eq!(nearest(1_000_000_000, 33_333_333), "30/1");
        assert_eq!(nearest(1_000_000_000, 41_708_333), "24000/1001");
        assert_eq!(nearest(4_294_967_295, 143_165_577), "30/1");
        assert_eq!(nearest(27_000_000, 1_126_125), "24000/1001");
        assert_eq!(nearest(1_000_000, 33_367), "1000000/33367");
        assert_eq!(nearest(2_000_000_003, 300_000_007), "20/3");
        for (frames, seconds) in [(0, 1), (1, 0), (0, 0), (u64::MAX, 1), (1, u64::MAX)] {
            assert_eq!(
                FrameRate::nearest(frames, seconds),
                None,
                "{frames}/{seconds}"
            );
        }
    }

    #[test]
    fn rates_are_read_as_people_write_them() {
        let read = |text: &str| text.parse::<FrameRate>().map(|rate| rate.to_string());
        for (text, rate) in [
            ("30", "30/1"),
            ("240", "240/1"),
            ("30000/1001", "30000/1001"),
            ("1/10", "1/10"),
            ("29.97", "30000/1001"),
            ("23.976", "24000/1001"),
            ("23.98", "24000/1001"),
            ("59.94", "60000/1001"),
            ("119.88", "120000/1001"),
            ("29.970030", "30000/1001"),
            ("30.0", "30/1"),
            ("30.00", "30/1"),
            ("12.5", "25/2"),
            ("0.1", "1/10"),
            ("14.99", "15000/1001"),
            ("14.5", "29/2"),
            ("29.9", "299/10"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(rate), "{text}");
        }
        for text in [
            "",
            "x",
            "-1",
            "+30",
            "30/",
            "/1",
            ".5",
            "5.",
            "1e3",
            "30.1234567",
            "99999999999",
            " 30",
        ] {
            let why = read(text).unwrap_err().to_string();
            assert!(why.contains("29.97"), "{text}: {why}");
        }
        assert!(read("0").unwrap_err().to_string().contains("0/1"));
    }

    #[test]
    fn zero_is_refused_with_the_value() {
        let error = FrameRate::new(30, 0).unwrap_err();
        assert!(error.to_string().contains("30/0"));
    }
}
