//! The descriptors that end a client's poll.

use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use videostream_hal::sync::{AtomicU32, Ordering};

use crate::Error;

/// Nobody uses the event.
const NOBODY: u32 = 0;
/// A thread is in a poll.
const THREAD: u32 = 1;
/// An event loop has it, from its first arming on.
const EVENT_LOOP: u32 = 2;

/// The host's event and the client's own alarm.
///
/// One event can wake one waiter reliably: who forgets it and looks takes it away from whoever
/// else has not looked yet. So it belongs to one thread or to the event loop at a time; other
/// threads stay with the futex.
#[derive(Debug)]
pub(super) struct Wakes {
    /// A socket that the host makes readable.
    event: OwnedFd,
    /// An eventfd that nobody else has, for threads of this client.
    alarm: OwnedFd,
    user: AtomicU32,
}

impl Wakes {
    /// Takes the host's descriptor, which has to be a socket: of others a read could block.
    pub(super) fn new(event: OwnedFd) -> Result<Self, Error> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let wakes = Self {
            event,
            alarm: eventfd(0, flags).map_err(|e| Error::Os("eventfd", e))?,
            user: AtomicU32::new(NOBODY),
        };
        if !wakes.forget_event() {
            return Err(Error::Unexpected("welcome without an event descriptor"));
        }
        Ok(wakes)
    }

    pub(super) fn event(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }

    pub(super) fn alarm(&self) -> BorrowedFd<'_> {
        self.alarm.as_fd()
    }

    /// Reads the event, so that only a later one makes it readable. `false` if that is
    /// impossible because it is no socket.
    pub(super) fn forget_event(&self) -> bool {
        // As many bytes as frames went by: more are read the next time.
        let mut bytes = [0u8; 256];
        let read = recv(&self.event, &mut bytes, RecvFlags::DONTWAIT);
        !matches!(read, Err(Errno::NOTSOCK))
    }

    /// Wakes the thread that polls, now or next.
    pub(super) fn sound_alarm(&self) {
        // Full is as good as written.
        let _ = rustix::io::write(&self.alarm, &1u64.to_ne_bytes());
    }

    pub(super) fn silence_alarm(&self) {
        // Nothing to read is as good as read.
        let _ = rustix::io::read(&self.alarm, &mut [0u8; 8]);
    }

    /// Takes the event for a thread; `false` if somebody has it.
    pub(super) fn take_for_thread(&self) -> bool {
        self.take(THREAD).is_ok()
    }

    /// Takes the event for the event loop. A thread that polls is woken and goes back to the futex.
    pub(super) fn take_for_event_loop(&self) {
        while self.take(EVENT_LOOP) == Err(THREAD) {
            self.sound_alarm();
            rustix::thread::sched_yield();
        }
    }

    /// Gives it back; what was done with it is done before somebody else takes it.
    pub(super) fn give_back(&self) {
        self.user.store(NOBODY, Ordering::Release);
    }

    fn take(&self, who: u32) -> Result<u32, u32> {
        let (to, from) = (Ordering::Acquire, Ordering::Relaxed);
        self.user.compare_exchange(NOBODY, who, to, from)
    }
}
