//! Clients: frames of a host in another process.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::exceptions::PyStopIteration;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use rustix::event::epoll;
use rustix::io::Errno;
use videostream::hal::time::{deadline_in, now_ns};
use videostream::ipc::wire::Refusal;
use videostream::ipc::{Error as IpcError, Goodbye};
use videostream::share::{self, ClientBuilder, Connector, Mode};
use videostream::{Error, Result};

use crate::error::{Failure, Kind, invalid, raise, to_python};
use crate::fork::Native;
use crate::frame::Frame;
use crate::stats;
use crate::wait::{deadline, nanoseconds, until};

/// Frames that a client holds at once by default: the one that a loop's variable still has while
/// the next one is fetched, and that one.
const HOLD: u32 = 2;

/// A reader of a host's frames: `for frame in client`, `async for frame in client`.
///
/// `path` is the host's socket: a file if it starts with `/`, else an abstract name. A host that is not
/// there raises HostGone, with `reconnect=True` it is waited for.
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
    state: Mutex<Native<State>>,
    is_closed: AtomicBool,
    /// Readable when there is something to do, over moves from host to host.
    events: OwnedFd,
}

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
    /// Its descriptor, among `events`.
    watched: OwnedFd,
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

impl Client {
    fn lock(&self) -> MutexGuard<'_, Native<State>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connects if need be, and lets `act` use the connection. `None`: not before the deadline.
    fn step<T>(
        &self,
        deadline_ns: u64,
        act: impl FnOnce(&mut share::Client, u64) -> Result<Option<T>>,
    ) -> Result<Option<T>, Failure> {
        let mut state = self.lock();
        let state = state.get_mut()?;
        if self.is_closed.load(Ordering::Relaxed) {
            return Err(closed().into());
        }
        match self.connect_and(state, deadline_ns, act) {
            Err(error) if error.is_timeout() => Ok(None),
            result => Ok(result?),
        }
    }

    fn connect_and<T>(
        &self,
        state: &mut State,
        deadline_ns: u64,
        act: impl FnOnce(&mut share::Client, u64) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        if let State::Connecting(attempt) = state {
            let client = attempt.connect_until(deadline_ns)?;
            *state = State::Connected(Box::new(Connection {
                watched: self.watch(&client)?,
                client,
            }));
        }
        let State::Connected(connection) = state else {
            return Err(self.share_error(IpcError::Cancelled));
        };
        let Connection { client, watched } = &mut **connection;
        let restarts = client.restarts();
        let result = act(client, deadline_ns);
        if client.restarts() != restarts {
            // Frames of the former host may keep its descriptors open.
            let _ = epoll::delete(&self.events, &*watched);
            *watched = self.watch(client)?;
        }
        result
    }

