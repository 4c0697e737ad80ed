//! Frame intervals.

use core::cmp::Ordering;
use core::fmt;

use videostream_sys::v4l2 as sys;

/// `struct v4l2_fract`: a fraction, used here for the **seconds** that a frame lasts (1/30).
///
/// Compared by value: a larger interval is a slower rate. A denominator of 0, which the kernel uses
/// for "default", compares greater than everything else.
#[derive(Clone, Copy, Debug)]
#[doc(alias = "v4l2_fract")]
pub struct Fraction {
    /// The numerator.
    pub numerator: u32,
    /// The denominator.
    pub denominator: u32,
}

impl Fraction {
    /// Creates `numerator / denominator`.
    #[must_use]
    pub const fn new(numerator: u32, denominator: u32) -> Self {
        Self {
            numerator,
            denominator,
        }
    }

    /// Returns the interval of a whole number of frames per second.
    #[must_use]
    pub const fn from_fps(fps: u32) -> Self {
        Self::new(1, fps)
    }

    /// Returns whether this is the kernel's "default": the driver chooses.
    #[must_use]
    pub const fn is_default(self) -> bool {
        self.numerator == 0 || self.denominator == 0
    }

    /// Returns the nanoseconds of an interval in seconds; `None` for a denominator of 0.
    #[must_use]
    pub const fn as_nanoseconds(self) -> Option<u64> {
        (self.numerator as u64 * 1_000_000_000).checked_div(self.denominator as u64)
    }

    pub(crate) const fn to_raw(self) -> sys::v4l2_fract {
        sys::v4l2_fract {
            numerator: self.numerator,
            denominator: self.denominator,
        }
    }

    pub(crate) const fn from_raw(raw: sys::v4l2_fract) -> Self {
        Self::new(raw.numerator, raw.denominator)
    }
}

impl Ord for Fraction {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.denominator == 0 || other.denominator == 0 {
            return (self.denominator == 0).cmp(&(other.denominator == 0));
        }
        let left = u64::from(self.numerator) * u64::from(other.denominator);
        let right = u64::from(other.numerator) * u64::from(self.denominator);
        left.cmp(&right)
    }
}

impl PartialOrd for Fraction {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Fraction {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Fraction {}

impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.numerator, self.denominator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_compare_by_value() {
        assert_eq!(Fraction::new(1, 30), Fraction::new(2, 60));
        assert!(Fraction::new(1, 30) > Fraction::new(1, 60));
        assert!(Fraction::new(1001, 30_000) > Fraction::new(1, 30));
        assert!(Fraction::new(0, 0) > Fraction::new(u32::MAX, 1));
    }

    #[test]
    fn intervals_have_nanoseconds_unless_undefined() {
        assert_eq!(Fraction::from_fps(25).as_nanoseconds(), Some(40_000_000));
        assert_eq!(Fraction::new(1, 0).as_nanoseconds(), None);
        assert!(Fraction::new(0, 0).is_default());
    }
}
