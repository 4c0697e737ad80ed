//! Connecting over several calls.

use std::os::fd::BorrowedFd;

use videostream_hal::time::now_ns;

use super::client::{Client, ClientBuilder};
use super::connection::{Connection, Pending};
use crate::Result;
use crate::back_off::BackOff;

/// Growing pauses between attempts.
const PAUSES_NS: [u64; 7] = [
    5_000_000,
    10_000_000,
    20_000_000,
    40_000_000,
    80_000_000,
    160_000_000,
    200_000_000,
];

/// Connects to a host over several calls; made by [`ClientBuilder::connector`].
///
/// A connection that the host has not answered by the deadline is kept for the next call. Otherwise
/// a host that answers more slowly than the client's time-out would never be reached.
///
/// ```no_run
/// use videostream::{Client, hal::time::deadline_in};
///
/// # fn main() -> videostream::Result<()> {
/// let mut connector = Client::builder("/run/camera").reconnect(true).connector();
/// let client = loop {
///     match connector.connect_until(deadline_in(100_000_000)) {
///         Ok(client) => break client,
///         Err(error) if error.is_timeout() || error.is_worth_reconnecting() => {} // other work
///         Err(error) => return Err(error),
///     }
/// };
/// # drop(client);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Connector {
    builder: ClientBuilder,
    pending: Option<Pending>,
    back_off: BackOff,
}

impl Connector {
    pub(super) fn new(builder: ClientBuilder) -> Self {
        Self {
            builder,
            pending: None,
            back_off: BackOff::new(&PAUSES_NS),
        }
    }

    pub(super) fn builder(&self) -> &ClientBuilder {
        &self.builder
    }

    /// Tries to connect until `deadline_ns` of `CLOCK_MONOTONIC`; `u64::MAX` waits forever. After a
    /// time-out the next call continues with the same connection.
    ///
    /// # Errors
    /// Those of [`ClientBuilder::connect`]; its time-out does not apply here.
    pub fn connect_until(&mut self, deadline_ns: u64) -> Result<Client> {
        let connection = self.connection_until(deadline_ns)?;
        let connector = Self {
            builder: self.builder.clone(),
            pending: None,
            back_off: self.back_off,
        };
        Ok(Client::new(connection, connector))
    }

    /// Returns a file descriptor that is readable when the host has answered a pending connection;
    /// `None` without one. For event loops: call again with a deadline in the past to use the
    /// answer.
    #[must_use]
    pub fn pending_fd(&self) -> Option<BorrowedFd<'_>> {
        self.pending.as_ref().map(Pending::socket_fd)
    }

    /// Returns when the next attempt is due, by `CLOCK_MONOTONIC`; 0 means at once.
    #[must_use]
    pub fn due_ns(&self) -> u64 {
        self.back_off.due_ns()
    }

    /// Records that a frame has arrived: the next attempt is due at once.
    #[inline]
    pub(super) fn succeeded(&mut self) {
        self.back_off.reset();
    }

    /// Sleeps until the next attempt is due. Returns `false` if the deadline comes first.
    pub(super) fn is_due(&self, deadline_ns: u64) -> bool {
        self.pending.is_some() || self.back_off.wait(deadline_ns)
    }

    /// Connects once or, with [`ClientBuilder::reconnect`], retries until the deadline.
    pub(super) fn connection_until(&mut self, deadline_ns: u64) -> Result<Connection> {
        loop {
            let attempt = self.attempt(deadline_ns);
            if self.pending.is_none() {
                self.back_off.attempted(now_ns());
            }
            let error = match attempt {
                Ok(connection) => return Ok(connection),
                Err(error) => error,
            };
            let again =
                self.builder.reconnects() && (error.is_worth_reconnecting() || error.is_timeout());
            if self.pending.is_some() || !again || !self.back_off.wait(deadline_ns) {
                return Err(error);
            }
        }
    }

    /// Continues a pending connection, or begins one. It stays pending until the host answers.
    fn attempt(&mut self, deadline_ns: u64) -> Result<Connection> {
        let pending = match self.pending.take() {
            Some(pending) => pending,
            None => self.builder.begin()?,
        };
        match pending.answer(deadline_ns) {
            Ok(welcome) => pending.enter(welcome),
            Err(error) => {
                if error.is_timeout() {
                    self.pending = Some(pending);
                }
                Err(error)
            }
        }
    }
}
