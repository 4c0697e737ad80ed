//! A client: waits for a host's frames, and locks them by an atomic word in shared memory.

#![expect(unsafe_code, reason = "a pointer of C goes from thread to thread")]

mod connection;
mod describe;
mod retry;
#[cfg(test)]
mod tests;
mod watch;

use std::ffi::{CStr, CString, c_void};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rustix::io::Errno;
use videostream::hal::Call;
use videostream::hal::time::{deadline_in, now_ns};
use videostream::ipc::address::Address;
use videostream::ipc::client::{PendingClient, Woken};
use videostream::ipc::{Advice, Error};
use videostream::share::BackOff;

use self::connection::Connection;
use self::retry::{Interrupt, Wakeup};
use self::watch::Watch;
use crate::boundary::explain;
use crate::error::errno_of;
use crate::frame::Frame;

/// Most frames that a client can have locked at once.
pub(crate) const MAX_LOCKS: u32 = 20;
/// Locks to ask for if the host cannot spare that many.
const FEWER_LOCKS: u32 = 4;
/// Default timeout for a frame, in seconds.
const TIMEOUT: f32 = 1.0;
/// How long a host may take from its first message to its welcome.
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
    /// Held by the thread that waits.
    session: Mutex<Session>,
    /// The connection, for threads that end it while another one waits.
    current: Mutex<Option<Arc<Connection>>>,
    is_disconnected: AtomicBool,
    /// Ends the wait for a host.
    interrupt: Interrupt,
    /// For programs that poll.
    watch: OnceLock<Watch>,
}

// SAFETY: everything but `userptr` may be used by any thread, and that is handed out and never
// followed.
unsafe impl Send for Client {}
// SAFETY: as above.
unsafe impl Sync for Client {}

/// State of the thread that waits.
#[derive(Debug)]
struct Session {
    pending: Option<PendingClient>,
    connection: Option<Arc<Connection>>,
    /// Serial of the last frame that was seen.
    after: u64,
    /// Pauses after connections that ended before a frame came.
    back_off: BackOff,
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
    /// Connects once or, with `reconnect`, until it succeeds.
    pub(crate) fn new(path: &CStr, userptr: *mut c_void, reconnect: bool) -> Result<Self, Errno> {
        let client = Self {
            path: path.to_owned(),
            address: Address::new(path.to_bytes()).map_err(errno_of)?,
            userptr,
            reconnect,
            timeout: AtomicU32::new(TIMEOUT.to_bits()),
            session: Mutex::new(Session {
                pending: None,
                connection: None,
                after: 0,
                back_off: retry::back_off(),
            }),
            current: Mutex::default(),
            is_disconnected: AtomicBool::new(false),
            interrupt: Interrupt::new()?,
            watch: OnceLock::new(),
        };
        let pending = match client.find_host() {
            Ok(pending) => pending,
            // A shortage in this process says nothing about the host.
            Err(
                error @ Error::Os {
                    errno: Errno::MFILE | Errno::NFILE | Errno::NOMEM,
                    ..
                },
            ) => {
                return Err(errno_of(error));
            }
            // One `errno` for all of these; the error text tells them apart.
            Err(error @ (Error::Os { .. } | Error::FolderLocked | Error::NotASocket)) => {
                return Err(explain(Errno::CONNREFUSED, error));
            }
            Err(error) => return Err(errno_of(error)),
        };
        client.session().pending = Some(pending);
        Ok(client)
    }

    pub(crate) fn path(&self) -> &CStr {
        &self.path
    }

    pub(crate) const fn userptr(&self) -> *mut c_void {
        self.userptr
    }

    /// Sets the timeout of later waits.
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

