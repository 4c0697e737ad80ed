//! The connection to a host, with reconnects.

use std::sync::Arc;
use std::time::Duration;

use videostream::hal::time::{deadline_in, now_ns};
use videostream::ipc::{Error as IpcError, Goodbye, Refusal};
use videostream::share::{ClientBuilder, Connector};
use videostream::{Client, Error, Frame};

use super::failure;
use super::flow::Flow;
use super::settings::{Frames, Settings, WhenFull};

/// How long a wait lasts that nothing can interrupt, in nanoseconds.
const SLICE_NS: u64 = 50_000_000;
/// How often to check the host while downstream holds all frames.
const HOST_LOOK: Duration = Duration::from_millis(500);
/// How long to wait before asking again a host without free buffers.
const PAUSE: Duration = Duration::from_millis(200);

/// How often a host may send a client away for a format change before it delivers a frame.
const MAX_SENT_AWAY: u32 = 20;

/// The connection to a host.
#[derive(Debug)]
pub(super) struct Link {
    settings: Settings,
    path: Arc<str>,
    /// Hold of the client, reduced to what the host can spare.
    hold: u32,
    /// Take every frame in order, whatever the settings say.
    every: bool,
    state: State,
    /// Number of the connection.
    number: u64,
    /// Last seen number of the client's restarts.
    client_restarts: u64,
    restarts: u64,
    /// How often the host sent this client away since the last frame.
    sent_away: u32,
    /// Downstream held all frames at some time since the last one.
    was_full: bool,
    /// Messages to the user, until they are posted.
    pub(super) notes: Vec<String>,
}

#[derive(Debug)]
enum State {
    Connecting {
        connector: Box<Connector>,
        deadline_ns: u64,
    },
    Connected(Box<Client>),
}

/// A received frame.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) frame: Frame,
    /// Number of the connection.
    pub(super) connection: u64,
    /// Downstream held all frames at some time since the previous one.
    pub(super) was_full: bool,
    /// No other frame can be taken before one is released.
    pub(super) is_last: bool,
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Next {
    Frame(Box<Arrival>),
    /// The host ended the stream.
    End,
    /// The element is flushing.
    Flushing,
}

impl Link {
    /// Begins to connect.
    pub(super) fn new(path: String, settings: Settings) -> Self {
        let hold = settings.client_hold();
        Self {
            state: connecting(settings.client(&path, hold, false), &settings),
            settings,
            path: path.into(),
            hold,
            every: false,
            number: 0,
            client_restarts: 0,
            restarts: 0,
            sent_away: 0,
            was_full: false,
            notes: Vec::new(),
        }
    }

    pub(super) fn path(&self) -> Arc<str> {
        self.path.clone()
    }

    /// Returns the number of frames that downstream can hold.
    pub(super) fn hold(&self) -> u32 {
        match self.settings.when_full {
            WhenFull::Copy => self.hold.saturating_sub(1),
            WhenFull::Drop => self.hold,
        }
    }

    /// Returns the number of reconnects.
    pub(super) fn restarts(&self) -> u64 {
        self.restarts
    }

    /// Returns the builder of a client of the same host.
    pub(super) fn client(&self) -> ClientBuilder {
        self.settings.client(&self.path, self.hold, self.every)
    }

    /// Takes every frame in order from now on, over a new connection if need be; `true` if it
    /// reconnects.
    pub(super) fn take_every(&mut self, flow: &Flow) -> bool {
        let is_new = !self.every && self.settings.frames != Frames::Every;
        if is_new {
            self.every = true;
            self.connect_again(flow);
        }
        is_new
    }

    /// Connects before the timeout, which starts when the link is created.
    ///
    /// # Errors
    /// The error message.
    pub(super) fn connect(&mut self, flow: &Flow) -> Result<(), gst::ErrorMessage> {
        while matches!(self.state, State::Connecting { .. }) {
            self.go_on_connecting(flow)?;
        }
        Ok(())
    }

    /// Waits for the next frame.
    ///
    /// # Errors
    /// The error message.
    pub(super) fn next(
        &mut self,
        flow: &Flow,
        is_flushing: impl Fn() -> bool,
    ) -> Result<Next, gst::ErrorMessage> {
        let flushes = flow.flushes();
        while !flow.is_over(flushes) && !is_flushing() {
            let State::Connected(client) = &mut self.state else {
                self.go_on_connecting(flow)?;
                continue;
            };
            let returned = flow.returned();
            // Short waits: the base class calls `unlock_stop` just before `create`, which can undo
            // the unlock of a pad that is being deactivated, so that only the pad shows the flush.
            // Nor does a cancel reach a client that is reconnecting.
            let deadline_ns = deadline_in(SLICE_NS);
            let error = match client.next_until(deadline_ns) {
                Ok(frame) => return Ok(Next::Frame(Box::new(self.arrived(frame, flow)))),
                Err(error) => error,
            };
            let error = match error.share() {
                Some(IpcError::HoldLimit { .. }) => {
                    self.was_full = true;
                    flow.wait_for_return(returned, HOST_LOOK);
                    // Receives messages of the host, such as its goodbye.
                    match client.parameters() {
                        Ok(_) => continue,
                        Err(error) => error,
                    }
                }
                _ => error,
            };
            if let Some(next) = self.failed(error, flow)? {
                return Ok(next);
            }
        }
        Ok(Next::Flushing)
    }

