//! The one clock of the project: `CLOCK_MONOTONIC`, in nanoseconds since boot.
//!
//! Source: `clock_gettime(2)`. Deadlines are absolute values of this clock.

use rustix::event::{PollFd, poll};
use rustix::io::Errno;
use rustix::time::{ClockId, Timespec, clock_gettime};

/// Nanoseconds in a second.
pub const NS_PER_SEC: u64 = 1_000_000_000;

/// Now, in nanoseconds of `CLOCK_MONOTONIC`; no system call where the vDSO serves it.
pub fn now_ns() -> u64 {
    let t = clock_gettime(ClockId::Monotonic);
    // The monotonic clock is never negative and its nanoseconds are below 1e9.
    t.tv_sec as u64 * NS_PER_SEC + t.tv_nsec as u64
}

/// The deadline `after_ns` from now, saturating at the end of time.
pub fn deadline_in(after_ns: u64) -> u64 {
    now_ns().saturating_add(after_ns)
}

/// Nanoseconds as the kernel's `struct timespec`.
pub fn timespec(ns: u64) -> Timespec {
    Timespec {
        tv_sec: (ns / NS_PER_SEC) as i64,
        tv_nsec: (ns % NS_PER_SEC) as _,
    }
}

/// What is left until `deadline_ns`, zero when it has passed.
pub fn until(deadline_ns: u64) -> Timespec {
    timespec(deadline_ns.saturating_sub(now_ns()))
}

/// Polls until one of `fds` is ready, at most until `deadline_ns` (`u64::MAX` is for ever; a time that is
/// past looks once): whether one is. Calls that a signal interrupts go on.
///
/// # Errors
/// What `poll(2)` answers.
pub fn poll_until(fds: &mut [PollFd<'_>], deadline_ns: u64) -> Result<bool, Errno> {
    loop {
        let left = until(deadline_ns);
        let timeout = (deadline_ns != u64::MAX).then_some(&left);
        match poll(fds, timeout) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_never_goes_back() {
        let a = now_ns();
        let b = now_ns();
        assert!(b >= a);
    }

    #[test]
    fn a_timespec_splits_seconds_from_nanoseconds() {
        let t = timespec(3 * NS_PER_SEC + 7);
        assert_eq!((t.tv_sec, t.tv_nsec as u64), (3, 7));
    }

    #[test]
    fn a_deadline_at_the_end_of_time_does_not_overflow() {
        assert_eq!(deadline_in(u64::MAX), u64::MAX);
    }
}