    /// Makes the descriptor readable when this connection is, as long as what it gives is open.
    fn watch(&self, client: &share::Client) -> Result<OwnedFd> {
        let watched = client.as_fd().try_clone_to_owned();
        let watched = watched.map_err(|error| Error::Os("dup", error))?;
        let data = epoll::EventData::new_u64(0);
        match epoll::add(&self.events, &watched, data, epoll::EventFlags::IN) {
            Ok(()) => Ok(watched),
            Err(errno) => Err(Error::Os("epoll_ctl", errno.into())),
        }
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
        let events = epoll::create(epoll::CreateFlags::CLOEXEC)
            .map_err(|errno| raise(Kind::Other, errno, "epoll_create", None))?;
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
            state: Mutex::new(Native::new(State::Connecting(Box::new(Attempt::new(
                builder, hold,
            ))))),
            is_closed: AtomicBool::new(false),
            events,
        };
        client.knock(py)?;
        Ok(client)
    }

    /// The host's socket.
    #[getter]
    fn path(&self) -> String {
        self.path.display().to_string()
    }

    /// Whether the host has let this client in.
    #[getter]
    fn is_connected(&self) -> PyResult<bool> {
        Ok(matches!(self.lock().get()?, State::Connected(_)))
    }

    /// How often it has moved to a new host.
    #[getter]
    fn restarts(&self) -> PyResult<u64> {
        Ok(match self.lock().get()? {
            State::Connected(connection) => connection.client.restarts(),
            _ => 0,
        })
    }

    /// How many frames it may hold at once, as agreed with the host.
    #[getter]
    fn hold(&self) -> PyResult<u32> {
        Ok(match self.lock().get()? {
            State::Connecting(attempt) => attempt.hold,
            State::Connected(connection) => connection.client.ipc().config().hold,
            State::Closed => 0,
        })
    }

    /// How many frames it holds now.
    #[getter]
    fn held(&self) -> PyResult<u32> {
        Ok(match self.lock().get()? {
            State::Connected(connection) => connection.client.ipc().held(),
            _ => 0,
        })
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
        let reconnects = self.options.reconnect;
        let result = self.step(now_ns(), |client, deadline_ns| match client.poll_next() {
            Err(error) if reconnects && error.is_worth_reconnecting() => {
                client.next_until(deadline_ns).map(Some)
            }
            result => result,
        });
        match result {
            Err(Failure::Library(error)) if reconnects && error.is_worth_reconnecting() => Ok(None),
            result => Ok(result?.map(Frame::received)),
        }
    }

    /// A descriptor that is readable when `poll()` has something to do. It stays the same when the
    /// client moves to another host.
    fn fileno(&self) -> PyResult<i32> {
        if self.is_closed.load(Ordering::Relaxed) {
            return Err(closed());
        }
        self.lock().get()?;
        Ok(self.events.as_raw_fd())
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

    /// Ends the connection. Frames stay readable until they are released.
    fn close(&self, py: Python<'_>) {
        self.is_closed.store(true, Ordering::Relaxed);
        py.detach(|| {
            let mut state = self.lock();
            if let Ok(state) = state.get_mut() {
                *state = State::Closed;
            }
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
    fn __reduce__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyAny>, (PathBuf, Bound<'py, PyDict>))> {
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

    fn __repr__(&self) -> PyResult<String> {
        let state = self.lock();
        let state = match state.get() {
            Err(_) => "of the parent process".to_owned(),
            Ok(State::Connecting(_)) => "connecting".to_owned(),
            Ok(State::Connected(connection)) => format!(
                "mode={:?} hold={} held={}",
                self.options.mode,
                connection.client.ipc().config().hold,
                connection.client.ipc().held()
            ),
            Ok(State::Closed) => "closed".to_owned(),
        };
        Ok(format!(
            "<videostream.Client {:?} {state}>",
            self.path.display().to_string()
        ))
    }
}

impl Client {
    /// Begins to connect, so that a host that is not there is told at once; with `reconnect` waits
    /// for one.
    fn knock(&self, py: Python<'_>) -> Result<(), Failure> {
        let reconnects = self.options.reconnect;
        let deadline_ns = match reconnects {
            true => deadline(self.options.timeout)?,
            false => deadline_in(0),
        };
        let begun = until(py, deadline_ns, |slice| {
            match self.step(slice, |_, _| Ok(Some(()))) {
                Err(Failure::Library(error)) if reconnects && error.is_worth_reconnecting() => {
                    Ok(None)
                }
                result => result,
            }
        })?;
        match begun {
            None if reconnects => Err(self.share_error(IpcError::TimedOut).into()),
            _ => Ok(()),
        }
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
        let last = self
            .last
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
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
            Err(_) if client.is_closed.load(Ordering::Relaxed) => {
                return Err(PyStopIteration::new_err(()));
            }
            Err(failure) => return Err(failure.into()),
        };
        if client.hold()? == 1 {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            *last = Some(frame.clone_ref(py));
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

fn closed() -> PyErr {
    raise(Kind::Released, Errno::BADF, "the client is closed", None)
}