    fn arrived(&mut self, frame: Frame, flow: &Flow) -> Arrival {
        if let State::Connected(client) = &self.state
            && client.restarts() != self.client_restarts
        {
            let since = client.restarts() - self.client_restarts;
            self.client_restarts = client.restarts();
            self.restarts += since;
            self.number += 1;
            flow.set_reader(Some(client.reader()));
        }
        self.sent_away = 0;
        let is_last = match &self.state {
            State::Connected(client) => client.ipc().held() >= self.hold,
            State::Connecting { .. } => false,
        };
        Arrival {
            frame,
            connection: self.number,
            // It is the last one to hold, unless it is copied.
            was_full: std::mem::replace(
                &mut self.was_full,
                is_last && self.settings.when_full == WhenFull::Drop,
            ),
            is_last,
        }
    }

    /// Handles an error of a wait; `None` means to go on.
    fn failed(&mut self, error: Error, flow: &Flow) -> Result<Option<Next>, gst::ErrorMessage> {
        let Some(why) = error.share() else {
            return Err(failure::of_reading(&error));
        };
        match why {
            IpcError::Cancelled
            | IpcError::TimedOut
            | IpcError::UnknownBuffer { .. }
            | IpcError::FenceFailed { .. } => Ok(None),
            IpcError::Refused(Refusal::Hold { left, .. }) => {
                self.hold_fewer(*left, &error, flow)?;
                Ok(None)
            }
            // The client reconnects by itself.
            _ if self.settings.reconnect && error.is_worth_reconnecting() => Ok(None),
            // Limited, as a broken host might say so for ever.
            IpcError::Goodbye(Goodbye::FormatChange) if self.sent_away < MAX_SENT_AWAY => {
                if self.sent_away > 0 {
                    flow.pause(PAUSE);
                }
                self.sent_away += 1;
                self.restarts += 1;
                self.connect_again(flow);
                Ok(None)
            }
            IpcError::Goodbye(Goodbye::Closing) => Ok(Some(Next::End)),
            _ => Err(failure::of_reading(&error)),
        }
    }

    fn connect_again(&mut self, flow: &Flow) {
        flow.set_reader(None);
        let client = self.client();
        self.state = connecting(client, &self.settings);
    }

    /// Continues connecting for a moment.
    fn go_on_connecting(&mut self, flow: &Flow) -> Result<(), gst::ErrorMessage> {
        let State::Connecting {
            connector,
            deadline_ns,
        } = &mut self.state
        else {
            return Ok(());
        };
        let deadline_ns = *deadline_ns;
        let error = match connector.connect_until(deadline_in(SLICE_NS).min(deadline_ns)) {
            Ok(client) => {
                flow.set_reader(Some(client.reader()));
                self.number += 1;
                self.client_restarts = client.restarts();
                self.state = State::Connected(Box::new(client));
                return Ok(());
            }
            Err(error) => error,
        };
        if let Some(IpcError::Refused(Refusal::Hold { left, .. })) = error.share() {
            return self.hold_fewer(*left, &error, flow);
        }
        let goes_on = match self.settings.reconnect {
            true => error.is_timeout() || error.is_worth_reconnecting(),
            false => error.is_timeout() && now_ns() < deadline_ns,
        };
        match goes_on {
            true => Ok(()),
            false => {
                let timeout = self.settings.timeout();
                Err(failure::of_connecting(&self.path, &error, timeout))
            }
        }
    }

    /// Reconnects with a hold that the host can spare.
    fn hold_fewer(
        &mut self,
        left: u32,
        error: &Error,
        flow: &Flow,
    ) -> Result<(), gst::ErrorMessage> {
        if left == 0 {
            if !self.settings.reconnect {
                let timeout = self.settings.timeout();
                return Err(failure::of_connecting(&self.path, error, timeout));
            }
            // Wait for another reader to leave.
            flow.pause(PAUSE);
        } else if left < self.hold {
            let before = self.hold();
            // Leave some for other readers.
            self.hold = left.div_ceil(2);
            let beyond = match self.settings.when_full {
                WhenFull::Copy => "copied",
                WhenFull::Drop => "dropped",
            };
            self.notes.push(format!(
                "{}: the host has only {left} free frames: this pipeline holds {} at once instead \
                 of {before}, and \
                 frames beyond that are {beyond}; lower hold, or give the host more buffers",
                self.path,
                self.hold(),
            ));
        }
        self.connect_again(flow);
        Ok(())
    }
}

fn connecting(client: ClientBuilder, settings: &Settings) -> State {
    let timeout_ns = u64::try_from(settings.timeout().as_nanos()).unwrap_or(u64::MAX);
    State::Connecting {
        connector: Box::new(client.connector()),
        deadline_ns: match settings.reconnect {
            true => u64::MAX,
            false => deadline_in(timeout_ns),
        },
    }
}
