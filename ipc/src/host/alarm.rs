//! The timer in a host's epoll set.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};
use videostream_hal::time::timespec;

use crate::Error;

/// Makes a host readable when something is due that nobody else tells it of. Not armed while
/// nothing is.
#[derive(Debug)]
pub(super) struct Alarm {
    timer: OwnedFd,
    /// 0: not armed.
    due_ns: u64,
}

impl Alarm {
    pub(super) fn new() -> Result<Self, Error> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)
            .map_err(|e| Error::Os("timerfd_create", e))?;
        Ok(Self { timer, due_ns: 0 })
    }

    /// Rings at `due_ns`, in place of whenever it would have; `None` for never. A system call only if
    /// that is another time.
    pub(super) fn set(&mut self, due_ns: Option<u64>) {
        let due_ns = due_ns.unwrap_or(0);
        if due_ns != self.due_ns {
            let new = Itimerspec {
                it_interval: timespec(0),
                it_value: timespec(due_ns),
            };
            // A time and a descriptor that are valid: nothing that could fail.
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
