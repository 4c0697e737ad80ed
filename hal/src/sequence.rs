//! Sequence numbers of frames, in which gaps are lost frames.

/// Returns by how many frames a driver's count advanced from `last` to `next`. The numbers wrap.
///
/// A number that stays or goes back comes from a driver that has restarted its count, or does not
/// count at all (both fields of a frame share one): it counts as an advance by 1.
#[must_use]
pub const fn step(last: u32, next: u32) -> u32 {
    match next.wrapping_sub(last) {
        1..=0x7fff_ffff => next.wrapping_sub(last),
        _ => 1,
    }
}

/// Returns how many numbers lie between two; 0 if the second is not higher.
#[must_use]
#[inline]
pub const fn lost_between(last: u64, next: u64) -> u64 {
    next.saturating_sub(last).saturating_sub(1)
}

/// Counts the frames lost on the way, from the numbers of those that arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gaps {
    last: Option<u64>,
}

impl Gaps {
    /// Returns how many frames were lost between the previous frame and this one.
    pub fn lost_before(&mut self, sequence: u64) -> u64 {
        let last = self.last.replace(sequence);
        last.map_or(0, |last| lost_between(last, sequence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_in_the_sequence_are_lost_frames() {
        let mut gaps = Gaps::default();
        let lost = [7, 8, 12, 12, 3, 5].map(|sequence| gaps.lost_before(sequence));
        assert_eq!(lost, [0, 0, 3, 0, 0, 1]);
        assert_eq!(lost_between(0, u64::MAX), u64::MAX - 1);
        assert_eq!(lost_between(u64::MAX, 0), 0);
    }

    #[test]
    fn a_drivers_count_wraps() {
        assert_eq!(step(7, 8), 1);
        assert_eq!(step(7, 11), 4);
        assert_eq!(step(u32::MAX, 1), 2);
    }

    #[test]
    fn a_count_that_stays_or_goes_back_goes_on_by_one() {
        assert_eq!(step(7, 7), 1);
        assert_eq!(step(7, 3), 1);
        assert_eq!(step(7, 7 + u32::MAX / 2), u32::MAX / 2);
        assert_eq!(step(7, 8 + u32::MAX / 2), 1);
    }
}
