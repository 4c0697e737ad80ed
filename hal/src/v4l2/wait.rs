//! Waiting for a device, with a deadline on the monotonic clock.

use bitflags::bitflags;
use rustix::event::{PollFd, PollFlags};
use rustix::fd::BorrowedFd;

use crate::time::poll_until;
use crate::{Call, Error};

bitflags! {
    /// The operations that a device is ready for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Ready: u16 {
        /// A capture buffer is finished (`POLLIN`).
        const CAPTURE = 1;
        /// An output buffer is finished (`POLLOUT`).
        const OUTPUT = 1 << 1;
        /// An event is pending (`POLLPRI`).
        const EVENT = 1 << 2;
        /// The queue is not streaming or has failed (`POLLERR`): the next dequeue reports which.
        const ERROR = 1 << 3;
        /// The device was unplugged (`POLLHUP`).
        const HANGUP = 1 << 4;
    }
}

const PAIRS: [(Ready, PollFlags); 5] = [
    (Ready::CAPTURE, PollFlags::IN),
    (Ready::OUTPUT, PollFlags::OUT),
    (Ready::EVENT, PollFlags::PRI),
    (Ready::ERROR, PollFlags::ERR),
    (Ready::HANGUP, PollFlags::HUP),
];

/// Waits until a device is ready for one of `wanted`, with a single `poll` unless a signal
/// interrupts it.
///
/// Never ask for [`Ready::CAPTURE`] before buffers are requested: on nodes that support `read`, the
/// kernel would start its own stream and refuse ours.
///
/// # Units
/// `deadline_ns` is on `CLOCK_MONOTONIC`; `None` waits without a limit, a time in the past polls
/// once.
///
/// # Errors
/// [`Error::TimedOut`] at the deadline; otherwise those of `poll`.
pub fn wait(fd: BorrowedFd<'_>, wanted: Ready, deadline_ns: Option<u64>) -> Result<Ready, Error> {
    let mut flags = PollFlags::empty();
    for (ready, poll) in PAIRS {
        if wanted.contains(ready) {
            flags |= poll;
        }
    }
    let mut fds = [PollFd::from_borrowed_fd(fd, flags)];
    match poll_until(&mut fds, deadline_ns.unwrap_or(u64::MAX)) {
        Ok(true) => {}
        Ok(false) => return Err(Error::TimedOut),
        Err(errno) => return Err(Error::of_device(Call::Poll, errno)),
    }
    let mut ready = Ready::empty();
    for (flag, poll) in PAIRS {
        if fds[0].revents().contains(poll) {
            ready |= flag;
        }
    }
    Ok(ready)
}

#[cfg(test)]
mod tests {
    use rustix::fd::AsFd;
    use rustix::pipe::pipe;

    use super::*;

    #[test]
    fn a_deadline_in_the_past_looks_once_and_ends() {
        let (reader, writer) = pipe().unwrap();
        let at = Some(1);
        assert_eq!(
            wait(reader.as_fd(), Ready::CAPTURE, at),
            Err(Error::TimedOut)
        );
        rustix::io::write(&writer, b"x").unwrap();
        assert_eq!(wait(reader.as_fd(), Ready::CAPTURE, at), Ok(Ready::CAPTURE));
    }

    #[test]
    fn a_closed_other_end_is_a_hangup() {
        let (reader, writer) = pipe().unwrap();
        drop(writer);
        let ready = wait(reader.as_fd(), Ready::CAPTURE, None).unwrap();
        assert!(ready.contains(Ready::HANGUP));
    }
}
