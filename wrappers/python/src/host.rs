//! Hosts share frames of this process with others.

mod buffers;
mod options;
mod registry;

use std::os::fd::{AsFd, AsRawFd};
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use videostream::hal::format::{FourCc, Layout};
use videostream::hal::ring::FrameDescriptor;
use videostream::hal::ring::descriptor::NO_TIME;
use videostream::hal::time::{now_ns, until as time_until};
use videostream::share::FramePublisher;
use videostream::v2::AppData;

use self::buffers::State;
pub(crate) use self::options::builder;
use self::registry::Registry;
use crate::context::{ContextManager, context_manager};
use crate::descriptor::describe;
use crate::error::{Failure, Kind, raise, to_python};
use crate::events::duplicate;
use crate::fork::ProcessLocal;
use crate::frame::{Frame, FrameInfo, parse_fourcc};
use crate::stats;
use crate::wait::{deadline, lock, until};

/// Shares frames with any number of clients in other processes, without a copy.
///
/// `path` is the socket: a file if it starts with `/`, else an abstract name. A host has no thread:
/// `post()` serves clients, and so does `process()` between posts.
///
/// - `lend`: maximum number of frames that are shared at once; 8 by default. Clients together can
///   hold one less.
/// - `mode`: permission bits of the socket file; 0o600 by default.
/// - `policy`: which frames make room for new ones: "newest" (default) drops the oldest frame that
///   no client holds, "until-expiry" keeps frames until they expire, "never-drop" until every
///   client in mode "every" has received them.
/// - `lease`: seconds that a client may hold a frame while buffers are short; no limit by default.
/// - `access`: who may connect: "same-user" (default; root too), "anyone", or a dict with lists
///   `uids` and `gids`.
/// - `writable`: whether clients may write to frames; False by default.
#[pyclass(module = "videostream", frozen, weakref)]
pub(crate) struct Host {
    path: PathBuf,
    state: ProcessLocal<Mutex<Option<State>>>,
}

impl Host {
    /// Locks the host's state, `None` once it is closed.
    fn lock(&self) -> PyResult<MutexGuard<'_, Option<State>>> {
        Ok(lock(self.state.get()?))
    }

    /// Calls `act` with the host's state.
    fn with<T>(&self, act: impl FnOnce(&mut State) -> Result<T, Failure>) -> Result<T, Failure> {
        let mut state = self.lock()?;
        match &mut *state {
            Some(state) => act(state),
            None => {
                let why = "the host is closed";
                Err(raise(Kind::Released, Errno::BADF, why, Some(&self.path)).into())
            }
        }
    }
}

