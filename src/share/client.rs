//! Clients: readers of a shared stream.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use videostream_hal::time::deadline_in;
use videostream_ipc as ipc;
use videostream_ipc::Mode;

use super::Exports;
use super::connection::{Connection, Pending};
use super::connector::Connector;
use super::frame::Frame;
use super::inbox::Report;
use super::reader::Reader;
use crate::Result;

/// Longest time to spend on a request for a key frame, in nanoseconds.
const ASKING_NS: u64 = 200_000_000;

/// Configures a [`Client`]; made by [`Client::builder`].
#[derive(Clone, Debug)]
pub struct ClientBuilder {
    path: PathBuf,
    config: ipc::client::Config,
    reconnect: bool,
    keep_mapped: usize,
    timeout: Duration,
}

impl ClientBuilder {
    /// Sets which frames are returned: the newest one at each call (default), or every one in
    /// order.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.config.mode = mode;
        self
    }

    /// Sets the maximum number of frames held at once (default 1, at most 64). The host refuses
    /// more than it can spare.
    #[must_use]
    pub fn hold(mut self, frames: u32) -> Self {
        self.config.hold = frames;
        self
    }

    /// Sets how long to spin before sleeping when waiting for a frame (default 0). This lowers the
    /// latency at the cost of a CPU core.
    #[must_use]
    pub fn spin(mut self, time: Duration) -> Self {
        self.config.spin_ns = nanoseconds(time);
        self
    }

    /// Sets whether to wait for a host that does not exist yet, and to reconnect when the host goes
    /// away (default: no). The first frame of a new host is marked ([`Frame::is_after_restart`]).
    /// The pauses between attempts grow from 5 to 200 ms, across waits, until a frame arrives.
    #[must_use]
    pub fn reconnect(mut self, reconnect: bool) -> Self {
        self.reconnect = reconnect;
        self
    }

    /// Sets the maximum number of buffers that stay mapped (default 64, all that a host can have).
    /// A buffer is mapped when a frame in it is first read. Beyond this number, buffers without
    /// held frames are unmapped, least recently used first. A lower number is for small address
    /// spaces; mapping a buffer again costs a few hundred microseconds per frame.
    #[must_use]
    pub fn keep_mapped(mut self, buffers: usize) -> Self {
        self.keep_mapped = buffers.max(1);
        self
    }

    /// Sets the time-out of connecting (default 5 seconds).
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Connects to the host.
    ///
    /// # Errors
    /// [`Error::Share`](crate::Error::Share): no host, refused with the host's reason, or timed
    /// out.
    pub fn connect(self) -> Result<Client> {
        let deadline = deadline_in(nanoseconds(self.timeout));
        self.connector().connect_until(deadline)
    }

    /// Returns a connector, for programs that do other work between attempts to connect.
    #[must_use]
    pub fn connector(self) -> Connector {
        Connector::new(self)
    }

    /// Asks the host of a compressed stream for a key frame. Since each new client gets one, this
    /// connects for a moment, at most 200 ms. It is a hint: a host without room for another client
    /// sends no additional key frame.
    pub fn ask_for_key_frame(&self) {
        // Every host admits a client that holds one frame.
        let config = ipc::client::Config::default();
        let pending = Pending::new(&self.path, config, self.keep_mapped);
        let _ = pending.and_then(|pending| pending.answer(deadline_in(ASKING_NS)));
    }

    /// Connects without waiting for the host's answer.
    pub(super) fn begin(&self) -> Result<Pending> {
        Pending::new(&self.path, self.config, self.keep_mapped)
    }

    pub(super) fn reconnects(&self) -> bool {
        self.reconnect
    }
}

/// A reader of a shared stream.
///
/// ```no_run
/// let mut client = videostream::Client::connect("/run/camera")?;
/// loop {
///     let frame = client.next(std::time::Duration::from_secs(1))?;
///     let pixels = frame.pixels()?;
///     println!("frame {}: first byte {}", frame.serial(), pixels.plane(0)[0]);
/// }
/// # #[allow(unreachable_code)]
/// # Ok::<(), videostream::Error>(())
/// ```
#[derive(Debug)]
pub struct Client {
    reader: Reader,
    connector: Connector,
    restarts: u64,
}

impl Client {
    pub(super) fn new(connection: Connection, connector: Connector) -> Self {
        Self {
            reader: Reader::new(Arc::new(connection)),
            connector,
            restarts: 0,
        }
    }

    /// Configures a client of the host on the socket `path`: a file if it starts with `/`, else an
    /// abstract name.
    #[must_use]
    pub fn builder(path: impl AsRef<Path>) -> ClientBuilder {
        ClientBuilder {
            path: path.as_ref().to_owned(),
            config: ipc::client::Config::default(),
            reconnect: false,
            keep_mapped: ipc::MAX_BUFFERS,
            timeout: Duration::from_secs(5),
        }
    }

