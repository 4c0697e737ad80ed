//! Connecting over as many calls as it takes.

use std::os::fd::BorrowedFd;

use videostream_hal::time::now_ns;

use super::back_off::BackOff;
use super::client::{Client, ClientBuilder};
use super::connection::{Connection, Pending};
use crate::Result;

/// Connects to a host over as many calls as it takes; made by [`ClientBuilder::connector`].
///
/// A connection that the host has not answered when a call's time is over is kept for the next call. A host
/// that answers more slowly than its client looks would never be reached otherwise.
///
/// ```no_run
/// use videostream::{Client, hal::time::deadline_in};
///
/// # fn main() -> videostream::Result<()> {
/// let mut connector = Client::builder("/run/camera").reconnect(true).connector();
/// let client = loop {
///     match connector.connect_until(deadline_in(100_000_000)) {
///         Ok(client) => break client,
///         Err(error) if error.is_timeout() || error.is_worth_reconnecting() => {} // something else
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
            back_off: BackOff::new(),
        }
    }

    pub(super) fn builder(&self) -> &ClientBuilder {
        &self.builder
    }

    /// Connects until `deadline_ns` of `CLOCK_MONOTONIC`; `u64::MAX` is for ever. After a timeout the next
    /// call goes on with the same connection.
    ///
    /// # Errors
    /// Those of [`ClientBuilder::connect`], whose timeout does not count here.
    pub fn connect_until(&mut self, deadline_ns: u64) -> Result<Client> {
        let connection = self.connection_until(deadline_ns)?;
        let connector = Self {
            builder: self.builder.clone(),
            pending: None,
            back_off: self.back_off,
        };
        Ok(Client::new(connection, connector))
    }

    /// Readable when the host has answered the connection on its way; `None` without one. For
    /// event loops: another call with a deadline that has passed takes the answer in.
    #[must_use]
    pub fn pending_fd(&self) -> Option<BorrowedFd<'_>> {
        self.pending.as_ref().map(Pending::socket_fd)
    }

    /// When the next attempt is due, by `CLOCK_MONOTONIC`; 0 is at once.
    #[must_use]
    pub fn due_ns(&self) -> u64 {
        self.back_off.due_ns()
    }

    /// A frame has come: the next attempt is due at once.
    #[inline]
    pub(super) fn succeeded(&mut self) {
        self.back_off.reset();
    }

    /// Sleeps until the next attempt is due. `false`: it is not before the deadline.
    pub(super) fn is_due(&self, deadline_ns: u64) -> bool {
        self.pending.is_some() || self.back_off.wait(deadline_ns)
    }

    /// Connects once or, with [`ClientBuilder::reconnect`], until it works or the deadline passes.
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

    /// Goes on with the connection at hand, or begins one. It stays if the host has not answered.
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
