//! Connection attempts: pauses between them, and interrupting the wait.

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd};
use rustix::io::Errno;
use videostream::hal::time::poll_until;
use videostream::ipc::address::Address;
use videostream::ipc::client::{Config, PendingClient};
use videostream::ipc::{Error, Mode};
use videostream::share::BackOff;

/// Pauses between attempts to connect; the last one repeats.
pub(super) const PAUSES_NS: [u64; 5] =
    [1_000_000, 5_000_000, 25_000_000, 100_000_000, 1_000_000_000];
/// Pause after a host that has refused the client.
pub(super) const REFUSED_PAUSE_NS: u64 = 1_000_000_000;
/// Attempts at a host whose queue is full before it counts as absent.
pub(super) const FULL_QUEUE_RETRIES: u32 = 8;

pub(super) const fn back_off() -> BackOff {
    BackOff::new(&PAUSES_NS)
}

/// Connects and asks for every frame, `hold` of them locked at once.
pub(super) fn connect(address: &Address, hold: u32) -> Result<PendingClient, Error> {
    let config = Config {
        mode: Mode::Every,
        hold,
        spin_ns: 0,
    };
    PendingClient::new(address, config)
}

/// Ends waits for a host from another thread; once signalled, it stays so.
#[derive(Debug)]
pub(super) struct Interrupt(OwnedFd);

/// What ended a wait.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wakeup {
    Ready,
    TimedOut,
    Interrupted,
}

impl Interrupt {
    pub(super) fn new() -> Result<Self, Errno> {
        eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map(Self)
    }

    pub(super) fn signal(&self) {
        // A full counter is readable as well.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }

    /// Waits until `due_ns`.
    pub(super) fn wait_until(&self, due_ns: u64) {
        let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
        // An error ends the wait like a signal; the caller checks what has happened.
        let _ = poll_until(&mut fds, due_ns);
    }

    /// Waits until `fd` is readable.
    pub(super) fn wait_for(&self, fd: BorrowedFd<'_>, deadline_ns: u64) -> Wakeup {
        let mut fds = [
            PollFd::from_borrowed_fd(fd, PollFlags::IN),
            PollFd::new(&self.0, PollFlags::IN),
        ];
        let _ = poll_until(&mut fds, deadline_ns);
        let [fd, interrupt] = fds.map(|fd| !fd.revents().is_empty());
        match (fd, interrupt) {
            (_, true) => Wakeup::Interrupted,
            (true, false) => Wakeup::Ready,
            (false, false) => Wakeup::TimedOut,
        }
    }
}
