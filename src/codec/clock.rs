//! Mapping exact times to those of a device: nanoseconds here, whole microseconds there.

use std::collections::VecDeque;

/// More than any device holds: an older entry has been output long ago, or never will be.
const MOST: usize = 128;

/// Remembers the time of everything queued to a device, to find it again by the device's time.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    /// Microseconds in the device, and the exact time in nanoseconds.
    inside: VecDeque<(u64, u64)>,
}

impl Clock {
    /// Stores a time and returns the one to give to the device, in nanoseconds: whole microseconds,
    /// unique in the device.
    pub(crate) fn enter(&mut self, exact_ns: u64) -> u64 {
        let mut micros = exact_ns / 1000;
        while self.inside.iter().any(|&(taken, _)| taken == micros) {
            micros += 1;
        }
        if self.inside.len() == MOST {
            self.inside.pop_front();
        }
        self.inside.push_back((micros, exact_ns));
        micros * 1000
    }

    /// Returns the exact time, in nanoseconds, for a time that the device returned.
    pub(crate) fn exact(&self, device_ns: u64) -> u64 {
        let micros = device_ns / 1000;
        let mut inside = self.inside.iter();
        inside
            .find(|&&(at, _)| at == micros)
            .map_or(device_ns, |&(_, exact_ns)| exact_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_out_exactly_as_they_went_in() {
        let mut clock = Clock::default();
        let times = [0, 1, 999, 33_333_333, 66_666_666, 33_333_334, u64::MAX];
        let inside = times.map(|time| clock.enter(time));
        assert!(inside.iter().all(|time| time % 1000 == 0));
        for (inside, time) in inside.into_iter().zip(times) {
            assert_eq!(clock.exact(inside), time);
        }
        assert_eq!(clock.exact(12_345_000), 12_345_000);
    }

    #[test]
    fn memory_does_not_grow() {
        let mut clock = Clock::default();
        for time in 0..10_000 {
            let inside = clock.enter(time * 1_000_001);
            assert_eq!(clock.exact(inside), time * 1_000_001);
        }
        assert_eq!(clock.inside.len(), MOST);
    }
}
