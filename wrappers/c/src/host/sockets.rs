//! The host's sockets, for programs with an event loop.

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use rustix::event::{PollFd, PollFlags, epoll, poll};
use rustix::io::{Errno, fcntl_getfd};
use rustix::net::{RecvFlags, recv, sockopt::socket_type};
use rustix::time::Timespec;
use videostream::hal::time::now_ns;

use super::wait::{Begun, begin_signals};
use super::{Host, ROUNDS, State, end_frames};
use crate::error::errno_of;

/// Most descriptors that [`Host::poll`] counts.
const MOST_EVENTS: usize = 128;

impl Host {
    /// Waits `ms` milliseconds, or without a limit if negative. Returns how many descriptors are
    /// ready.
    pub(crate) fn poll(&self, ms: i64) -> Result<usize, Errno> {
        let ready = self.ready(0)?;
        if ready > 0 {
            return Ok(ready);
        }
        match self.begin_wait(ms)? {
            Begun::Busy => Ok(0),
            Begun::Moved => Ok(1),
            Begun::Waits => {
                let ready = self.ready(ms);
                self.end_wait();
                ready
            }
        }
    }

    fn ready(&self, ms: i64) -> Result<usize, Errno> {
        let mut space = [MaybeUninit::<epoll::Event>::uninit(); MOST_EVENTS];
        let (ready, _) = epoll::wait(&self.events, &mut space, timeout(ms).as_ref())?;
        Ok(ready.len())
    }

    /// Serves clients and ends frames that have expired; never blocks.
    pub(crate) fn process(&self) -> Result<(), Errno> {
        let host = self.lock()?;
        let served = {
            let mut state = host.borrow_mut();
            self.end_waits(&mut state);
            let served = state.serve();
            state.expire(now_ns());
            served
        };
        end_frames(&host);
        served
    }

    /// Serves one client.
    pub(crate) fn service(&self, socket: RawFd) -> Result<(), Errno> {
        let host = self.lock()?;
        let mut state = host.borrow_mut();
        if state.is_listener(socket) {
            return state.serve();
        }
        let waiting = match state.socket(socket) {
            Some(socket) => {
                let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
                recv(socket, &mut [0u8; 1], flags)
            }
            None => return Err(why_not(socket)),
        };
        match waiting {
            Ok((0, _)) => Err(Errno::CONNRESET),
            Ok(_) => {
                state.serve()?;
                // Who does not keep to the protocol is gone now.
                state.socket(socket).map(drop).ok_or(Errno::BADMSG)
            }
            Err(Errno::AGAIN) => Err(Errno::NOMSG),
            Err(errno) => Err(errno),
        }
    }

    /// Writes the descriptors to poll into `into`, as far as they fit: first the listening socket,
    /// then the clients'. Returns how many there are. From then on locks and releases make the
    /// clients' sockets readable.
    pub(crate) fn sockets(&self, into: &mut [RawFd]) -> usize {
        let host = self.state.lock();
        let mut state = host.borrow_mut();
        if !into.is_empty() {
            state.begin_own_loop();
        }
        let ipc = state.ipc.iter();
        let all = ipc.flat_map(|ipc| ipc.listener().into_iter().chain(ipc.sockets()));
        let mut into = into.iter_mut();
        let mut count = 0;
        for socket in all {
            count += 1;
            if let Some(place) = into.next() {
                *place = socket.as_raw_fd();
            }
        }
        count
    }
}

impl State {
    /// Admits clients and answers their messages, for at most [`ROUNDS`] rounds.
    pub(super) fn serve(&mut self) -> Result<(), Errno> {
        let ipc = self.ipc.as_mut().ok_or(Errno::SHUTDOWN)?;
        for _ in 0..ROUNDS {
            ipc.process().map_err(errno_of)?;
            let now = Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            };
            match poll(&mut [PollFd::new(&*ipc, PollFlags::IN)], Some(&now)) {
                Ok(1) => {}
                _ => break,
            }
        }
        if self.has_own_loop {
            // Again, because each client tells once per wait. Moves before it are read below.
            begin_signals(ipc);
            ipc.end_wait();
        }
        // Clients that have left do not count any more.
        self.moves = ipc.moves();
        self.is_expecting = ipc.is_expecting();
        Ok(())
    }

    fn is_listener(&self, number: RawFd) -> bool {
        let listener = self.ipc.as_ref().and_then(|ipc| ipc.listener());
        listener.is_some_and(|fd| fd.as_raw_fd() == number)
    }

    /// The client's socket of this number.
    fn socket(&self, number: RawFd) -> Option<BorrowedFd<'_>> {
        let mut sockets = self.ipc.as_ref()?.sockets();
        sockets.find(|socket| socket.as_raw_fd() == number)
    }
}

/// Timeout of `ms` milliseconds, `None` if negative. Kernels before 5.11 take an int of
/// milliseconds, so that 24 days are the maximum.
fn timeout(ms: i64) -> Option<Timespec> {
    let ms = u64::try_from(ms).ok()?.min(i32::MAX as u64);
    Some(Timespec {
        tv_sec: (ms / 1000) as _,
        tv_nsec: (ms % 1000 * 1_000_000) as _,
    })
}

/// The error for a number that is not a client's socket.
fn why_not(number: RawFd) -> Errno {
    if number < 0 {
        return Errno::BADF;
    }
    #[expect(unsafe_code, reason = "a number of the program's is asked after")]
    // SAFETY: not -1, and used for two calls, which refuse a number that is not open.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    match (fcntl_getfd(fd), socket_type(fd)) {
        (Err(errno), _) | (_, Err(errno)) => errno,
        _ => Errno::INVAL,
    }
}

/// The umask of this process.
pub(super) fn umask() -> u32 {
    // umask(2) would change it.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut lines = status.lines();
    let mask = lines.find_map(|line| line.strip_prefix("Umask:"));
    let mask = mask.and_then(|mask| u32::from_str_radix(mask.trim(), 8).ok());
    mask.unwrap_or(0o022)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_fit_the_int_of_old_kernels() {
        let ms = |ms| timeout(ms).map(|time| (time.tv_sec, time.tv_nsec));
        assert_eq!(ms(-1), None);
        assert_eq!(ms(i64::MIN), None);
        assert_eq!(ms(0), Some((0, 0)));
        assert_eq!(ms(1999), Some((1, 999_000_000)));
        assert_eq!(ms(i64::MAX), Some((2_147_483, 647_000_000)));
    }
}