    fn session(&self) -> MutexGuard<'_, Session> {
        // After a panic every step is checked again: a connection works or does not.
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.interrupt.signal();
        if let Some(connection) = &*self.current() {
            connection.cut();
        }
        // A thread that holds the session hangs up itself.
        if let Ok(mut session) = self.session.try_lock() {
            session.pending = None;
        }
    }

    /// Waits for the next frame that was posted at `until` or later and has not expired.
    pub(crate) fn wait(&self, until: i64) -> Result<*mut Frame, Errno> {
        let mut session = self.session();
        let mut deadline = self.deadline();
        loop {
            if self.is_disconnected() {
                session.pending = None;
                return Err(Errno::SHUTDOWN);
            }
            match self.step(&mut session, until, deadline) {
                Ok(Some(frame)) => return Ok(frame.hand_out()),
                // Skipped: the full timeout again for the next frame.
                Ok(None) => deadline = self.deadline(),
                Err(Failure::Other(_)) if self.is_disconnected() => {}
                Err(Failure::Other(error)) => {
                    // A truncated message is lost, and with it a buffer that frames name: a new
                    // connection receives it again.
                    if matches!(
                        error,
                        Error::Os {
                            call: Call::Recvmsg,
                            ..
                        }
                    ) {
                        self.drop_connection(&mut session);
                    }
                    return Err(errno_of(error));
                }
                Err(Failure::Lost(error)) => {
                    let had = self.drop_connection(&mut session);
                    if self.is_disconnected() {
                        continue;
                    }
                    if !self.reconnect {
                        return Err(match had {
                            true => explain(Errno::CONNRESET, error),
                            false => errno_of(error),
                        });
                    }
                    // Neither a host that refuses clients nor one that accepts them and hangs up
                    // is asked again at once.
                    let due_ns = match had {
                        true => session.back_off.due_ns(),
                        false => deadline_in(retry::REFUSED_PAUSE_NS),
                    };
                    self.interrupt.wait_until(due_ns);
                    if had {
                        session.back_off.attempted(now_ns());
                    }
                    session.pending = Some(self.find_host().map_err(errno_of)?);
                    self.watch_all(&session)?;
                    deadline = self.deadline();
                }
            }
        }
    }

    /// Drops the connection, which frames may keep. Returns whether there was one.
    fn drop_connection(&self, session: &mut Session) -> bool {
        self.unwatch(session);
        self.current().take();
        session.connection.take().is_some()
    }

    /// Connects if need be, and waits for a frame; `None` for one that is skipped.
    fn step(
        &self,
        session: &mut Session,
        until: i64,
        deadline: u64,
    ) -> Result<Option<Frame>, Failure> {
        let connection = match &session.connection {
            Some(connection) => Arc::clone(connection),
            None => self.enter(session, deadline)?,
        };
        let ipc = connection.ipc();
        let mut has_waited = false;
        loop {
            let head = ipc.head();
            let Some(descriptor) = ipc.peek(session.after)? else {
                // Everything up to here is gone or was seen.
                session.after = session.after.max(head);
                // A host that sends messages without end, or announces frames that cannot be
                // held, must not delay the timeout.
                if has_waited && now_ns() >= deadline {
                    return Err(Failure::Other(Error::TimedOut));
                }
                has_waited = true;
                if !self.arm(session) {
                    continue;
                }
                if ipc.wait(session.after, deadline)? == Woken::Message {
                    connection.pump()?;
                }
                continue;
            };
            session.after = descriptor.serial;
            session.back_off.reset();
            if describe::is_skipped(&descriptor, until, now_ns()) {
                return Ok(None);
            }
            if descriptor.fence != 0 && !connection.complete(descriptor.fence, deadline)? {
                return Ok(None);
            }
            return match describe::frame(&connection, &descriptor) {
                Ok(frame) => Ok(Some(frame)),
                // The frame is gone meanwhile, and its memory with it.
                Err(Error::UnknownBuffer { .. }) => Ok(None),
                Err(error) => Err(Failure::Other(error)),
            };
        }
    }

    /// Waits for the host's welcome and connects.
    fn enter(&self, session: &mut Session, deadline: u64) -> Result<Arc<Connection>, Failure> {
        loop {
            let pending = match session.pending.take() {
                Some(pending) => pending,
                None => self.find_host()?,
            };
            match self.interrupt.wait_for(pending.socket_fd(), deadline) {
                Wakeup::Ready => {}
                Wakeup::TimedOut | Wakeup::Interrupted => {
                    session.pending = Some(pending);
                    let os = |errno| Error::Os {
                        call: Call::EpollCtl,
                        errno,
                    };
                    self.watch_all(session).map_err(os)?;
                    return Err(Failure::Other(Error::TimedOut));
                }
            }
            let asked = pending.config().hold;
            match Connection::new(pending, deadline_in(WELCOME_NS)) {
                Ok(connection) => {
                    session.after = connection.ipc().last_serial();
                    let connection = Arc::new(connection);
                    *self.current() = Some(Arc::clone(&connection));
                    session.connection = Some(Arc::clone(&connection));
                    let os = |errno| Error::Os {
                        call: Call::EpollCtl,
                        errno,
                    };
                    self.watch_all(session).map_err(os)?;
                    // A disconnect before `current` was set has not cut it.
                    if self.is_disconnected() {
                        connection.cut();
                    }
                    return Ok(connection);
                }
                Err(Error::Refused(videostream::ipc::Refusal::Hold { left, .. }))
                    if left < asked =>
                {
                    session.pending = Some(retry::connect(&self.address, left.min(FEWER_LOCKS))?);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Connects once or, with `reconnect`, with growing pauses until it succeeds or the program
    /// disconnects.
    fn find_host(&self) -> Result<PendingClient, Error> {
        let mut back_off = retry::back_off();
        let mut retries = retry::FULL_QUEUE_RETRIES;
        loop {
            if self.is_disconnected() {
                return Err(Error::Cancelled);
            }
            match retry::connect(&self.address, MAX_LOCKS) {
                Ok(pending) => return Ok(pending),
                // The host exists, and is busy.
                Err(Error::TimedOut) if retries > 0 => retries -= 1,
                Err(Error::TimedOut) if !self.reconnect => return Err(Error::NoHost),
                Err(error) if !self.reconnect => return Err(error),
                Err(_) => {}
            }
            back_off.attempted(now_ns());
            self.interrupt.wait_until(back_off.due_ns());
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Frames keep their connection.
        self.current().take();
    }
}
