//! One thread's place in a stream.

use std::sync::Arc;
use std::time::Duration;

use videostream_hal::time::{deadline_in, now_ns};
use videostream_ipc as ipc;
use videostream_ipc::client::{HeldFrame, Quiet};

use super::client::nanoseconds;
use super::connection::Connection;
use super::frame::{Frame, Since};
use crate::Result;

/// Most frames in a row that a wait passes by because a buffer or fence of theirs has not come.
const MAX_PASSED: u32 = 16;

/// Most looks in a row at a ring that has something newer each time and nothing to hold: a host that announces
/// without end must not hold an event loop up.
pub(super) const MAX_LOOKS: u32 = 64;

/// Whether what the host sends has not come that far: the next frame may be fine.
fn is_late(error: &crate::Error) -> bool {
    matches!(error.share(), Some(ipc::Error::UnknownBuffer(_)))
}

/// One thread's place in a stream, made by [`Client::reader`](super::Client::reader). It ends
/// with its connection: only the client itself reconnects.
#[derive(Clone, Debug)]
pub struct Reader {
    connection: Arc<Connection>,
    last: u64,
    restarted: bool,
    /// Frames that this reader could not use since the last one that it got.
    passed: u64,
    /// Format, width and height of the last frame.
    format: Option<(u32, u32, u32)>,
    quiet: Quiet,
    /// Another mode than that of the connection.
    mode: Option<ipc::Mode>,
}

impl Reader {
    pub(super) fn new(connection: Arc<Connection>) -> Self {
        Self {
            connection,
            last: 0,
            restarted: false,
            passed: 0,
            format: None,
            quiet: Quiet::default(),
            mode: None,
        }
    }

