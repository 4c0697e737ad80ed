//! Clients: frames of a host in another process.

mod v2;

use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use pyo3::exceptions::PyStopIteration;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use rustix::io::Errno;
use videostream::hal::time::now_ns;
use videostream::ipc::wire::Refusal;
use videostream::ipc::{Error as IpcError, Goodbye};
use videostream::share::{self, ClientBuilder, Connector, Mode, Reader};
use videostream::{Error, Result};

use crate::error::{Failure, Kind, invalid, raise, to_python};
use crate::events::Events;
use crate::fork::Native;
use crate::frame::Frame;
use crate::stats;
use crate::wait::{deadline, nanoseconds, until};

/// Frames that a client holds at once by default: the one that a loop's variable still has while
/// the next one is fetched, and that one.
const HOLD: u32 = 2;

/// A reader of a host's frames: `for frame in client`, `async for frame in client`.
///
/// `path` is the host's socket: a file if it starts with `/`, else an abstract name. Making a client
/// never waits. A host that is not there raises HostGone; with `reconnect=True` calls wait for one,
/// and for the next one when it ends.
///
/// - `mode`: "newest" (default) gives the newest frame at each call, "every" every frame in order,
///   as far as the host still has it.
/// - `hold`: how many frames it may hold at once; 2 by default, or 1 of a host that can't spare more.
/// - `spin`: seconds to look for a frame before going to sleep (0): lower latency for a core.
/// - `keep_mapped`: how many buffers stay mapped (all).
/// - `timeout`: seconds that a wait takes at most where the call does not say (no limit).
#[pyclass(module = "videostream", frozen, weakref)]
pub(crate) struct Client {
    path: PathBuf,
    options: Options,
    inner: Native<Inner>,
    is_closed: AtomicBool,
}

/// What belongs to the process that made it.
struct Inner {
    /// Threads take turns at it, and have it while they wait.
    state: Mutex<State>,
    /// What is known of the connection, for calls that must not wait for their turn.
    link: Mutex<Link>,
    events: Events,
}

/// What is known of the connection.
struct Link {
    /// A reader of it, while the host is there.
    reader: Option<Reader>,
    hold: u32,
    restarts: u64,
}

/// What unpickling calls `connect` with.
type Arguments<'py> = (PathBuf, Bound<'py, PyDict>);

/// What it was made with, to be made again.
#[derive(Clone, Debug)]
struct Options {
    mode: String,
    hold: Option<u32>,
    spin: f64,
    reconnect: bool,
    keep_mapped: Option<usize>,
    timeout: Option<f64>,
}

/// How far it is.
enum State {
    /// The host has not answered.
    Connecting(Box<Attempt>),
    Connected(Box<Connection>),
    Closed,
}

/// An attachment to a host.
struct Connection {
    client: share::Client,
    /// The host has gone, and the client looks for a new one.
    is_away: bool,
}

/// A connection on its way.
struct Attempt {
    connector: Connector,
    builder: ClientBuilder,
    hold: u32,
    /// Whether fewer frames will do.
    takes_fewer: bool,
}

impl Attempt {
    fn new(builder: ClientBuilder, hold: Option<u32>) -> Self {
        let takes_fewer = hold.is_none();
        let hold = hold.unwrap_or(HOLD);
        Self {
            connector: builder.clone().hold(hold).connector(),
            builder,
            hold,
            takes_fewer,
        }
    }

