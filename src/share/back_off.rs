//! Pauses between attempts to connect.

use std::time::Duration;

use videostream_hal::time::now_ns;

/// Shortest and longest pause between two attempts, in nanoseconds.
const PAUSES_NS: (u64, u64) = (5_000_000, 200_000_000);

/// When to try again: at once after a frame, later and later after attempts that have brought
/// none, whether they failed or the host hung up again. It counts on from one wait to the next.
#[derive(Clone, Copy, Debug)]
pub(super) struct BackOff {
    pause_ns: u64,
    /// The next attempt comes no sooner, by `CLOCK_MONOTONIC`.
    not_before_ns: u64,
}

impl BackOff {
    pub(super) fn new() -> Self {
        Self {
            pause_ns: PAUSES_NS.0,
            not_before_ns: 0,
        }
    }

    /// When the next attempt is due, by `CLOCK_MONOTONIC`.
    pub(super) fn due_ns(&self) -> u64 {
        self.not_before_ns
    }

    /// Sleeps until an attempt is due, or the deadline has passed: `false`.
    pub(super) fn wait(&self, deadline_ns: u64) -> bool {
        let left = self.not_before_ns.min(deadline_ns).saturating_sub(now_ns());
        if left > 0 {
            std::thread::sleep(Duration::from_nanos(left));
        }
        self.not_before_ns <= deadline_ns
    }

    /// An attempt has been made and ended at `now_ns`.
    pub(super) fn attempted(&mut self, now_ns: u64) {
        self.not_before_ns = now_ns + self.pause_ns;
        self.pause_ns = (2 * self.pause_ns).min(PAUSES_NS.1);
    }

    /// A frame has come.
    #[inline]
    pub(super) fn reset(&mut self) {
        *self = Self::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_anew_with_a_frame() {
        let mut back_off = BackOff::new();
        let mut pauses = || {
            let pauses = [0; 8].map(|_| {
                back_off.attempted(1_000);
                (back_off.not_before_ns - 1_000) / 1_000_000
            });
            back_off.reset();
            pauses
        };
        assert_eq!(pauses(), [5, 10, 20, 40, 80, 160, 200, 200]);
        assert_eq!(pauses()[0], 5);
    }

    #[test]
    fn an_attempt_is_not_due_before_its_pause_is_over() {
        let mut back_off = BackOff::new();
        assert!(back_off.wait(1), "the first is due at once");
        let now = now_ns();
        back_off.attempted(now);
        assert!(!back_off.wait(now + 1));
        assert!(back_off.wait(u64::MAX));
        assert!(now_ns() >= now + PAUSES_NS.0);
    }
}