#[pymethods]
impl Host {
    #[new]
    #[pyo3(signature = (
        path, *, lend = 8, mode = 0o600, policy = "newest", lease = None, access = None,
        writable = false
    ))]
    fn new(
        path: PathBuf,
        lend: u32,
        mode: u32,
        policy: &str,
        lease: Option<f64>,
        access: Option<&Bound<'_, PyAny>>,
        writable: bool,
    ) -> PyResult<Self> {
        let builder = builder(&path, lend, mode, policy, lease, access, writable)?;
        let host = builder.bind().map_err(to_python)?;
        Ok(Self {
            path,
            state: ProcessLocal::new(Mutex::new(Some(State {
                publisher: FramePublisher::new(host),
                entries: Vec::new(),
                registry: Registry::default(),
            }))),
        })
    }

    /// Path of the socket.
    #[getter]
    fn path(&self) -> String {
        self.path.display().to_string()
    }

    /// Descriptor of the listening socket. The host owns it: duplicate it to keep it.
    #[getter]
    fn listener(&self) -> Result<i32, Failure> {
        self.with(|state| match state.publisher.host().ipc().listener() {
            Some(fd) => Ok(fd.as_raw_fd()),
            None => Err(raise(Kind::Other, Errno::BADF, "the host does not listen", None).into()),
        })
    }

    /// Number of connected clients.
    #[getter]
    fn clients_count(&self) -> Result<usize, Failure> {
        self.with(|state| Ok(state.publisher.host().ipc().sockets().count()))
    }

    /// Returns the host's counters as a dict.
    fn stats<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyDict>, Failure> {
        self.with(|state| Ok(stats::of_host(py, &state.publisher.host().stats())?))
    }

    /// Returns a descriptor that is readable when `process()` has something to do.
    fn fileno(&self) -> Result<i32, Failure> {
        self.with(|state| Ok(state.publisher.host().as_fd().as_raw_fd()))
    }

    /// Waits until `process()` has something to do, or `timeout` seconds have passed; None or a
    /// negative number means no limit. Returns the number of ready descriptors.
    #[pyo3(signature = (timeout = 0.0))]
    fn poll(&self, py: Python<'_>, timeout: Option<f64>) -> Result<u32, Failure> {
        let deadline_ns = deadline(timeout.filter(|seconds| seconds.is_nan() || *seconds >= 0.0))?;
        let fd = self.with(|state| Ok(duplicate(state.publisher.host().as_fd())?))?;
        let ready = until(py, deadline_ns, |slice| {
            let mut fds = [PollFd::new(&fd, PollFlags::IN)];
            match poll(&mut fds, Some(&time_until(slice))) {
                Ok(0) | Err(Errno::INTR) => Ok::<_, PyErr>(None),
                Ok(_) => Ok(Some(1)),
                Err(errno) => Err(raise(Kind::Other, errno, "poll", Some(&self.path))),
            }
        })?;
        Ok(ready.unwrap_or(0))
    }

    /// Accepts clients, handles disconnects and takes released frames back. Never waits.
    fn process(&self) -> Result<(), Failure> {
        self.with(|state| {
            state.process()?;
            state.take_back();
            Ok(())
        })
    }

    /// Returns a frame of `width` by `height` pixels to draw into and post.
    ///
    /// Its memory comes from the host's pool: in a running stream nothing is allocated or sent for
    /// it. It may contain the pixels of an earlier frame.
    #[pyo3(signature = (width, height, fourcc, stride = 0))]
    fn frame(
        &self,
        width: u32,
        height: u32,
        fourcc: &Bound<'_, PyAny>,
        stride: u32,
    ) -> Result<Frame, Failure> {
        let fourcc = parse_fourcc(fourcc)?;
        let layout = layout(fourcc, width, height, stride)?;
        self.with(|state| {
            state.take_back();
            let place = state.own(&layout)?;
            let Some(entry) = &state.entries[place] else {
                return Err(raise(Kind::Other, Errno::NOMEM, "no memory", None).into());
            };
            let memory = Arc::clone(&entry.memory);
            let mut info = FrameInfo::new(describe(&layout));
            info.is_writable = true;
            Ok(Frame::from_owner(memory, info))
        })
    }

    /// Publishes a frame, serves clients, and returns the frame's serial.
    ///
    /// The frame belongs to the host from then on. Times are nanoseconds of `time.monotonic_ns()`:
    /// `expires` is when the frame expires even if no newer one follows (0: never), `duration` how
    /// long it is shown, `pts` and `dts` are times of the stream. Attached memory is shared in
    /// place, or copied if another process could truncate it.
    ///
    /// A received frame can be posted onward. It stays held at its first host until this host
    /// releases it, which may keep `lend` frames: give the client a larger `hold`.
    ///
    /// Raises Error with ENOBUFS while clients hold all frames; the frame then stays with the
    /// caller.
    #[pyo3(signature = (frame, expires = 0, duration = 0, pts = 0, dts = 0))]
    fn post(
        &self,
        py: Python<'_>,
        frame: &Bound<'_, Frame>,
        expires: i64,
        duration: u64,
        pts: i64,
        dts: i64,
    ) -> Result<u64, Failure> {
        let frame = frame.get();
        let now = now_ns();
        let shared = frame.shared();
        // Allocates the memory of a frame that has none yet.
        shared.memory()?;
        let info = frame.current_descriptor();
        let said = |time: i64, of_frame: i64| match time {
            0 if of_frame == NO_TIME => NO_TIME,
            0 => of_frame,
            time => time,
        };
        let descriptor = FrameDescriptor {
            timestamp_ns: match info.timestamp_ns {
                0 => now,
                taken => taken,
            },
            dequeued_ns: now,
            published_ns: now,
            expires_ns: match expires {
                0 => 0,
                // A negative time has passed already; 0 would mean never.
                time => u64::try_from(time).unwrap_or(1),
            },
            duration_ns: match duration {
                0 => info.duration_ns,
                duration => duration,
            },
            pts_ns: said(pts, info.pts_ns),
            dts_ns: said(dts, info.dts_ns),
            fence: 0,
            ..info
        };
        let whole = frame.info().whole;
        let told = whole.is_told.then_some(AppData {
            stride: whole.stride,
            expires,
            size: whole.size,
        });
        py.detach(|| self.with(|state| state.post(&shared, descriptor, told)))
    }

    /// Says goodbye to clients and removes the socket. Clients keep the frames that they hold.
    fn close(&self) -> PyResult<()> {
        // In a forked child the socket is the parent's.
        if self.state.is_here() {
            let state = self.lock()?.take();
            drop(state);
        }
        Ok(())
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "a host can't be pickled: other processes read its frames with Client(path)",
        ))
    }

    fn __repr__(&self) -> String {
        let state = self.with(|state| {
            let host = state.publisher.host();
            let clients = host.clients().count();
            Ok(format!(
                "clients={clients} lent={} serial={}",
                host.outstanding(),
                host.head()
            ))
        });
        let state = state.unwrap_or_else(|_| "closed".to_owned());
        format!(
            "<videostream.Host {:?} {state}>",
            self.path.display().to_string()
        )
    }
}

/// Returns the layout of a format; a stride of 0 means the format's own.
pub(crate) fn layout(
    fourcc: FourCc,
    width: u32,
    height: u32,
    stride: u32,
) -> Result<Layout, Failure> {
    let layout = match stride {
        0 => Layout::new(fourcc, width, height),
        stride => Layout::with_stride(fourcc, width, height, stride),
    };
    Ok(layout.map_err(videostream::Error::from)?)
}

impl ContextManager for Host {
    fn exit(slf: &Bound<'_, Self>, _has_failed: bool) -> PyResult<()> {
        slf.get().close()
    }
}

context_manager!(Host);
