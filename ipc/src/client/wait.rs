//! Waiting for frames by spin, futex and poll; cancelling waits; event loops.

use rustix::event::{PollFd, PollFlags};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::Errno;
use videostream_hal::Call;
use videostream_hal::ring::wake;
use videostream_hal::sync::{Ordering, Point, full_fence};
use videostream_hal::time::now_ns;

use super::{Client, poll_until};
use crate::Error;

/// How long a wait stays in the futex, which a killed host never wakes. After that the thread polls
/// the socket, which reports a dead host immediately, and the host's event. While another thread is
/// polling, it only checks the socket and returns to the futex.
const FUTEX_SLICE_NS: u64 = 50_000_000;

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// There is a newer frame.
    Frame,
    /// The host has sent something: call [`Client::pump`].
    Message,
}

impl Client {
    /// Waits until there is a frame newer than `after`, the host sends a message, or `deadline_ns`
    /// passes. `u64::MAX` waits forever. A newest frame that has expired ends the wait although it
    /// can't be held. After a [`Client::hold`] without a result, therefore wait for a frame newer
    /// than the [`Client::head`] that was read before that hold.
    ///
    /// # Errors
    /// [`Error::TimedOut`], [`Error::Cancelled`], [`Error::Os`].
    pub fn wait(&self, after: u64, deadline_ns: u64) -> Result<Woken, Error> {
        if self.spin(after, deadline_ns) {
            return Ok(Woken::Frame);
        }
        if self.control.is_closed() {
            return self.after_close(after, deadline_ns);
        }
        self.check_cancelled()?;
        let mut slice = now_ns().saturating_add(FUTEX_SLICE_NS);
        while let Some(value) = self.begin_sleep(after) {
            // The sleep is announced: a `cancel` from here on sees a sleeper and wakes it.
            let result = match self.check_cancelled() {
                Ok(()) => self.sleep(value, slice.min(deadline_ns)),
                Err(_) => Ok(()),
            };
            self.end_sleep();
            self.check_cancelled()?;
            match result {
                // Checked first, so that a thread woken for a frame does no more work than needed.
                Ok(()) | Err(Errno::AGAIN | Errno::INTR) if self.head() > after => break,
                // Woken without a frame, by another client's `cancel` or a malicious host: sleep
                // on, but no longer than the slice.
                Ok(()) | Err(Errno::AGAIN | Errno::INTR) if now_ns() < slice.min(deadline_ns) => {}
                Ok(()) | Err(Errno::AGAIN | Errno::INTR | Errno::TIMEDOUT) => {
                    if let Some(woken) = self.poll(after, deadline_ns)? {
                        return Ok(woken);
                    }
                    slice = now_ns().saturating_add(FUTEX_SLICE_NS);
                }
                Err(errno) => return Err(Error::os(Call::Futex, errno)),
            }
            if self.control.is_closed() {
                return self.after_close(after, deadline_ns);
            }
        }
        Ok(Woken::Frame)
    }

    /// Waits on the ring of a host that has closed and publishes no more. Frames come before its
    /// goodbye or hang-up, either of which a malicious host may withhold: hence the slices.
    fn after_close(&self, after: u64, deadline_ns: u64) -> Result<Woken, Error> {
        while self.head() <= after {
            self.check_cancelled()?;
            let slice = now_ns().saturating_add(FUTEX_SLICE_NS).min(deadline_ns);
            match poll_until(&mut [PollFd::new(&self.socket, PollFlags::IN)], slice) {
                Ok(()) => return Ok(Woken::Message),
                Err(Error::TimedOut) if now_ns() < deadline_ns => {}
                Err(e) => return Err(e),
            }
        }
        Ok(Woken::Frame)
    }

    fn spin(&self, after: u64, deadline_ns: u64) -> bool {
        if self.head() > after {
            return true;
        }
        if self.config.spin_ns == 0 {
            return false;
        }
        let end = now_ns()
            .saturating_add(self.config.spin_ns)
            .min(deadline_ns);
        loop {
            for _ in 0..64 {
                if self.head() > after {
                    return true;
                }
                core::hint::spin_loop();
            }
            if now_ns() >= end {
                return false;
            }
        }
    }

    /// Announces a futex wait to the host, and to [`Client::cancel`] by a counter that no host can
    /// write.
    fn begin_sleep(&self, after: u64) -> Option<u32> {
        // Relaxed: ordered by the fence of `wake::begin_sleep`.
        self.sleepers.fetch_add(1, Ordering::Relaxed);
        let value = wake::begin_sleep(&self.control, &self.lease, after);
        if value.is_none() {
            self.sleepers.fetch_sub(1, Ordering::Relaxed);
        }
        value
    }

