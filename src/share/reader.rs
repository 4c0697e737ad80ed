//! The position of a thread in a stream.

use std::sync::Arc;
use std::time::Duration;

use videostream_hal::time::{deadline_in, now_ns};
use videostream_ipc as ipc;
use videostream_ipc::client::{HeldFrame, Quiet};

use super::client::nanoseconds;
use super::connection::Connection;
use super::frame::{Changes, Frame};
use crate::Result;

/// Most consecutive frames that are skipped because their buffer or fence has not arrived.
const MAX_PASSED: u32 = 16;

/// The most consecutive looks at a ring that announces newer frames but has none to hold. A host
/// that announces endlessly must not block an event loop.
pub(super) const MAX_LOOKS: u32 = 64;

/// Returns whether the error means that a buffer or fence has not arrived yet; the next frame may
/// be complete.
fn is_late(error: &crate::Error) -> bool {
    matches!(error.share(), Some(ipc::Error::UnknownBuffer { .. }))
}

/// The position of a thread in a stream, made by [`Client::reader`](super::Client::reader). It ends
/// with its connection, since only the client itself reconnects.
#[derive(Clone, Debug)]
pub struct Reader {
    connection: Arc<Connection>,
    last: u64,
    restarted: bool,
    /// Frames that this reader has skipped since its last one.
    passed: u64,
    /// Format, width and height of the last frame.
    format: Option<(u32, u32, u32)>,
    quiet: Quiet,
    /// Overrides the mode of the connection.
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

    /// Continues with another host.
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

    /// Returns the connection of the ipc layer, which neither waits nor maps: for event loops.
    #[must_use]
    pub fn ipc(&self) -> &ipc::client::Client {
        self.connection.ipc()
    }

    /// Returns the serial of the last frame; 0 before the first.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Continues after this serial; a lower one than the last repeats frames that are still
    /// available.
    pub fn seek(&mut self, serial: u64) {
        self.last = serial;
    }

    /// Sets the mode from now on: the newest frame at each call, or every frame in order; `None`
    /// for the mode of the connection, by which the host counts lost frames.
    pub fn set_mode(&mut self, mode: Option<ipc::Mode>) {
        self.mode = mode;
    }

    /// Cancels present and future waits of this connection in every thread; they return an error.
    /// Stops [`Reader`]s in other threads.
    pub fn cancel(&self) {
        self.connection.ipc().cancel();
    }

    /// Returns a frame newer than the last one, if there is one. Never waits.
    ///
    /// # Errors
    /// [`Error::Share`](crate::Error::Share) with `HoldLimit` while as many frames as agreed are
    /// held; with `UnknownBuffer` if a buffer or fence of this frame has not arrived yet, as may
    /// happen after long pauses: retry; or if the host is gone or breaks the protocol. A closed
    /// host is noticed at once, a killed one 50 ms after the first call without a frame.
    pub fn try_next(&mut self) -> Result<Option<Frame>> {
        let mut frame = None;
        self.take(&mut frame)?;
        if frame.is_none() && self.quiet.is_pump_due(self.connection.ipc()) {
            return self.look_at_host();
        }
        Ok(frame)
    }

    /// Handles the host's messages. Frames that it published before it ended are returned before
    /// the error of its end.
    #[cold]
    fn look_at_host(&mut self) -> Result<Option<Frame>> {
        let is_closed = self.connection.ipc().ring().0.is_closed();
        let pumped = self.connection.pump();
        let mut frame = None;
        self.take(&mut frame)?;
        if frame.is_some() {
            return Ok(frame);
        }
        pumped?;
        match is_closed {
            // The ring is closed, but the goodbye has not arrived: it is on its way, or was not
            // sent.
            true => {
                let why = ipc::Error::Goodbye(ipc::Goodbye::Closing);
                Err(self.connection.error(why))
            }
            false => Ok(None),
        }
    }

