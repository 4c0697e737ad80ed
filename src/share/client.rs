//! A reader of a stream.

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

/// How long asking for a key frame may take, in nanoseconds.
const ASKING_NS: u64 = 200_000_000;

/// How a [`Client`] is to be; made by [`Client::builder`].
#[derive(Clone, Debug)]
pub struct ClientBuilder {
    path: PathBuf,
    config: ipc::client::Config,
    reconnect: bool,
    keep_mapped: usize,
    timeout: Duration,
}

impl ClientBuilder {
    /// Which frames: the newest at each call (as it stands), or every one in order.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.config.mode = mode;
        self
    }

    /// How many frames to hold at once, at most (1; 64 can be). The host refuses more than it can
    /// spare.
    #[must_use]
    pub fn hold(mut self, frames: u32) -> Self {
        self.config.hold = frames;
        self
    }

    /// How long to look for a frame before going to sleep (not at all). Lower latency, at
    /// the price of a core.
    #[must_use]
    pub fn spin(mut self, time: Duration) -> Self {
        self.config.spin_ns = nanoseconds(time);
        self
    }

    /// Whether to wait for a host that is not there yet, and to connect anew, with growing
    /// pauses, when the host goes away (no). The first frame of a new host says so. The pauses
    /// grow from 5 to 200 ms, from one wait to the next, until a frame comes.
    #[must_use]
    pub fn reconnect(mut self, reconnect: bool) -> Self {
        self.reconnect = reconnect;
        self
    }

    /// How many buffers to keep mapped at most (all that a host can have, 64). A buffer is mapped
    /// when a frame in it is first read; beyond this number those that no frame holds are
    /// unmapped, the one used longest ago first. For little address space; mapping anew
    /// costs some hundred microseconds a frame.
    #[must_use]
    pub fn keep_mapped(mut self, buffers: usize) -> Self {
        self.keep_mapped = buffers.max(1);
        self
    }

    /// How long connecting may take (5 seconds).
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Connects.
    ///
    /// # Errors
    /// [`Error::Share`](crate::Error::Share): no host, refused with the host's reason, timed out.
    pub fn connect(self) -> Result<Client> {
        let deadline = deadline_in(nanoseconds(self.timeout));
        self.connector().connect_until(deadline)
    }

    /// Connects over several calls, for a program that looks after something else in between.
    #[must_use]
    pub fn connector(self) -> Connector {
        Connector::new(self)
    }

    /// Connects without waiting for the host's answer.
    pub(super) fn begin(&self) -> Result<Pending> {
        Pending::new(&self.path, self.config, self.keep_mapped)
    }

    pub(super) fn reconnects(&self) -> bool {
        self.reconnect
    }
}

/// A reader of a stream.
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

    /// A client of the host on the socket `path`: a file if it starts with `/`, else an
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

    /// The connection without its waiting and mapping: for event loops.
    #[must_use]
    pub fn ipc(&self) -> &ipc::client::Client {
        self.reader.ipc()
    }

    /// What the host lets its clients do with the buffers: whether [`Frame::plane_fd`] can be
    /// mapped for writing.
    #[must_use]
    pub fn exports(&self) -> Exports {
        self.ipc().exports()
    }

    /// How often this client has moved to a new host.
    #[must_use]
    pub fn restarts(&self) -> u64 {
        self.restarts
    }

    /// What moves this client to a new host: for event loops, which wait for its next attempt or
    /// for the answer to the last one.
    #[must_use]
    pub fn connector(&self) -> &Connector {
        &self.connector
    }

    /// Another reader over the same connection, for another thread: it sees frames newer
    /// than the last one of this client. What both hold counts together.
    #[must_use]
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// Goes on behind this serial, or before frames that are already past.
    pub fn seek(&mut self, serial: u64) {
        self.reader.seek(serial);
    }

    /// See [`Reader::set_mode`].
    pub fn set_mode(&mut self, mode: Option<Mode>) {
        self.reader.set_mode(mode);
    }

    /// The last serial that this client has had; 0 before the first.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.reader.last()
    }

    /// The parameter sets of a compressed stream (SPS and PPS, say), which decoding starts
    /// with; `None` for a raw stream.
    ///
    /// # Errors
    /// A host that is gone or lies.
    pub fn parameters(&self) -> Result<Option<Arc<[u8]>>> {
        self.reader.connection().parameters()
    }

    /// Asks the host of a compressed stream for a key frame, as one is due to each client that joins: by
    /// joining once more, for a moment. Whether one comes is for the host to say; one without room for
    /// another client gives none before its time.
    pub fn ask_for_key_frame(&self) {
        // One frame is what every host admits a client for.
        let builder = ClientBuilder {
            config: ipc::client::Config::default(),
            ..self.connector.builder().clone()
        };
        let _ = builder
            .begin()
            .and_then(|pending| pending.answer(deadline_in(ASKING_NS)));
    }

    /// How the host and its clients do.
    ///
    /// # Errors
    /// A timeout, or a host that is gone.
    pub fn look(&self, timeout: Duration) -> Result<Report> {
        let deadline = deadline_in(nanoseconds(timeout));
        self.reader.connection().look(deadline)
    }

    /// A frame newer than the last one, if there is one. Never waits.
    ///
    /// # Errors
    /// [`Error::Share`](crate::Error::Share) with `HoldLimit` while as many frames as agreed
    /// are alive; with `UnknownBuffer` when a buffer or fence of this frame has not come, as may
    /// happen to who has not looked for a while: try again; for a host that is gone or lies. A host that
    /// closes is noticed at once, one that is killed 50 ms after the first call that finds nothing.
    pub fn try_next(&mut self) -> Result<Option<Frame>> {
        self.reader.try_next()
    }

    /// A frame newer than the last one, for event loops: call it until it gives `None`, then wait
    /// until the client, as a descriptor, is readable.
    ///
    /// # Errors
    /// Those of [`Client::try_next`]. It does not reconnect: a host that is gone is an error
    /// ([`Error::is_host_gone`](crate::Error::is_host_gone)).
    pub fn poll_next(&mut self) -> Result<Option<Frame>> {
        self.reader.poll_next()
    }

    /// The next frame, waiting for at most `timeout`.
    ///
    /// # Errors
    /// A timeout ([`Error::is_timeout`](crate::Error::is_timeout)), a host that is gone
    /// ([`Error::is_host_gone`](crate::Error::is_host_gone); with [`ClientBuilder::reconnect`]
    /// only when the time is over, and the next call goes on trying), and those of
    /// [`Client::try_next`].
    pub fn next(&mut self, timeout: Duration) -> Result<Frame> {
        self.next_until(deadline_in(nanoseconds(timeout)))
    }

    /// The next frame, waiting until `deadline_ns` of `CLOCK_MONOTONIC`; `u64::MAX` is for ever.
    ///
    /// # Errors
    /// As [`Client::next`].
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
    /// Readable when [`Client::poll_next`] has a frame or the host has sent something. Another
    /// descriptor after each move to a new host.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.connection().events()
    }
}

pub(super) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
