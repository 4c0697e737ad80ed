//! A client: waits for the frames of a host, which it locks by a word in shared memory.

#![expect(unsafe_code, reason = "a pointer of C goes from thread to thread")]

mod connection;
mod describe;
mod line;
mod received;
#[cfg(test)]
mod tests;
mod watch;

use std::ffi::{CStr, CString, c_void};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rustix::io::Errno;
use videostream::hal::time::{deadline_in, now_ns};
use videostream::ipc::address::Address;
use videostream::ipc::client::{Knock, Woken};
use videostream::ipc::{Advice, Error};

use self::connection::Connection;
pub(crate) use self::connection::Origin;
use self::line::{Bell, Rung};
pub(crate) use self::received::Received;
use self::watch::Watch;
use crate::boundary::explain;
use crate::error::errno_of;
use crate::frame::Frame;

/// Frames that a client may hold locked at once.
pub(crate) const MAX_LOCKS: u32 = 20;
/// As many as it asks for of a host that cannot spare those.
const FEWER_LOCKS: u32 = 4;
/// How long to wait for a frame, in seconds, unless the program says otherwise.
const TIMEOUT: f32 = 1.0;
/// How long a host may take between its first message and its welcome.
const WELCOME_NS: u64 = 5_000_000_000;

/// `VSLClient`.
#[derive(Debug)]
pub struct Client {
    path: CString,
    address: Address,
    userptr: *mut c_void,
    reconnect: bool,
    /// Seconds, as the bits of a float.
    timeout: AtomicU32,
    /// One thread at a time waits.
    turn: Mutex<Turn>,
    /// The connection, for those who end it while another thread waits.
    current: Mutex<Option<Arc<Connection>>>,
    is_disconnected: AtomicBool,
    /// Wakes who waits for a host.
    bell: Bell,
    /// For a program that polls.
    watch: OnceLock<Watch>,
}

// SAFETY: everything but `userptr` may be used by any thread, and that is handed out and never
// followed.
unsafe impl Send for Client {}
// SAFETY: as above.
unsafe impl Sync for Client {}

/// What the thread that waits knows.
#[derive(Debug, Default)]
struct Turn {
    knock: Option<Knock>,
    connection: Option<Arc<Connection>>,
    /// Serial of the last frame that was looked at.
    after: u64,
    /// Connections in a row that have ended before a frame came.
    fruitless: usize,
}

/// Why there is no frame.
#[derive(Debug)]
enum Failure {
    /// The host is gone, or has ended the connection.
    Lost(Error),
    Other(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.advice() {
            Advice::Reconnect => Self::Lost(error),
            Advice::Retry | Advice::GiveUp => Self::Other(error),
        }
    }
}

impl Client {
    /// Connects: once or, with `reconnect`, until it works.
    pub(crate) fn new(path: &CStr, userptr: *mut c_void, reconnect: bool) -> Result<Self, Errno> {
        let client = Self {
            path: path.to_owned(),
            address: Address::new(path.to_bytes()).map_err(errno_of)?,
            userptr,
            reconnect,
            timeout: AtomicU32::new(TIMEOUT.to_bits()),
            turn: Mutex::default(),
            current: Mutex::default(),
            is_disconnected: AtomicBool::new(false),
            bell: Bell::new()?,
            watch: OnceLock::new(),
        };
        let knock = match client.find_host() {
            Ok(knock) => knock,
            // This process is short of something, whoever is at the other end.
            Err(error @ Error::Os(_, Errno::MFILE | Errno::NFILE | Errno::NOMEM)) => {
                return Err(errno_of(error));
            }
            // One `errno` for all of these; the words tell which it is.
            Err(error @ (Error::Os(..) | Error::NotASocket)) => {
                return Err(explain(Errno::CONNREFUSED, error));
            }
            Err(error) => return Err(errno_of(error)),
        };
        client.turn().knock = Some(knock);
        Ok(client)
    }

    pub(crate) fn path(&self) -> &CStr {
        &self.path
    }

    pub(crate) const fn userptr(&self) -> *mut c_void {
        self.userptr
    }

    /// For waits from the next one on.
    pub(crate) fn set_timeout(&self, seconds: f32) {
        let seconds = if seconds >= 0.0 { seconds } else { TIMEOUT };
        self.timeout.store(seconds.to_bits(), Ordering::Relaxed);
    }