    /// Puts a frame newer than the last one, if there is one, into `frame`, which is empty. A frame
    /// has some 350 bytes, so it is made in its final location.
    fn take(&mut self, frame: &mut Option<Frame>) -> Result<()> {
        let ipc = self.connection.ipc();
        let held = match ipc.hold_by(self.mode.unwrap_or(ipc.config().mode), self.last) {
            Ok(Some(held)) => held,
            Ok(None) => return Ok(()),
            Err(ipc::Error::Evicted) => {
                // The host has sent the reason, unless the socket was full.
                self.connection.pump()?;
                return Err(self.connection.error(ipc::Error::Evicted));
            }
            Err(why) => return Err(self.connection.error(why)),
        };
        self.quiet.end();
        let HeldFrame {
            slot,
            descriptor,
            missed,
        } = held;
        // A new reader has not missed the frames before its first one.
        let missed = if self.last == 0 { 0 } else { missed };
        let missed = self.passed + missed;
        self.last = descriptor.serial;
        // Counts this frame as skipped until it proves complete.
        self.passed = missed + 1;
        let format = (descriptor.fourcc, descriptor.width, descriptor.height);
        let changes = Changes {
            missed,
            restarted: self.restarted,
            new_format: self.format.is_some_and(|before| before != format),
        };
        let connection = Arc::clone(&self.connection);
        Frame::put(frame, connection, (slot, descriptor), changes)?;
        (self.passed, self.restarted, self.format) = (0, false, Some(format));
        Ok(())
    }

    /// Takes a frame like [`Reader::take`], but skips up to [`MAX_PASSED`] frames whose buffers or
    /// fence have not arrived.
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
            // Read messages only after frames, so that frames published before a goodbye come
            // first.
            self.connection.pump()?;
            if self.connection.ipc().arm(self.last.max(seen)) {
                break;
            }
        }
        // Without a frame the event is armed in any case, so the next frame makes the client
        // readable.
        Ok(frame)
    }

    /// Returns the next frame, waiting for at most `timeout`.
    ///
    /// # Errors
    /// A time-out, a host that is gone, a cancelled wait, and those of [`Reader::try_next`].
    pub fn next(&mut self, timeout: Duration) -> Result<Frame> {
        self.next_until(deadline_in(nanoseconds(timeout)))
    }

    /// Returns the next frame, waiting until `deadline_ns` of `CLOCK_MONOTONIC`; `u64::MAX` waits
    /// forever.
    ///
    /// # Errors
    /// As [`Reader::next`].
    pub fn next_until(&mut self, deadline_ns: u64) -> Result<Frame> {
        let mut waited = false;
        let mut frame = None;
        loop {
            // If nothing up to this serial can be held, those frames have expired. Waiting for one
            // newer than the last frame would then return at once, again and again.
            let seen = self.connection.ipc().head();
            self.take_whole(&mut frame)?;
            if let Some(frame) = frame {
                return Ok(frame);
            }
            // A host that keeps announcing frames that can't be held must not extend the wait.
            if waited && now_ns() >= deadline_ns {
                return Err(self.connection.error(ipc::Error::TimedOut));
            }
            self.connection.wait(self.last.max(seen), deadline_ns)?;
            waited = true;
        }
    }

    /// Returns the first frame that was captured after `timestamp_ns` (sensor time,
    /// `CLOCK_MONOTONIC`).
    ///
    /// # Errors
    /// As [`Reader::next`].
    pub fn next_after(&mut self, timestamp_ns: u64, deadline_ns: u64) -> Result<Frame> {
        loop {
            let frame = self.next_until(deadline_ns)?;
            if frame.timestamp_ns() > timestamp_ns {
                return Ok(frame);
            }
            // A host whose frames are all too old must not extend the wait.
            if now_ns() >= deadline_ns {
                return Err(self.connection.error(ipc::Error::TimedOut));
            }
        }
    }
}
