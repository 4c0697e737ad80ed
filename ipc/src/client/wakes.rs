//! The descriptors that end a client's poll.

use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use videostream_hal::Call;
use videostream_hal::sync::{AtomicU32, Ordering};

use crate::Error;

/// The event is unused.
const NOBODY: u32 = 0;
/// A thread polls the event.
const THREAD: u32 = 1;
/// An event loop owns the event, from `arm` to `disarm`.
const EVENT_LOOP: u32 = 2;

/// The host's event and the client's own alarm. One event reliably wakes one waiter only: a waiter
/// that drains it takes it away from any other that has not yet seen it. It therefore belongs to
/// one thread or to the event loop at a time; other threads stay with the futex.
#[derive(Debug)]
pub(super) struct Wakes {
    /// A socket that the host makes readable.
    event: OwnedFd,
    /// A private eventfd, by which threads of this client wake each other.
    alarm: OwnedFd,
    user: AtomicU32,
}

impl Wakes {
    /// Takes the host's descriptor, which must be a socket: reading another kind could block.
    pub(super) fn new(event: OwnedFd) -> Result<Self, Error> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let wakes = Self {
            event,
            alarm: eventfd(0, flags).map_err(|e| Error::os(Call::Eventfd, e))?,
            user: AtomicU32::new(NOBODY),
        };
        if !wakes.forget_event() {
            return Err(Error::Unexpected {
                what: "welcome without an event descriptor",
            });
        }
        Ok(wakes)
    }

    pub(super) fn event(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }

    pub(super) fn alarm(&self) -> BorrowedFd<'_> {
        self.alarm.as_fd()
    }

    /// Drains the event, so that only a later one makes it readable. Returns `false` if it is not a
    /// socket.
    pub(super) fn forget_event(&self) -> bool {
        // One byte for each signal; the rest is read next time.
        let mut bytes = [0u8; 256];
        let read = recv(&self.event, &mut bytes, RecvFlags::DONTWAIT);
        !matches!(read, Err(Errno::NOTSOCK))
    }

    /// Wakes the thread that polls, or the next one to poll.
    pub(super) fn sound_alarm(&self) {
        // A full counter is readable, too.
        let _ = rustix::io::write(&self.alarm, &1u64.to_ne_bytes());
    }

    pub(super) fn silence_alarm(&self) {
        // An alarm that is off stays off.
        let _ = rustix::io::read(&self.alarm, &mut [0u8; 8]);
    }

    /// Takes the event for a thread. Returns `false` if it is in use.
    pub(super) fn take_for_thread(&self) -> bool {
        self.take(THREAD).is_ok()
    }

    /// Takes the event for the event loop. A thread that polls is woken and returns to the futex.
    pub(super) fn take_for_event_loop(&self) {
        while self.take(EVENT_LOOP) == Err(THREAD) {
            self.sound_alarm();
            rustix::thread::sched_yield();
        }
    }

    /// Gives the event back. What this user did with it happens before the next one takes it.
    pub(super) fn give_back(&self) {
        self.user.store(NOBODY, Ordering::Release);
    }

    fn take(&self, who: u32) -> Result<u32, u32> {
        let (to, from) = (Ordering::Acquire, Ordering::Relaxed);
        self.user.compare_exchange(NOBODY, who, to, from)
    }
}