    /// Connects until the deadline; asks for as many frames as the host can spare.
    fn connect_until(&mut self, deadline_ns: u64) -> Result<share::Client> {
        loop {
            let error = match self.connector.connect_until(deadline_ns) {
                Ok(client) => return Ok(client),
                Err(error) => error,
            };
            let left = match error.share() {
                Some(IpcError::Refused(Refusal::Hold(_, left))) => *left,
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
    /// Tells `events` what to wait for next.
    fn watch(&self, events: &Events) -> Result<()> {
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

impl Client {
    fn inner(&self) -> PyResult<&Inner> {
        self.inner.get()
    }

    fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    /// Connects if need be, and lets `act` use the connection. `None`: not before the deadline.
    fn step<T>(
        &self,
        deadline_ns: u64,
        act: impl FnOnce(&mut share::Client, u64) -> Result<Option<T>>,
    ) -> Result<Option<T>, Failure> {
        let inner = self.inner()?;
        let left = Duration::from_nanos(deadline_ns.saturating_sub(now_ns()));
        let Some(mut state) = inner.state.try_lock_for(left) else {
            return Ok(None);
        };
        let result = match self.is_closed() {
            true => Err(self.share_error(IpcError::Cancelled)),
            false => self.connect_and(inner, &mut state, deadline_ns, act),
        };
        // Without it the same thread would have it again before the next one is awake.
        MutexGuard::unlock_fair(state);
        match result {
            Err(_) if self.is_closed() => Err(self.closed().into()),
            Err(error) if error.is_timeout() || self.goes_on(&error) => Ok(None),
            result => Ok(result?),
        }
    }

    /// Whether the client looks for a host again after this error.
    fn goes_on(&self, error: &Error) -> bool {
        self.options.reconnect && error.is_worth_reconnecting()
    }

    fn connect_and<T>(
        &self,
        inner: &Inner,
        state: &mut State,
        deadline_ns: u64,
        act: impl FnOnce(&mut share::Client, u64) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        if let State::Connecting(attempt) = state {
            match attempt.connect_until(deadline_ns) {
                Ok(client) => {
                    *state = State::Connected(Box::new(Connection {
                        client,
                        is_away: false,
                    }));
                    self.connected(inner, state)?;
                }
                Err(error) => {
                    inner.link.lock().hold = attempt.hold;
                    state.watch(&inner.events)?;
                    return Err(error);
                }
            }
        }
        let State::Connected(connection) = state else {
            return Err(self.share_error(IpcError::Cancelled));
        };
        let restarts = connection.client.restarts();
        let result = act(&mut connection.client, deadline_ns);
        if connection.client.restarts() != restarts {
            connection.is_away = false;
            self.connected(inner, state)?;
        }
        if let State::Connected(connection) = state
            && let Err(error) = &result
            && (connection.is_away || self.goes_on(error))
        {
            connection.is_away = true;
            inner.link.lock().reader = None;
            state.watch(&inner.events)?;
        }
        result
    }

    /// Notes a new connection.
    fn connected(&self, inner: &Inner, state: &State) -> Result<()> {
        if let State::Connected(connection) = state {
            let client = &connection.client;
            *inner.link.lock() = Link {
                reader: Some(client.reader()),
                hold: client.ipc().config().hold,
                restarts: client.restarts(),
            };
        }
        state.watch(&inner.events)
    }

    fn closed(&self) -> PyErr {
        let why = "the client is closed";
        raise(Kind::Released, Errno::BADF, why, Some(&self.path))
    }

    fn share_error(&self, why: IpcError) -> Error {
        Error::Share {
            socket: self.path.display().to_string(),
            why,
        }
    }

    /// The next frame, or `None` after the timeout.
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> Result<Option<Frame>, Failure> {
        let deadline_ns = deadline(timeout.or(self.options.timeout))?;
        let frame = until(py, deadline_ns, |slice| {
            self.step(slice, |client, slice| client.next_until(slice).map(Some))
        })?;
        Ok(frame.map(Frame::received))
    }

    /// Runs `look` with the connection, waiting for it if need be.
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        timeout: Option<f64>,
        mut look: impl FnMut(&mut share::Client, u64) -> Result<T> + Send,
    ) -> Result<T, Failure> {
        let result = until(py, deadline(timeout)?, |slice| {
            self.step(slice, |client, slice| look(client, slice).map(Some))
        })?;
        result.ok_or_else(|| self.share_error(IpcError::TimedOut).into())
    }
}

#[pymethods]
impl Client {
    #[new]
    #[pyo3(signature = (
        path, reconnect = false, *, mode = "newest", hold = None, spin = 0.0, keep_mapped = None,
        timeout = None
    ))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        reconnect: bool,
        mode: &str,
        hold: Option<u32>,
        spin: f64,
        keep_mapped: Option<usize>,
        timeout: Option<f64>,
    ) -> PyResult<Self> {
        let mut builder = share::Client::builder(&path)
            .mode(parse_mode(mode)?)
            .spin(Duration::from_nanos(nanoseconds("spin", spin)?))
            .reconnect(reconnect);
        if let Some(buffers) = keep_mapped {
            builder = builder.keep_mapped(buffers);
        }
        deadline(timeout)?;
        let events = Events::new().map_err(to_python)?;
        let attempt = Attempt::new(builder, hold);
        let link = Link {
            reader: None,
            hold: attempt.hold,
            restarts: 0,
        };
        let client = Self {
            path,
            options: Options {
                mode: mode.to_owned(),
                hold,
                spin,
                reconnect,
                keep_mapped,
                timeout,
            },
            inner: Native::new(Inner {
                state: Mutex::new(State::Connecting(Box::new(attempt))),
                link: Mutex::new(link),
                events,
            }),
            is_closed: AtomicBool::new(false),
        };
        // A host that is not there is told at once.
        py.detach(|| client.step(now_ns(), |_, _| Ok(Some(()))))?;
        Ok(client)
    }

    /// The host's socket.
    #[getter]
    fn path(&self) -> String {
        self.path.display().to_string()
    }

    /// Whether the host has let this client in and, as far as is known, is still there.
    #[getter]
    fn is_connected(&self) -> PyResult<bool> {
        Ok(self.inner()?.link.lock().reader.is_some())
    }

    /// How often it has moved to a new host.
    #[getter]
    fn restarts(&self) -> PyResult<u64> {
        Ok(self.inner()?.link.lock().restarts)
    }

    /// How many frames it may hold at once, as agreed with the host.
    #[getter]
    fn hold(&self) -> PyResult<u32> {
        Ok(self.inner()?.link.lock().hold)
    }

    /// How many frames of the host it holds now.
    #[getter]
    fn held(&self) -> PyResult<u32> {
        let link = self.inner()?.link.lock();
        Ok(link.reader.as_ref().map_or(0, |reader| reader.ipc().held()))
    }

    /// The next frame. Waits at most `timeout` seconds; without one as long as the client's
    /// `timeout` says, which is for ever by default.
    ///
    /// Raises TimedOut; HostGone; Refused, with the host's reason; HoldLimit while it holds as many
    /// frames as agreed.
    #[pyo3(signature = (timeout = None))]
    fn next(&self, py: Python<'_>, timeout: Option<f64>) -> Result<Frame, Failure> {
        let frame = self.wait(py, timeout)?;
        frame.ok_or_else(|| self.share_error(IpcError::TimedOut).into())
    }

    /// The next frame if there is one, else None. Never waits: for event loops, which wait until
    /// `fileno()` is readable after a None.
    ///
    /// Raises what `next` does; a host that is not there yet, or is being waited for with
    /// `reconnect`, is no error.
    fn poll(&self) -> Result<Option<Frame>, Failure> {
        let frame = self.step(now_ns(), |client, deadline_ns| {
            loop {
                let error = match client.poll_next() {
                    Err(error) if self.goes_on(&error) => error,
                    result => return result,
                };
                let restarts = client.restarts();
                match client.next_until(deadline_ns) {
                    Err(late) if late.is_timeout() && client.restarts() != restarts => {}
                    Err(late) if late.is_timeout() => return Err(error),
                    result => return result.map(Some),
                }
            }
        })?;
        if frame.is_none() {
            self.inner()?.events.is_looked_at();
        }
        Ok(frame.map(Frame::received))
    }

    /// A descriptor that is readable when `poll()` has something to do, over connecting, waits for
    /// a host and moves to another one, until the client is closed. It is the client's: duplicate
    /// it to keep it.
    fn fileno(&self) -> PyResult<i32> {
        let inner = self.inner()?;
        if self.is_closed() {
            return Err(self.closed());
        }
        Ok(inner.events.as_raw_fd())
    }

    /// Goes on behind the frame with this serial.
    fn seek(&self, py: Python<'_>, serial: u64) -> Result<(), Failure> {
        self.with(py, self.options.timeout, |client, _| {
            client.seek(serial);
            Ok(())
        })
    }

    /// The parameter sets of a compressed stream (SPS and PPS, say), which decoding starts with;
    /// None for raw frames.
    #[getter]
    fn parameters<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let sets = self.with(py, self.options.timeout, |client, _| client.parameters())?;
        Ok(sets.map(|sets| PyBytes::new(py, &sets)))
    }

