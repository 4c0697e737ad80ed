//! A descriptor for event loops that stays the same while what it watches changes.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use rustix::event::epoll;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};
use videostream::hal::time::timespec;
use videostream::{Error, Result};

/// A time that has passed, and the one that stops a timer.
const SOONEST_NS: u64 = 1;
const NEVER_NS: u64 = 0;

/// Readable when the watched descriptor is, or when a time has come.
pub(crate) struct Events {
    epoll: OwnedFd,
    timer: OwnedFd,
    /// A look is due: readable until there was one.
    is_due: AtomicBool,
    /// A duplicate of what is watched: what it is of may be closed before it.
    watched: Mutex<Option<OwnedFd>>,
}

impl Events {
    pub(crate) fn new() -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(failed("epoll_create"))?;
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags);
        let timer = timer.map_err(failed("timerfd_create"))?;
        add(&epoll, timer.as_fd())?;
        Ok(Self {
            epoll,
            timer,
            is_due: AtomicBool::new(false),
            watched: Mutex::new(None),
        })
    }

    /// Watches this descriptor instead of what it watched before. A first look is due.
    pub(crate) fn watch(&self, fd: BorrowedFd<'_>) -> Result<()> {
        let fd = fd.try_clone_to_owned().map_err(|e| Error::Os("dup", e))?;
        let mut watched = self.watched.lock();
        self.forget(&mut watched);
        add(&self.epoll, fd.as_fd())?;
        *watched = Some(fd);
        drop(watched);
        self.wake()
    }

    /// Watches nothing until `time_ns` of `CLOCK_MONOTONIC`.
    pub(crate) fn wake_at(&self, time_ns: u64) -> Result<()> {
        self.forget(&mut self.watched.lock());
        self.is_due.store(false, Ordering::Relaxed);
        self.set_timer(time_ns.max(SOONEST_NS))
    }

    /// Makes it readable until it was looked at.
    pub(crate) fn wake(&self) -> Result<()> {
        self.is_due.store(true, Ordering::Relaxed);
        self.set_timer(SOONEST_NS)
    }

    /// Watches nothing any more, and is readable from now on.
    pub(crate) fn end(&self) -> Result<()> {
        self.forget(&mut self.watched.lock());
        self.wake()
    }

    /// There was a look that found nothing.
    pub(crate) fn is_looked_at(&self) -> Result<()> {
        match self.is_due.swap(false, Ordering::Relaxed) {
            true => self.set_timer(NEVER_NS),
            false => Ok(()),
        }
    }

    pub(crate) fn as_raw_fd(&self) -> RawFd {
        self.epoll.as_raw_fd()
    }

    fn set_timer(&self, time_ns: u64) -> Result<()> {
        let time = Itimerspec {
            it_interval: timespec(0),
            it_value: timespec(time_ns),
        };
        let set = timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &time);
        set.map(drop).map_err(failed("timerfd_settime"))
    }

    fn forget(&self, watched: &mut Option<OwnedFd>) {
        if let Some(fd) = watched.take() {
            // Frames of a former host may keep its descriptors open.
            let _ = epoll::delete(&self.epoll, &fd);
        }
    }
}

fn add(epoll: &OwnedFd, fd: BorrowedFd<'_>) -> Result<()> {
    let data = epoll::EventData::new_u64(0);
    epoll::add(epoll, fd, data, epoll::EventFlags::IN).map_err(failed("epoll_ctl"))
}

fn failed(call: &'static str) -> impl Fn(rustix::io::Errno) -> Error {
    move |errno| Error::Os(call, errno.into())
}
