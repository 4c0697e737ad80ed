//! Getting through to a host, and being interrupted at it.

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::io::Errno;
use rustix::time::Timespec;
use videostream::hal::time::{deadline_in, now_ns, until};
use videostream::ipc::address::Address;
use videostream::ipc::client::{Config, Knock};
use videostream::ipc::{Error, Mode};

/// Pauses between attempts to connect; the last one from then on.
const PAUSES_MS: [u64; 4] = [1, 5, 25, 100];
/// The last pause.
pub(super) const PAUSE_NS: u64 = 1_000_000_000;
/// How often to knock at a host whose queue is full, before it counts as one that is not there.
pub(super) const PATIENCE: u32 = 8;

/// The pauses before [`PAUSE_NS`].
pub(super) fn pauses() -> impl Iterator<Item = u64> {
    PAUSES_MS.into_iter().map(|ms| ms * 1_000_000)
}

/// Connects and asks for every frame, `hold` of them locked at once.
pub(super) fn knock(address: &Address, hold: u32) -> Result<Knock, Error> {
    let config = Config {
        mode: Mode::Every,
        hold,
        spin_ns: 0,
    };
    Knock::new(address, config)
}

/// Interrupts whoever waits for a host; once rung, it stays so.
#[derive(Debug)]
pub(super) struct Bell(OwnedFd);

/// What ended a wait.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rung {
    Ready,
    TimedOut,
    Bell,
}

impl Bell {
    pub(super) fn new() -> Result<Self, Errno> {
        eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map(Self)
    }

    pub(super) fn ring(&self) {
        // Full is as good as written.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }

    /// Waits for a while.
    pub(super) fn wait(&self, nanoseconds: u64) {
        let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
        poll_until(&mut fds, deadline_in(nanoseconds));
    }

    /// Waits until `fd` is readable.
    pub(super) fn wait_for(&self, fd: BorrowedFd<'_>, deadline_ns: u64) -> Rung {
        let mut fds = [
            PollFd::from_borrowed_fd(fd, PollFlags::IN),
            PollFd::new(&self.0, PollFlags::IN),
        ];
        poll_until(&mut fds, deadline_ns);
        let [fd, bell] = fds.map(|fd| !fd.revents().is_empty());
        match (fd, bell) {
            (_, true) => Rung::Bell,
            (true, false) => Rung::Ready,
            (false, false) => Rung::TimedOut,
        }
    }
}

fn poll_until(fds: &mut [PollFd<'_>], deadline_ns: u64) {
    loop {
        let left: Timespec = until(deadline_ns);
        match poll(fds, Some(&left)) {
            Err(Errno::INTR) if now_ns() < deadline_ns => {}
            _ => return,
        }
    }
}