    /// Asks the host of a compressed stream for a key frame. Whether one comes is for the host to
    /// say.
    fn ask_for_key_frame(&self, py: Python<'_>) -> Result<(), Failure> {
        self.with(py, self.options.timeout, |client, _| {
            client.ask_for_key_frame();
            Ok(())
        })
    }

    /// How the host and its clients do, as a dict: counters of the host and a list `clients`.
    #[pyo3(signature = (timeout = 1.0))]
    fn stats<'py>(&self, py: Python<'py>, timeout: Option<f64>) -> PyResult<Bound<'py, PyDict>> {
        let report = self.with(py, timeout, |client, deadline_ns| {
            let left = deadline_ns.saturating_sub(now_ns());
            client.look(Duration::from_nanos(left))
        })?;
        stats::of_report(py, &report)
    }

    /// Ends the connection, and waits of other threads with Released. Frames stay readable until
    /// they are released.
    fn close(&self, py: Python<'_>) {
        // In a forked child the connection is the parent's.
        let Some(inner) = self.inner.here() else {
            return;
        };
        self.is_closed.store(true, Ordering::Relaxed);
        py.detach(|| {
            let reader = inner.link.lock().reader.take();
            if let Some(reader) = reader {
                reader.cancel();
            }
            *inner.state.lock() = State::Closed;
            inner.link.lock().reader = None;
            // Event loops look once more, and see that it is closed.
            inner.events.end();
        });
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __exit__(
        &self,
        py: Python<'_>,
        _kind: &Bound<'_, PyAny>,
        _value: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) {
        self.close(py);
    }

    fn __iter__(slf: Bound<'_, Self>) -> Frames {
        Frames {
            client: slf.unbind(),
            last: Mutex::new(None),
        }
    }

    fn __aiter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let frames = slf.py().import("videostream._asyncio")?.getattr("frames")?;
        frames.call1((slf,))
    }

    /// A client is pickled by its path and options: the copy connects by itself.
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Arguments<'py>)> {
        let options = PyDict::new(py);
        options.set_item("reconnect", self.options.reconnect)?;
        options.set_item("mode", &self.options.mode)?;
        options.set_item("hold", self.options.hold)?;
        options.set_item("spin", self.options.spin)?;
        options.set_item("keep_mapped", self.options.keep_mapped)?;
        options.set_item("timeout", self.options.timeout)?;
        let connect = py.import("videostream._pickle")?.getattr("connect")?;
        Ok((connect, (self.path.clone(), options)))
    }

    fn __repr__(&self) -> String {
        let state = match self.inner.here() {
            None => "of the parent process".to_owned(),
            Some(_) if self.is_closed() => "closed".to_owned(),
            Some(inner) => {
                let link = inner.link.lock();
                match &link.reader {
                    None => "connecting".to_owned(),
                    Some(reader) => format!(
                        "mode={:?} hold={} held={}",
                        self.options.mode,
                        link.hold,
                        reader.ipc().held()
                    ),
                }
            }
        };
        format!(
            "<videostream.Client {:?} {state}>",
            self.path.display().to_string()
        )
    }
}

