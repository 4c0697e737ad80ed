//! Clients read the frames of a host in another process.

mod connection;
mod frames;
mod v2;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use rustix::io::Errno;
use videostream::hal::time::now_ns;
use videostream::ipc::Error as IpcError;
use videostream::share::{self, Mode};
use videostream::{Error, Result};

use self::connection::{Attempt, Connection, Inner, Link, State};
pub(crate) use self::frames::Frames;
use crate::context::{ContextManager, context_manager};
use crate::error::{Failure, Kind, invalid, raise, to_python};
use crate::events::Events;
use crate::fork::ProcessLocal;
use crate::frame::Frame;
use crate::iteration::async_iterator;
use crate::stats;
use crate::wait::{deadline, nanoseconds, until};

/// Reads a host's frames: `for frame in client`, `async for frame in client`.
///
/// `path` is the host's socket: a file if it starts with `/`, else an abstract name. Creating a
/// client never waits. A missing host raises HostGone; with `reconnect=True` calls wait for one
/// instead, and for the next one when it ends.
///
/// - `mode`: "newest" (default) returns the newest frame at each call, "every" all frames in order,
///   as long as the host still has them.
/// - `hold`: number of frames to hold at once; 2 by default, or 1 if the host can't spare more.
/// - `spin`: seconds to poll for a frame before sleeping, which lowers latency at the cost of a
///   core; 0 by default.
/// - `keep_mapped`: number of buffers that stay mapped; all by default.
/// - `timeout`: default timeout of waits in seconds; none by default.
#[pyclass(module = "videostream", frozen, weakref)]
pub(crate) struct Client {
    path: PathBuf,
    options: Options,
    inner: ProcessLocal<Inner>,
    is_closed: AtomicBool,
}

/// Arguments of `connect` when unpickling.
type Arguments<'py> = (PathBuf, Bound<'py, PyDict>);

/// The options it was created with, for pickling.
#[derive(Clone, Debug)]
struct Options {
    mode: String,
    hold: Option<u32>,
    spin: f64,
    reconnect: bool,
    keep_mapped: Option<usize>,
    timeout: Option<f64>,
}

impl Client {
    fn inner(&self) -> PyResult<&Inner> {
        self.inner.get()
    }

    fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    /// Connects if need be, and calls `act` with the connection; `None` if the deadline comes
    /// first.
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
        // Fair, or the same thread would lock it again before the next one wakes.
        MutexGuard::unlock_fair(state);
        match result {
            Err(_) if self.is_closed() => Err(self.closed().into()),
            Err(error) if error.is_timeout() || self.goes_on(&error) => Ok(None),
            result => Ok(result?),
        }
    }

    /// Whether the client reconnects after this error.
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

    /// Publishes a new connection to other threads and to the event loop.
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

    /// Waits for the next frame; `None` after the timeout.
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> Result<Option<Frame>, Failure> {
        let deadline_ns = deadline(timeout.or(self.options.timeout))?;
        let frame = until(py, deadline_ns, |slice| {
            self.step(slice, |client, slice| client.next_until(slice).map(Some))
        })?;
        Ok(frame.map(Frame::received))
    }

    /// Calls `look` with the connection, waiting for it if need be.
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
            inner: ProcessLocal::new(Inner {
                state: Mutex::new(State::Connecting(Box::new(attempt))),
                link: Mutex::new(link),
                events,
            }),
            is_closed: AtomicBool::new(false),
        };
        // Reports a missing host at once.
        py.detach(|| client.step(now_ns(), |_, _| Ok(Some(()))))?;
        Ok(client)
    }

    /// Path of the host's socket.
    #[getter]
    fn path(&self) -> String {
        self.path.display().to_string()
    }

    /// Whether it is connected, as far as is known.
    #[getter]
    fn is_connected(&self) -> PyResult<bool> {
        Ok(self.inner()?.link.lock().reader.is_some())
    }

    /// Number of times that it reconnected to a new host.
    #[getter]
    fn restarts(&self) -> PyResult<u64> {
        Ok(self.inner()?.link.lock().restarts)
    }

    /// Number of frames that it may hold at once, as agreed with the host.
    #[getter]
    fn hold(&self) -> PyResult<u32> {
        Ok(self.inner()?.link.lock().hold)
    }

    /// Number of frames that it holds now.
    #[getter]
    fn held(&self) -> PyResult<u32> {
        let link = self.inner()?.link.lock();
        Ok(link.reader.as_ref().map_or(0, |reader| reader.ipc().held()))
    }

    /// Returns the next frame. Waits at most `timeout` seconds; None means the client's `timeout`,
    /// which is no limit by default.
    ///
    /// Raises TimedOut, HostGone, Refused with the host's reason, and HoldLimit while the client
    /// holds as many frames as agreed.
    #[pyo3(signature = (timeout = None))]
    fn next(&self, py: Python<'_>, timeout: Option<f64>) -> Result<Frame, Failure> {
        let frame = self.wait(py, timeout)?;
        frame.ok_or_else(|| self.share_error(IpcError::TimedOut).into())
    }

    /// Returns the next frame, or None if it isn't ready yet. Never waits: after None, event loops
    /// wait until `fileno()` is readable.
    ///
    /// Raises the same errors as `next`, except that a host that has not answered yet, or that
    /// `reconnect` waits for, is not an error.
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

    /// Returns a descriptor that is readable when `poll()` has something to do. It stays the same
    /// across reconnects, until the client is closed. The client owns it: duplicate it to keep it.
    fn fileno(&self) -> PyResult<i32> {
        let inner = self.inner()?;
        if self.is_closed() {
            return Err(self.closed());
        }
        Ok(inner.events.as_raw_fd())
    }

    /// Continues after the frame with this serial.
    fn seek(&self, py: Python<'_>, serial: u64) -> Result<(), Failure> {
        self.with(py, self.options.timeout, |client, _| {
            client.seek(serial);
            Ok(())
        })
    }

    /// Parameter sets of a compressed stream (SPS and PPS, for example), which decoding starts
    /// with; None for raw frames.
    #[getter]
    fn parameters<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let sets = self.with(py, self.options.timeout, |client, _| client.parameters())?;
        Ok(sets.map(|sets| PyBytes::new(py, &sets)))
    }

    /// Asks the host of a compressed stream for a key frame, which the host may ignore.
    fn ask_for_key_frame(&self, py: Python<'_>) -> Result<(), Failure> {
        self.with(py, self.options.timeout, |client, _| {
            client.ask_for_key_frame();
            Ok(())
        })
    }

    /// Returns the status of the host as a dict: its counters, and a list `clients`.
    #[pyo3(signature = (timeout = 1.0))]
    fn stats<'py>(&self, py: Python<'py>, timeout: Option<f64>) -> PyResult<Bound<'py, PyDict>> {
        let report = self.with(py, timeout, |client, deadline_ns| {
            let left = deadline_ns.saturating_sub(now_ns());
            client.look(Duration::from_nanos(left))
        })?;
        stats::of_report(py, &report)
    }

    /// Closes the connection; waits in other threads raise Released. Frames stay readable until
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
            // Wakes event loops, which then see that it is closed.
            inner.events.end();
        });
    }

    fn __iter__(slf: Bound<'_, Self>) -> Frames {
        Frames::new(slf.unbind())
    }

    fn __aiter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        async_iterator(slf)
    }

    /// Pickles path and options: the copy makes its own connection.
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

fn parse_mode(mode: &str) -> PyResult<Mode> {
    match mode {
        "newest" => Ok(Mode::Newest),
        "every" => Ok(Mode::Every),
        other => Err(invalid(format!(
            "mode={other:?}: expected \"newest\" or \"every\""
        ))),
    }
}

impl ContextManager for Client {
    fn exit(slf: &Bound<'_, Self>, _has_failed: bool) -> PyResult<()> {
        slf.get().close(slf.py());
        Ok(())
    }
}

context_manager!(Client);
