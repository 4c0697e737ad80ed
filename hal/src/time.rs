//! The one clock of the project: `CLOCK_MONOTONIC`, in nanoseconds since boot.
//!
//! Source: `clock_gettime(2)`. Deadlines are absolute values of this clock.

use rustix::event::{PollFd, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};

/// Nanoseconds in a second.
pub const NS_PER_SEC: u64 = 1_000_000_000;

/// Returns the current time in nanoseconds of `CLOCK_MONOTONIC`; no system call where the vDSO
/// serves it.
pub fn now_ns() -> u64 {
    let t = clock_gettime(ClockId::Monotonic);
    // The monotonic clock is never negative and its nanoseconds are below 1e9.
    t.tv_sec as u64 * NS_PER_SEC + t.tv_nsec as u64
}

/// Returns the deadline `after_ns` from now, saturating at `u64::MAX`.
pub fn deadline_in(after_ns: u64) -> u64 {
    now_ns().saturating_add(after_ns)
}

/// Converts nanoseconds to the kernel's `struct timespec`.
pub fn timespec(ns: u64) -> Timespec {
    Timespec {
        tv_sec: (ns / NS_PER_SEC) as i64,
        tv_nsec: (ns % NS_PER_SEC) as _,
    }
}

/// Returns the time left until `deadline_ns`, zero if it has passed.
pub fn until(deadline_ns: u64) -> Timespec {
    timespec(deadline_ns.saturating_sub(now_ns()))
}

/// Polls until one of `fds` is ready, at most until `deadline_ns` (`u64::MAX`: no limit; a time in
/// the past: polls once). Returns whether one is ready. Retries when a signal interrupts.
///
/// # Errors
/// Those of `poll(2)`.
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

/// A timer whose file descriptor becomes readable when it fires.
///
/// Source: `timerfd_create(2)`.
#[derive(Debug)]
pub struct Alarm {
    timer: OwnedFd,
    /// 0: not set.
    due_ns: u64,
}

impl Alarm {
    /// Creates an alarm that is not set.
    ///
    /// # Errors
    /// Those of `timerfd_create(2)`.
    pub fn new() -> Result<Self, Errno> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        Ok(Self { timer, due_ns: 0 })
    }

    /// Returns when the alarm fires or has fired, if it is set.
    pub fn due_ns(&self) -> Option<u64> {
        (self.due_ns != 0).then_some(self.due_ns)
    }

    /// Sets the alarm to fire at `due_ns`, in place of any earlier setting; `None` disarms it. An
    /// alarm that has fired is no longer readable afterwards. Does nothing if `due_ns` is the time
    /// already set.
    pub fn set(&mut self, due_ns: Option<u64>) {
        let due_ns = due_ns.unwrap_or(0);
        if due_ns != self.due_ns {
            let new = Itimerspec {
                it_interval: timespec(0),
                it_value: timespec(due_ns),
            };
            // Cannot fail: time and descriptor are valid.
            let _ = timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &new);
            self.due_ns = due_ns;
        }
    }
}

impl AsFd for Alarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.timer.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use rustix::event::PollFlags;

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

    #[test]
    fn an_alarm_fires_once_until_it_is_set_again() {
        let fires = |alarm: &Alarm, until_ns| {
            poll_until(&mut [PollFd::new(alarm, PollFlags::IN)], until_ns).unwrap()
        };
        let mut alarm = Alarm::new().unwrap();
        assert!(!fires(&alarm, now_ns()));
        let due_ns = now_ns() + 1_000_000;
        alarm.set(Some(due_ns));
        assert_eq!(alarm.due_ns(), Some(due_ns));
        assert!(fires(&alarm, u64::MAX));
        assert!(now_ns() >= due_ns);
        alarm.set(None);
        assert!(!fires(&alarm, now_ns()));
        // A time in the past fires, too.
        alarm.set(Some(1));
        assert!(fires(&alarm, u64::MAX));
    }
}