    /// Connects with defaults: newest frames, one held at a time.
    ///
    /// # Errors
    /// See [`ClientBuilder::connect`].
    pub fn connect(path: impl AsRef<Path>) -> Result<Self> {
        Self::builder(path).connect()
    }

    /// Returns the connection of the ipc layer, which neither waits nor maps: for event loops.
    #[must_use]
    pub fn ipc(&self) -> &ipc::client::Client {
        self.reader.ipc()
    }

    /// Returns what the host lets clients do with buffers: whether [`Frame::plane_fd`] can be
    /// mapped for writing.
    #[must_use]
    pub fn exports(&self) -> Exports {
        self.ipc().exports()
    }

    /// Returns how often this client has moved to a new host.
    #[must_use]
    pub fn restarts(&self) -> u64 {
        self.restarts
    }

    /// Returns the connector that moves this client to a new host: for event loops, which wait for
    /// its next attempt or for the answer to the last one.
    #[must_use]
    pub fn connector(&self) -> &Connector {
        &self.connector
    }

    /// Returns another reader of the same connection, for another thread. It starts after this
    /// client's last frame; the limit of held frames covers both.
    #[must_use]
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// Continues after this serial; a lower one than the last repeats frames that are still
    /// available.
    pub fn seek(&mut self, serial: u64) {
        self.reader.seek(serial);
    }

    /// See [`Reader::set_mode`].
    pub fn set_mode(&mut self, mode: Option<Mode>) {
        self.reader.set_mode(mode);
    }

    /// Returns the serial of the last frame; 0 before the first.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.reader.last()
    }

    /// Returns the parameter sets of a compressed stream (such as SPS and PPS), with which decoding
    /// starts; `None` for a raw stream.
    ///
    /// # Errors
    /// The host is gone or breaks the protocol.
    pub fn parameters(&self) -> Result<Option<Arc<[u8]>>> {
        self.reader.connection().parameters()
    }

    /// See [`ClientBuilder::ask_for_key_frame`].
    pub fn ask_for_key_frame(&self) {
        self.connector.builder().ask_for_key_frame();
    }

    /// Returns the status of the host and its clients.
    ///
    /// # Errors
    /// A time-out, or a host that is gone.
    pub fn look(&self, timeout: Duration) -> Result<Report> {
        let deadline = deadline_in(nanoseconds(timeout));
        self.reader.connection().look(deadline)
    }

    /// Returns a frame newer than the last one, if there is one. Never waits.
    ///
    /// # Errors
    /// [`Error::Share`](crate::Error::Share) with `HoldLimit` while as many frames as agreed are
    /// held; with `UnknownBuffer` if a buffer or fence of this frame has not arrived yet, as may
    /// happen after long pauses: retry; or if the host is gone or breaks the protocol. A closed
    /// host is noticed at once, a killed one 50 ms after the first call without a frame.
    pub fn try_next(&mut self) -> Result<Option<Frame>> {
        self.reader.try_next()
    }

    /// Returns a frame newer than the last one, for event loops: call it until it returns `None`,
    /// then wait until the client's file descriptor is readable.
    ///
    /// # Errors
    /// Those of [`Client::try_next`]. It does not reconnect: a lost host is an error
    /// ([`Error::is_host_gone`](crate::Error::is_host_gone)).
    pub fn poll_next(&mut self) -> Result<Option<Frame>> {
        self.reader.poll_next()
    }

    /// Returns the next frame, waiting for at most `timeout`.
    ///
    /// # Errors
    /// A time-out ([`Error::is_timeout`](crate::Error::is_timeout)), a host that is gone
    /// ([`Error::is_host_gone`](crate::Error::is_host_gone); with [`ClientBuilder::reconnect`] only
    /// after the time-out, and the next call continues to reconnect), and those of
    /// [`Client::try_next`].
    pub fn next(&mut self, timeout: Duration) -> Result<Frame> {
        self.next_until(deadline_in(nanoseconds(timeout)))
    }

    /// Returns the next frame, waiting until `deadline_ns` of `CLOCK_MONOTONIC`; `u64::MAX` waits
    /// forever.
    ///
    /// # Errors
    /// Those of [`Client::next`].
    pub fn next_until(&mut self, deadline_ns: u64) -> Result<Frame> {
        loop {
            let error = match self.reader.next_until(deadline_ns) {
                Ok(frame) => {
                    self.connector.succeeded();
                    return Ok(frame);
                }
                Err(error) => error,
            };
            if !self.connector.builder().reconnects()
                || !error.is_worth_reconnecting()
                || !self.connector.is_due(deadline_ns)
            {
                return Err(error);
            }
            let connection = self.connector.connection_until(deadline_ns)?;
            self.reader.move_to(Arc::new(connection));
            self.restarts += 1;
        }
    }
}

impl AsFd for Client {
    /// Returns a file descriptor that is readable when [`Client::poll_next`] has a frame or the
    /// host has sent a message. It changes with each move to a new host.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.connection().events()
    }
}

pub(super) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
