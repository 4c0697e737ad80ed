//! The connection of a client: on its way, made, or lost.

use parking_lot::Mutex;
use videostream::Result;
use videostream::ipc::Error as IpcError;
use videostream::ipc::wire::Refusal;
use videostream::share::{self, ClientBuilder, Connector, Reader};

use crate::events::Events;

use std::os::fd::AsFd;

/// Default number of frames that a client holds: the one in the loop's variable, and the next one,
/// which is fetched meanwhile.
pub(super) const DEFAULT_HOLD: u32 = 2;

/// What belongs to the process that created the client.
pub(super) struct Inner {
    /// Locked by a thread while it waits for a frame; threads take turns.
    pub(super) state: Mutex<State>,
    /// State of the connection, for calls that must not block behind a wait.
    pub(super) link: Mutex<Link>,
    pub(super) events: Events,
}

/// State of the connection.
pub(super) struct Link {
    /// A reader of the connection, while it is connected.
    pub(super) reader: Option<Reader>,
    pub(super) hold: u32,
    pub(super) restarts: u64,
}

/// State of a client.
pub(super) enum State {
    /// The host has not answered.
    Connecting(Box<Attempt>),
    Connected(Box<Connection>),
    Closed,
}

/// An attachment to a host.
pub(super) struct Connection {
    pub(super) client: share::Client,
    /// The host is gone, and the client waits for a new one.
    pub(super) is_away: bool,
}

/// A connection that is being made.
pub(super) struct Attempt {
    pub(super) connector: Connector,
    pub(super) builder: ClientBuilder,
    pub(super) hold: u32,
    /// Whether a smaller hold is acceptable.
    pub(super) takes_fewer: bool,
}

impl Attempt {
    pub(super) fn new(builder: ClientBuilder, hold: Option<u32>) -> Self {
        let takes_fewer = hold.is_none();
        let hold = hold.unwrap_or(DEFAULT_HOLD);
        Self {
            connector: builder.clone().hold(hold).connector(),
            builder,
            hold,
            takes_fewer,
        }
    }

    /// Connects until the deadline, with a smaller hold if the host can't spare enough frames.
    pub(super) fn connect_until(&mut self, deadline_ns: u64) -> Result<share::Client> {
        loop {
            let error = match self.connector.connect_until(deadline_ns) {
                Ok(client) => return Ok(client),
                Err(error) => error,
            };
            let left = match error.share() {
                Some(IpcError::Refused(Refusal::Hold { left, .. })) => *left,
                _ => return Err(error),
            };
            if !self.takes_fewer || left == 0 || left >= self.hold {
                return Err(error);
            }
            self.hold = left;
            self.connector = self.builder.clone().hold(left).connector();
        }
    }
}

impl State {
    /// Has `events` watch what the client waits for next.
    pub(super) fn watch(&self, events: &Events) -> Result<()> {
        let connector = match self {
            Self::Connecting(attempt) => &attempt.connector,
            Self::Connected(connection) if connection.is_away => connection.client.connector(),
            Self::Connected(connection) => return events.watch(connection.client.as_fd()),
            Self::Closed => return Ok(()),
        };
        match connector.pending_fd() {
            Some(fd) => events.watch(fd),
            None => {
                events.wake_at(connector.due_ns());
                Ok(())
            }
        }
    }
}
