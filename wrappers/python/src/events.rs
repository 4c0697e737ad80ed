//! A descriptor for event loops, which stays the same while what it watches changes.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use parking_lot::Mutex;
use rustix::event::epoll;
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use videostream::hal::Call;
use videostream::hal::time::Alarm;
use videostream::{Error, Result};

/// A time in the past.
const SOONEST_NS: u64 = 1;

/// Readable when the watched descriptor is, or when a time has come.
pub(crate) struct Events {
    epoll: OwnedFd,
    state: Mutex<State>,
}

struct State {
    alarm: Alarm,
    /// Readable until the next look.
    is_due: bool,
    /// A duplicate of the watched descriptor, which may be closed before.
    watched: Option<OwnedFd>,
}

impl State {
    /// Makes it readable until the next look.
    fn wake(&mut self) {
        self.is_due = true;
        self.alarm.set(Some(SOONEST_NS));
    }

    fn forget(&mut self, epoll: &OwnedFd) {
        if let Some(fd) = self.watched.take() {
            // Explicitly, since frames of the former host may keep its descriptors open.
            let _ = epoll::delete(epoll, &fd);
        }
    }
}

impl Events {
    pub(crate) fn new() -> Result<Self> {
        let epoll =
            epoll::create(epoll::CreateFlags::CLOEXEC).map_err(failed(Call::EpollCreate))?;
        let alarm = Alarm::new().map_err(failed(Call::TimerfdCreate))?;
        add(&epoll, alarm.as_fd())?;
        Ok(Self {
            epoll,
            state: Mutex::new(State {
                alarm,
                is_due: false,
                watched: None,
            }),
        })
    }

    /// Watches this descriptor instead of the former one. A first look is due.
    pub(crate) fn watch(&self, fd: BorrowedFd<'_>) -> Result<()> {
        let fd = duplicate(fd)?;
        let mut state = self.state.lock();
        state.forget(&self.epoll);
        add(&self.epoll, fd.as_fd())?;
        state.watched = Some(fd);
        state.wake();
        Ok(())
    }

    /// Watches nothing until `time_ns` of `CLOCK_MONOTONIC`.
    pub(crate) fn wake_at(&self, time_ns: u64) {
        let mut state = self.state.lock();
        state.forget(&self.epoll);
        state.is_due = false;
        state.alarm.set(Some(time_ns.max(SOONEST_NS)));
    }

    /// Stops watching, and stays readable from now on.
    pub(crate) fn end(&self) {
        let mut state = self.state.lock();
        state.forget(&self.epoll);
        state.wake();
    }

    /// Notes a look that found nothing.
    pub(crate) fn is_looked_at(&self) {
        let mut state = self.state.lock();
        if std::mem::take(&mut state.is_due) {
            state.alarm.set(None);
        }
    }

    pub(crate) fn as_raw_fd(&self) -> RawFd {
        self.epoll.as_raw_fd()
    }
}

fn add(epoll: &OwnedFd, fd: BorrowedFd<'_>) -> Result<()> {
    let data = epoll::EventData::new_u64(0);
    epoll::add(epoll, fd, data, epoll::EventFlags::IN).map_err(failed(Call::EpollCtl))
}

/// Returns another descriptor of the same file.
pub(crate) fn duplicate(fd: BorrowedFd<'_>) -> Result<OwnedFd> {
    fcntl_dupfd_cloexec(fd, 0).map_err(failed(Call::Fcntl))
}

/// Returns a function for `map_err` that makes the failure of `call`.
pub(crate) fn failed(call: Call) -> impl Fn(Errno) -> Error {
    move |errno| Error::Os { call, errno }
}