    fn end_sleep(&self) {
        wake::end_sleep(&self.lease);
        self.sleepers.fetch_sub(1, Ordering::Relaxed);
    }

    fn sleep(&self, value: u32, deadline_ns: u64) -> rustix::io::Result<()> {
        self.control.sleep_while(value, deadline_ns)
    }

    /// Polls if the event is free, else only checks the socket. `None` means back to the futex.
    fn poll(&self, after: u64, deadline_ns: u64) -> Result<Option<Woken>, Error> {
        if !self.wakes.take_for_thread() {
            let mut socket = [PollFd::new(&self.socket, PollFlags::IN)];
            return match poll_until(&mut socket, 0) {
                _ if self.head() > after => Ok(Some(Woken::Frame)),
                Ok(()) => Ok(Some(Woken::Message)),
                Err(Error::TimedOut) if now_ns() < deadline_ns => Ok(None),
                Err(e) => Err(e),
            };
        }
        let result = self.poll_armed(after, deadline_ns);
        wake::disarm(&self.lease);
        self.wakes.give_back();
        result
    }

    fn poll_armed(&self, after: u64, deadline_ns: u64) -> Result<Option<Woken>, Error> {
        while wake::arm(&self.control, &self.lease, after) {
            let (event, alarm) = (self.wakes.event(), self.wakes.alarm());
            let mut fds = [
                PollFd::new(&self.socket, PollFlags::IN),
                PollFd::from_borrowed_fd(event, PollFlags::IN),
                PollFd::from_borrowed_fd(alarm, PollFlags::IN),
            ];
            self.check_cancelled()?;
            poll_until(&mut fds, deadline_ns)?;
            self.check_cancelled()?;
            let [socket, event, alarm] = fds.map(|fd| fd.revents());
            if !event.is_empty() {
                self.wakes.forget_event();
            }
            if self.head() > after {
                break;
            }
            if !socket.is_empty() {
                return Ok(Some(Woken::Message));
            }
            if !alarm.is_empty() {
                self.wakes.silence_alarm();
                return Ok(None);
            }
            // A host that signals all the time must not keep the client here.
            if now_ns() >= deadline_ns {
                return Err(Error::TimedOut);
            }
        }
        Ok(Some(Woken::Frame))
    }

    /// Ends every wait of this client, present and future, with [`Error::Cancelled`], until
    /// [`Client::resume`]. Can be called from any thread.
    pub fn cancel(&self) {
        self.cancelled.store(1, Ordering::Relaxed);
        // Pairs with the fence in `begin_sleep`: a thread that misses the flag is counted as a
        // sleeper below.
        full_fence(Point::WakeFence);
        // Wakes a thread in `poll`; the alarm stays on until `resume`.
        self.wakes.sound_alarm();
        // A thread may have announced its sleep but not be asleep yet, so wake until there are no
        // sleepers, which is after `FUTEX_SLICE_NS` at the latest, whatever the host does. The
        // count in the lease can't be used: the host can write it. Each wake-up also reaches other
        // clients, which go back to sleep.
        while self.sleepers.load(Ordering::Relaxed) != 0 {
            if self.control.wake_sleepers() == Ok(0) {
                rustix::thread::sched_yield();
            }
        }
    }

    /// Re-enables waiting after [`Client::cancel`].
    pub fn resume(&self) {
        self.wakes.silence_alarm();
        self.cancelled.store(0, Ordering::Relaxed);
    }

    fn check_cancelled(&self) -> Result<(), Error> {
        match self.cancelled.load(Ordering::Relaxed) {
            0 => Ok(()),
            _ => Err(Error::Cancelled),
        }
    }

    /// Arms the descriptor of [`Client::event_fd`] for frames newer than `after`, for an event
    /// loop. Returns `false` if there is one already. It stays armed until [`Client::disarm`].
    pub fn arm(&self, after: u64) -> bool {
        self.wakes.take_for_event_loop();
        // Drained first, so that no later event is lost.
        self.wakes.forget_event();
        wake::arm(&self.control, &self.lease, after)
    }

    /// Stops events, which makes each publish cheaper for the host. Call this from the thread that
    /// arms.
    pub fn disarm(&self) {
        self.wakes.take_for_event_loop();
        wake::disarm(&self.lease);
        self.wakes.give_back();
    }

    /// Returns a file descriptor that is readable after a publish while [armed](Client::arm). Poll
    /// it, but do not read from it.
    pub fn event_fd(&self) -> BorrowedFd<'_> {
        self.wakes.event()
    }

    /// Returns a file descriptor that is readable when [`Client::pump`] is due.
    pub fn socket_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
