//! Waiting for clients: a host that polls is woken when one locks or releases a frame.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::io::Errno;
use videostream::ipc::host::{self as ipc, TellOf};

use super::{Host, State};

/// Result of beginning to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begun {
    /// Clients signal from now on: sleep, then end the wait.
    Waits,
    /// A client has locked or released a frame since the host was last processed.
    Moved,
    /// Another thread kept the host locked.
    Busy,
}

impl Host {
    /// Makes clients signal locks and releases, for a wait of `ms` milliseconds.
    pub(super) fn begin_wait(&self, ms: i64) -> Result<Begun, Errno> {
        let locked = match u64::try_from(ms) {
            Ok(ms) => self.state.try_lock_for(Duration::from_millis(ms)),
            Err(_) => Some(self.state.lock()),
        };
        locked.map_or(Ok(Begun::Busy), |host| host.borrow_mut().begin_wait())
    }

    /// Ends what began with [`Begun::Waits`].
    pub(super) fn end_wait(&self) {
        self.over.fetch_add(1, Ordering::Relaxed);
        // While another thread has the host the mark stays until the next `process`, which costs a
        // client one needless message.
        if let Some(host) = self.state.try_lock() {
            self.end_waits(&mut host.borrow_mut());
        }
    }

    /// Ends the waits that are over.
    pub(super) fn end_waits(&self, state: &mut State) {
        let over = self.over.swap(0, Ordering::Relaxed);
        if let Some(ipc) = &mut state.ipc {
            (0..over).for_each(|_| ipc.end_wait());
        }
    }
}

impl State {
    /// Makes clients signal locks and releases from now on: the program polls the sockets itself.
    pub(super) fn begin_own_loop(&mut self) {
        if let (false, Some(ipc)) = (self.has_own_loop, &mut self.ipc) {
            self.has_own_loop = true;
            begin_signals(ipc);
        }
    }

    fn begin_wait(&mut self) -> Result<Begun, Errno> {
        let ipc = self.ipc.as_mut().ok_or(Errno::SHUTDOWN)?;
        // Mark before the check, so that no move falls in between.
        begin_signals(ipc);
        let has_moved = ipc.moves() != self.moves;
        self.collect();
        if !has_moved && !self.table.has_finished() {
            return Ok(Begun::Waits);
        }
        if let Some(ipc) = &mut self.ipc {
            ipc.end_wait();
        }
        Ok(Begun::Moved)
    }
}

/// Makes clients signal locks and releases until the wait is ended; 2.x hosts are woken by both.
pub(super) fn begin_signals(ipc: &mut ipc::Host) {
    ipc.begin_wait(TellOf::HoldsAndReleases);
}

#[cfg(test)]
mod tests {
    use std::ffi::CString;
    use std::sync::Arc;
    use std::sync::mpsc::channel;
    use std::thread;

    use videostream::hal::time::now_ns;
    use videostream::{Client, Mode};

    use super::*;
    use crate::frame::{Frame, Shape};
    use crate::host::Timing;

    /// A test that gets there has failed.
    const WATCHDOG_MS: i64 = 60_000;

    /// A host of this name and a client of it that takes every frame.
    fn host_and_client(test: &str) -> (Arc<Host>, Client) {
        let name = format!("videostream-c-{test}-{}", std::process::id());
        let host = Host::new(&CString::new(name.clone()).unwrap()).unwrap();
        let connecting = thread::spawn(move || Client::builder(&name).mode(Mode::Every).connect());
        while !connecting.is_finished() {
            host.process().unwrap();
            thread::yield_now();
        }
        host.process().unwrap();
        (host, connecting.join().unwrap().unwrap())
    }

    /// Posts a new frame that expires after so many milliseconds.
    fn post(host: &Host, ms: u64) {
        let shape = Shape::new(16, 16, 0, u32::from_le_bytes(*b"RGBA")).unwrap();
        let mut frame = Frame::new(shape, std::ptr::null_mut(), None);
        frame.alloc(None).unwrap();
        let timing = Timing {
            expires: (now_ns() + ms * 1_000_000).cast_signed(),
            duration: 0,
            pts: 0,
            dts: 0,
        };
        let frame = frame.hand_out();
        // SAFETY: a frame of this test's, which is the host's from here on.
        unsafe { host.post(frame, timing) }.unwrap();
    }

    #[test]
    fn a_poll_ends_with_each_lock_and_release() {
        // Each frame lies in memory of its own, of which a host has 64.
        const ROUNDS: u32 = 50;
        let (host, mut client) = host_and_client("poll-moves");
        let (go, goes) = channel();
        let reader = thread::spawn(move || {
            for () in goes {
                let frame = client.next(Duration::from_secs(60)).unwrap();
                // While the host posts, sleeps, or is about to.
                thread::yield_now();
                drop(frame);
            }
        });
        for _ in 0..ROUNDS {
            go.send(()).unwrap();
            post(&host, 60_000);
            // No socket has anything: the client only touches shared memory.
            assert_eq!(host.poll(WATCHDOG_MS), Ok(1), "nobody wakes the host");
            host.process().unwrap();
        }
        drop(go);
        reader.join().unwrap();
        host.process().unwrap();
        assert_eq!(host.poll(1), Ok(0), "nothing is left to tell");
        host.close();
    }

    #[test]
    fn a_poll_ends_when_a_buffer_comes_back() {
        const LIFE_MS: u64 = 100;
        let (host, mut client) = host_and_client("poll-back");
        let ended = || host.state.lock().borrow().counts.ended;
        // On a machine that stalls one may expire before the client has it.
        let frame = loop {
            post(&host, LIFE_MS);
            if let Ok(frame) = client.next(Duration::ZERO) {
                break frame;
            }
        };
        let posted = host.state.lock().borrow().counts.posted;
        thread::sleep(Duration::from_millis(LIFE_MS));
        while ended() + 1 < posted {
            host.process().unwrap();
        }
        host.process().unwrap();
        assert_eq!(ended() + 1, posted, "a client holds the last");
        let reader = thread::spawn(move || drop(frame));
        while ended() < posted {
            // For ever, if nobody wakes it.
            assert_eq!(host.poll(-1), Ok(1));
            host.process().unwrap();
        }
        reader.join().unwrap();
        host.close();
    }
}