    fn deadline(&self) -> u64 {
        let seconds = f32::from_bits(self.timeout.load(Ordering::Relaxed));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not negative, and the conversion saturates"
        )]
        let nanoseconds = (f64::from(seconds) * 1e9) as u64;
        deadline_in(nanoseconds)
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        // What a panic left is checked again: a connection works or does not.
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn current(&self) -> MutexGuard<'_, Option<Arc<Connection>>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_disconnected(&self) -> bool {
        self.is_disconnected.load(Ordering::SeqCst)
    }

    /// Ends the connection for good, from any thread.
    pub(crate) fn disconnect(&self) {
        self.is_disconnected.store(true, Ordering::SeqCst);
        self.bell.ring();
        if let Some(connection) = &*self.current() {
            connection.cut();
        }
        // Whoever has the turn hangs up itself.
        if let Ok(mut turn) = self.turn.try_lock() {
            turn.knock = None;
        }
    }

    /// The next frame that was posted at `until` or later and has not expired.
    pub(crate) fn wait(&self, until: i64) -> Result<*mut Frame, Errno> {
        let mut turn = self.turn();
        let mut deadline = self.deadline();
        loop {
            if self.is_disconnected() {
                turn.knock = None;
                return Err(Errno::SHUTDOWN);
            }
            match self.step(&mut turn, until, deadline) {
                Ok(Some(frame)) => return Ok(frame.hand_out()),
                // Passed over: as long again for the next.
                Ok(None) => deadline = self.deadline(),
                Err(Failure::Other(_)) if self.is_disconnected() => {}
                Err(Failure::Other(error)) => {
                    // A message that did not come whole is lost, and with it memory that frames
                    // name: a new connection gets it again.
                    if matches!(error, Error::Os("recvmsg", _)) {
                        self.leave(&mut turn);
                    }
                    return Err(errno_of(error));
                }
                Err(Failure::Lost(error)) => {
                    let had = self.leave(&mut turn);
                    if self.is_disconnected() {
                        continue;
                    }
                    if !self.reconnect {
                        return Err(match had {
                            true => explain(Errno::CONNRESET, error),
                            false => errno_of(error),
                        });
                    }
                    // A host that does not let anybody in is asked again, not at once; neither is
                    // one that lets in and hangs up, again and again.
                    let pause = match turn.fruitless {
                        _ if !had => line::PAUSE_NS,
                        0 => 0,
                        n => line::pauses().nth(n - 1).unwrap_or(line::PAUSE_NS),
                    };
                    turn.fruitless += usize::from(had);
                    self.bell.wait(pause);
                    turn.knock = Some(self.find_host().map_err(errno_of)?);
                    self.watch_all(&turn)?;
                    deadline = self.deadline();
                }
            }
        }
    }

    /// Gives the connection up, which frames may keep; whether there was one.
    fn leave(&self, turn: &mut Turn) -> bool {
        self.watch_no_more(turn);
        self.current().take();
        turn.connection.take().is_some()
    }

    /// Connects if need be, and looks for a frame; `None` for one that is passed over.
    fn step(&self, turn: &mut Turn, until: i64, deadline: u64) -> Result<Option<Frame>, Failure> {
        let connection = match &turn.connection {
            Some(connection) => Arc::clone(connection),
            None => self.go_in(turn, deadline)?,
        };
        let ipc = connection.ipc();
        let mut has_waited = false;
        loop {
            let head = ipc.head();
            let Some(descriptor) = ipc.peek(turn.after)? else {
                // What is not newer than this is gone or was looked at.
                turn.after = turn.after.max(head);
                // A host that talks without end, or announces frames that are none, does not hold
                // this up.
                if has_waited && now_ns() >= deadline {
                    return Err(Failure::Other(Error::TimedOut));
                }
                has_waited = true;
                if !self.arm(turn) {
                    continue;
                }
                if ipc.wait(turn.after, deadline)? == Woken::Message {
                    connection.pump()?;
                }
                continue;
            };
            turn.after = descriptor.serial;
            turn.fruitless = 0;
            if describe::is_passed_over(&descriptor, until, now_ns()) {
                return Ok(None);
            }
            if descriptor.fence != 0 && !connection.complete(descriptor.fence, deadline)? {
                return Ok(None);
            }
            return match describe::frame(&connection, &descriptor) {
                Ok(frame) => Ok(Some(frame)),
                // Gone meanwhile, with its memory.
                Err(Error::UnknownBuffer(_)) => Ok(None),
                Err(error) => Err(Failure::Other(error)),
            };
        }
    }

    /// Waits for the host's welcome.
    fn go_in(&self, turn: &mut Turn, deadline: u64) -> Result<Arc<Connection>, Failure> {
        loop {
            let knock = match turn.knock.take() {
                Some(knock) => knock,
                None => self.find_host()?,
            };
            match self.bell.wait_for(knock.socket_fd(), deadline) {
                Rung::Ready => {}
                Rung::TimedOut | Rung::Bell => {
                    turn.knock = Some(knock);
                    let os = |errno| Error::Os("epoll_ctl", errno);
                    self.watch_all(turn).map_err(os)?;
                    return Err(Failure::Other(Error::TimedOut));
                }
            }
            let asked = knock.config().hold;
            match Connection::new(knock, deadline_in(WELCOME_NS)) {
                Ok(connection) => {
                    turn.after = connection.ipc().last_serial();
                    let connection = Arc::new(connection);
                    *self.current() = Some(Arc::clone(&connection));
                    turn.connection = Some(Arc::clone(&connection));
                    let os = |errno| Error::Os("epoll_ctl", errno);
                    self.watch_all(turn).map_err(os)?;
                    // Whoever disconnected before that line has not found it.
                    if self.is_disconnected() {
                        connection.cut();
                    }
                    return Ok(connection);
                }
                Err(Error::Refused(videostream::ipc::Refusal::Hold(_, left))) if left < asked => {
                    turn.knock = Some(line::knock(&self.address, left.min(FEWER_LOCKS))?);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Connects: once or, with `reconnect`, with growing pauses until it works or the program
    /// disconnects.
    fn find_host(&self) -> Result<Knock, Error> {
        let mut pauses = line::pauses();
        let mut patience = line::PATIENCE;
        loop {
            if self.is_disconnected() {
                return Err(Error::Cancelled);
            }
            match line::knock(&self.address, MAX_LOCKS) {
                Ok(knock) => return Ok(knock),
                // The host is there, and has much to do.
                Err(Error::TimedOut) if patience > 0 => patience -= 1,
                Err(Error::TimedOut) if !self.reconnect => return Err(Error::NoHost),
                Err(error) if !self.reconnect => return Err(error),
                Err(_) => {}
            }
            self.bell.wait(pauses.next().unwrap_or(line::PAUSE_NS));
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Frames keep their connection; nobody waits on it any more.
        self.current().take();
    }
}
