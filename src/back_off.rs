//! Growing pauses between attempts.

use std::time::Duration;

use videostream_hal::time::now_ns;

/// The time of the next attempt: at once after a success, later after each failure.
#[derive(Clone, Copy, Debug)]
pub struct BackOff {
    pauses_ns: &'static [u64],
    /// Index of the next pause.
    at: usize,
    /// Earliest time of the next attempt, by `CLOCK_MONOTONIC`.
    due_ns: u64,
}

impl BackOff {
    /// Creates a back-off with pauses of these lengths in nanoseconds, the last one repeating.
    #[must_use]
    pub const fn new(pauses_ns: &'static [u64]) -> Self {
        Self {
            pauses_ns,
            at: 0,
            due_ns: 0,
        }
    }

    /// Returns when the next attempt is due, by `CLOCK_MONOTONIC`; 0 for at once.
    #[must_use]
    pub const fn due_ns(&self) -> u64 {
        self.due_ns
    }

    /// Sleeps until an attempt is due. Returns `false` if the deadline passes first.
    pub(crate) fn wait(&self, deadline_ns: u64) -> bool {
        let left = self.due_ns.min(deadline_ns).saturating_sub(now_ns());
        if left > 0 {
            std::thread::sleep(Duration::from_nanos(left));
        }
        self.due_ns <= deadline_ns
    }

    /// Records an attempt that failed at `now_ns`.
    pub fn attempted(&mut self, now_ns: u64) {
        let pause_ns = self.pauses_ns.get(self.at).or(self.pauses_ns.last());
        self.due_ns = now_ns.saturating_add(pause_ns.copied().unwrap_or(0));
        self.at = self.at.saturating_add(1);
    }

    /// Starts again with the first pause, due at once.
    #[inline]
    pub const fn reset(&mut self) {
        *self = Self::new(self.pauses_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSES_NS: [u64; 3] = [5_000_000, 10_000_000, 200_000_000];

    #[test]
    fn pauses_grow_and_reset_with_a_success() {
        let mut back_off = BackOff::new(&PAUSES_NS);
        let mut pauses = || {
            let pauses = [0; 4].map(|_| {
                back_off.attempted(1_000);
                (back_off.due_ns - 1_000) / 1_000_000
            });
            back_off.reset();
            pauses
        };
        assert_eq!(pauses(), [5, 10, 200, 200]);
        assert_eq!(pauses()[0], 5);
    }

    #[test]
    fn an_attempt_is_not_due_before_its_pause_is_over() {
        let mut back_off = BackOff::new(&PAUSES_NS);
        assert!(back_off.wait(1), "the first is due at once");
        let now = now_ns();
        back_off.attempted(now);
        assert!(!back_off.wait(now + 1));
        assert!(back_off.wait(u64::MAX));
        assert!(now_ns() >= now + PAUSES_NS[0]);
    }
}
