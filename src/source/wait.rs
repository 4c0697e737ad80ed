//! Waiting for a source.

use std::os::fd::BorrowedFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use videostream_hal::Call;
use videostream_hal::time::until;

use super::Source;
use crate::{Error, Result};

/// The reason why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    /// A signal arrived.
    Interrupted,
    /// The deadline, the source or the other descriptor.
    By {
        /// Whether the source may have a frame.
        source: bool,
        /// Whether the other descriptor is readable.
        other: bool,
    },
}

/// Waits until a source is ready or due, `other` is readable, or `deadline_ns` of `CLOCK_MONOTONIC`
/// has passed (`u64::MAX` is never), with one poll. Events of the source other than frames have
/// been handled when this returns.
pub(crate) fn wait(
    source: &mut impl Source,
    other: Option<BorrowedFd<'_>>,
    deadline_ns: u64,
) -> Result<Woken> {
    let due_ns = source.due_ns();
    let wake_ns = deadline_ns.min(due_ns.unwrap_or(u64::MAX));
    let timeout = until(wake_ns);
    let timeout = (wake_ns != u64::MAX).then_some(&timeout);
    // Don't poll a camera for `POLLIN` before it streams: the kernel would start to stream for
    // `read`.
    let flags = match source.trouble() {
        None => PollFlags::IN | PollFlags::PRI,
        Some(_) => PollFlags::PRI,
    };
    let ready = source.ready_fd();
    let polled = {
        let other = other.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
        let ready = ready.map(|fd| PollFd::from_borrowed_fd(fd, flags));
        poll_both(ready, other, timeout)
    };
    let (ready, other) = match polled {
        Ok(revents) => revents,
        Err(Errno::INTR) => return Ok(Woken::Interrupted),
        Err(errno) => return Err(Error::of(Call::Poll)(errno)),
    };
    // A device that hangs up reports all events; taking a frame returns its error.
    if ready.contains(PollFlags::PRI) && !ready.contains(PollFlags::HUP) {
        source.take_events()?;
    }
    Ok(Woken::By {
        source: !ready.is_empty() || due_ns.is_some(),
        other: !other.is_empty(),
    })
}

/// Polls up to two file descriptors.
fn poll_both(
    one: Option<PollFd<'_>>,
    two: Option<PollFd<'_>>,
    timeout: Option<&rustix::event::Timespec>,
) -> Result<(PollFlags, PollFlags), Errno> {
    let none = PollFlags::empty();
    match (one, two) {
        (Some(one), Some(two)) => {
            let mut fds = [one, two];
            poll(&mut fds, timeout)?;
            Ok((fds[0].revents(), fds[1].revents()))
        }
        (Some(one), None) => {
            let mut fds = [one];
            poll(&mut fds, timeout)?;
            Ok((fds[0].revents(), none))
        }
        (None, Some(two)) => {
            let mut fds = [two];
            poll(&mut fds, timeout)?;
            Ok((none, fds[0].revents()))
        }
        (None, None) => poll(&mut [], timeout).map(|_| (none, none)),
    }
}