    /// Goes on at another host.
    pub(super) fn move_to(&mut self, connection: Arc<Connection>) {
        *self = Self {
            connection,
            last: 0,
            restarted: true,
            passed: 0,
            format: self.format,
            quiet: Quiet::default(),
            mode: self.mode,
        };
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The connection without its waiting and mapping: for event loops.
    #[must_use]
    pub fn ipc(&self) -> &ipc::client::Client {
        self.connection.ipc()
    }

    /// The last serial that this reader has had; 0 before the first.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Goes on behind this serial, or before frames that are already past.
    pub fn seek(&mut self, serial: u64) {
        self.last = serial;
    }

    /// Which frames from now on: the newest at each call, or every one in order; `None` for the mode of
    /// the connection, which is the one that a host counts by.
    pub fn set_mode(&mut self, mode: Option<ipc::Mode>) {
        self.mode = mode;
    }

    /// Ends this connection's waits in every thread, now and from now on, with an error
    /// that says so. For [`Reader`]s that are to stop.
    pub fn cancel(&self) {
        self.connection.ipc().cancel();
    }

    /// A frame newer than the last one, if there is one. Never waits.
    ///
    /// # Errors
    /// [`Error::Share`](crate::Error::Share) with `HoldLimit` while as many frames as agreed
    /// are alive; with `UnknownBuffer` when a buffer or fence of this frame has not come, as may
    /// happen to who has not looked for a while: try again; for a host that is gone or lies. A host that
    /// closes is noticed at once, one that is killed 50 ms after the first call that finds nothing.
    pub fn try_next(&mut self) -> Result<Option<Frame>> {
        let mut frame = None;
        self.take(&mut frame)?;
        if frame.is_none() && self.quiet.is_pump_due(self.connection.ipc()) {
            return self.look_at_host();
        }
        Ok(frame)
    }

    /// Takes in what the host has sent, its end too. What it published before comes first.
    #[cold]
    fn look_at_host(&mut self) -> Result<Option<Frame>> {
        let is_closed = self.connection.ipc().ring().0.is_closed();
        let told = self.connection.pump();
        let mut frame = None;
        self.take(&mut frame)?;
        if frame.is_some() {
            return Ok(frame);
        }
        told?;
        match is_closed {
            // Its goodbye is on its way, or kept back.
            true => {
                let why = ipc::Error::Goodbye(ipc::Goodbye::Closing);
                Err(self.connection.error(why))
            }
            false => Ok(None),
        }
    }

    /// Puts a frame newer than the last one into `frame`, which is empty, if there is one. A frame is some 350
    /// bytes: it is made where it stays.
    fn take(&mut self, frame: &mut Option<Frame>) -> Result<()> {
        let ipc = self.connection.ipc();
        let held = match ipc.hold_by(self.mode.unwrap_or(ipc.config().mode), self.last) {
            Ok(Some(held)) => held,
            Ok(None) => return Ok(()),
            Err(ipc::Error::ThrownOut) => {
                // The reason is in the socket, unless that was full.
                self.connection.pump()?;
                return Err(self.connection.error(ipc::Error::ThrownOut));
            }
            Err(why) => return Err(self.connection.error(why)),
        };
        self.quiet.end();
        let HeldFrame {
            slot,
            descriptor,
            missed,
        } = held;
        // Before the first frame nothing was missed.
        let missed = if self.last == 0 { 0 } else { missed };
        let missed = self.passed + missed;
        self.last = descriptor.serial;
        // Unless the frame turns out whole.
        self.passed = missed + 1;
        let format = (descriptor.fourcc, descriptor.width, descriptor.height);
        let since = Since {
            missed,
            restarted: self.restarted,
            new_format: self.format.is_some_and(|before| before != format),
        };
        let connection = Arc::clone(&self.connection);
        Frame::put(frame, connection, (slot, descriptor), since)?;
        (self.passed, self.restarted, self.format) = (0, false, Some(format));
        Ok(())
    }

    /// The same of frames whose buffers and fence are here: others are passed by, but not without end.
    fn take_whole(&mut self, frame: &mut Option<Frame>) -> Result<()> {
        for _ in 0..MAX_PASSED {
            match self.take(frame) {
                Err(e) if is_late(&e) => {}
                result => return result,
            }
        }
        self.take(frame)
    }

    /// See [`Client::poll_next`](super::Client::poll_next).
    pub(super) fn poll_next(&mut self) -> Result<Option<Frame>> {
        let mut frame = None;
        for _ in 0..MAX_LOOKS {
            let seen = self.connection.ipc().head();
            self.take_whole(&mut frame)?;
            if frame.is_some() {
                break;
            }
            // What was published before a goodbye comes before it.
            self.connection.pump()?;
            if self.connection.ipc().arm(self.last.max(seen)) {
                break;
            }
        }
        // Without a frame it is armed in any case: the next one makes the client readable.
        Ok(frame)
    }

    /// The next frame, waiting for at most `timeout`.
    ///
    /// # Errors
    /// A timeout, a host that is gone, a cancelled wait, and those of [`Reader::try_next`].
    pub fn next(&mut self, timeout: Duration) -> Result<Frame> {
        self.next_until(deadline_in(nanoseconds(timeout)))
    }

    /// The next frame, waiting until `deadline_ns` of `CLOCK_MONOTONIC`; `u64::MAX` is for ever.
    ///
    /// # Errors
    /// As [`Reader::next`].
    pub fn next_until(&mut self, deadline_ns: u64) -> Result<Frame> {
        let mut waited = false;
        let mut frame = None;
        loop {
            // If nothing up to here can be held, it has expired for good: waiting for something
            // newer than the last frame would end at once, again and again.
            let seen = self.connection.ipc().head();
            self.take_whole(&mut frame)?;
            if let Some(frame) = frame {
                return Ok(frame);
            }
            // A host that announces frame after frame and gives none does not hold this up.
            if waited && now_ns() >= deadline_ns {
                return Err(self.connection.error(ipc::Error::TimedOut));
            }
            self.connection.wait(self.last.max(seen), deadline_ns)?;
            waited = true;
        }
    }

    /// The first frame taken after `timestamp_ns` (sensor time, `CLOCK_MONOTONIC`).
    ///
    /// # Errors
    /// As [`Reader::next`].
    pub fn next_after(&mut self, timestamp_ns: u64, deadline_ns: u64) -> Result<Frame> {
        loop {
            let frame = self.next_until(deadline_ns)?;
            if frame.timestamp_ns() > timestamp_ns {
                return Ok(frame);
            }
            // A host whose frames are all too old does not hold this up.
            if now_ns() >= deadline_ns {
                return Err(self.connection.error(ipc::Error::TimedOut));
            }
        }
    }
}