/// The frames of a client, one after the other, until the host ends.
#[pyclass(module = "videostream", frozen)]
pub(crate) struct Frames {
    client: Py<Client>,
    /// What it gave last, where the client may hold no other frame beside.
    last: Mutex<Option<Py<Frame>>>,
}

#[pymethods]
impl Frames {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Py<Frame>> {
        let client = self.client.get();
        let last = self.last.lock().take();
        if let Some(last) = last {
            // The loop's variable still has it.
            last.get().shared().release()?;
        }
        let frame = match client.wait(py, None) {
            Ok(Some(frame)) => Py::new(py, frame)?,
            Ok(None) => return Err(to_python(client.share_error(IpcError::TimedOut))),
            Err(Failure::Library(error)) if is_goodbye(&error) => {
                return Err(PyStopIteration::new_err(()));
            }
            Err(_) if client.is_closed() => {
                return Err(PyStopIteration::new_err(()));
            }
            Err(failure) => return Err(failure.into()),
        };
        if client.hold()? == 1 {
            *self.last.lock() = Some(frame.clone_ref(py));
        }
        Ok(frame)
    }
}

/// Whether the host has ended, and said so.
fn is_goodbye(error: &Error) -> bool {
    error.share() == Some(&IpcError::Goodbye(Goodbye::Closing))
}

fn parse_mode(mode: &str) -> PyResult<Mode> {
    match mode {
        "newest" => Ok(Mode::Newest),
        "every" => Ok(Mode::Every),
        other => Err(invalid(format!(
            "mode={other:?}: expected \"newest\" or \"every\""
        ))),
    }
}
