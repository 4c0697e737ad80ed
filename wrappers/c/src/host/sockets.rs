//! The host's sockets, for a program that holds its own loop over them.

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use rustix::event::{PollFd, PollFlags, epoll, poll};
use rustix::io::{Errno, fcntl_getfd};
use rustix::net::{RecvFlags, recv, sockopt::socket_type};
use rustix::time::Timespec;
use videostream::hal::time::now_ns;

use super::wait::{Begun, have_clients_tell};
use super::{Host, ROUNDS, State};
use crate::error::errno_of;

/// Most descriptors that [`Host::poll`] counts.
const MOST_EVENTS: usize = 128;

impl Host {
    /// Waits `ms` milliseconds, for ever if negative: how many descriptors are ready.
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
        let _turn = self.take_turn()?;
        let served = {
            let mut state = self.state.borrow_mut();
            self.end_waits(&mut state);
            let served = state.serve();
            state.expire(now_ns());
            served
        };
        self.end_frames();
        served
    }

    /// Serves one client.
    pub(crate) fn service(&self, socket: RawFd) -> Result<(), Errno> {
        let _turn = self.take_turn()?;
        let mut state = self.state.borrow_mut();
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

    /// Puts the descriptors to poll into `into`, as far as they fit: first the listening socket,
    /// then the clients'. Gives how many there are. From then on clients tell of what they do, which
    /// makes their sockets readable.
    pub(crate) fn sockets(&self, into: &mut [RawFd]) -> usize {
        let _turn = self.turn.take(None);
        let mut state = self.state.borrow_mut();
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
    /// Lets in who knocks and answers who asks, until nobody does or it was often enough.
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
            // Anew, as each client tells once. What was done before is looked at next.
            have_clients_tell(ipc);
            ipc.end_wait();
        }
        // Who has left does not count any more.
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

/// `ms` milliseconds, none for a negative number. Of more than an int holds kernels before 5.11
/// know nothing: 24 days have to do.
fn timeout(ms: i64) -> Option<Timespec> {
    let ms = u64::try_from(ms).ok()?.min(i32::MAX as u64);
    Some(Timespec {
        tv_sec: (ms / 1000) as _,
        tv_nsec: (ms % 1000 * 1_000_000) as _,
    })
}

/// Why a number is no client's socket.
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

/// The permissions that new files of this process do not get.
pub(super) fn umask() -> u32 {
    // The call that tells would change it.
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
    fn no_wait_is_longer_than_old_kernels_can() {
        let ms = |ms| timeout(ms).map(|time| (time.tv_sec, time.tv_nsec));
        assert_eq!(ms(-1), None);
        assert_eq!(ms(i64::MIN), None);
        assert_eq!(ms(0), Some((0, 0)));
        assert_eq!(ms(1999), Some((1, 999_000_000)));
        assert_eq!(ms(i64::MAX), Some((2_147_483, 647_000_000)));
    }
}
