//! Hosts: frames of this process for others.

mod registry;

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use videostream::hal::format::{FourCc, Layout, PlaneLayout};
use videostream::hal::ring::FrameDescriptor;
use videostream::hal::ring::descriptor::NO_TIME;
use videostream::hal::time::{now_ns, until as time_until};
use videostream::share::{self, Access, Exports, HostBuilder, Lender, Policy, Refused};
use videostream::v2::Extra;

use self::registry::Registry;
use crate::error::{Failure, Kind, invalid, raise, to_python};
use crate::fork::Native;
use crate::frame::{About, Drawn, Frame, describe, parse_fourcc};
use crate::memory::{Owner, Shared, copy};
use crate::stats;
use crate::wait::{deadline, lock, nanoseconds, until};

/// Buffers that are kept for new frames, beside those that are out.
const SPARES: usize = 4;

/// The owner of a stream: frames that it posts are seen by any number of clients without a copy.
///
/// `path` is the socket: a file if it starts with `/`, else an abstract name. A host has no thread:
/// each `post()` serves clients, as `process()` and `poll()` do in between.
///
/// - `lend`: frames that can be out at once (8); what clients hold together stays one below.
/// - `mode`: permission bits of the socket's file (0o600).
/// - `policy`: which frames make room for new ones: "newest" (default: the oldest that nobody holds),
///   "until-expiry", "never-drop".
/// - `lease`: seconds that a client may hold a frame once buffers run short (no limit).
/// - `access`: who may connect: "same-user" (default, and root), "anyone", or a dict of lists `uids`, `gids`.
/// - `writable`: whether clients may write the frames (no).
#[pyclass(module = "videostream", frozen, weakref)]
pub(crate) struct Host {
    path: PathBuf,
    state: Native<Mutex<Option<State>>>,
}

struct State {
    lender: Lender<usize>,
    /// Memory that frames lie in, by place; holes where some was let go.
    entries: Vec<Option<Entry>>,
    registry: Registry,
}

/// Registered memory.
struct Entry {
    memory: Owner,
    /// Its numbers in the ring.
    ids: Vec<u32>,
    /// A frame in it is out.
    is_lent: bool,
    /// What new frames in it would be, if it is this host's own.
    layout: Option<Layout>,
}

impl Entry {
    /// Whether a new frame can have it: nobody draws into it or looks at it.
    fn is_free(&self) -> bool {
        !self.is_lent && Arc::strong_count(&self.memory) == 1
    }
}

impl State {
    /// Serves clients. One that has connected just now has said hello already: it is let in at
    /// once, so that a program can be host and client in one thread.
    fn process(&mut self) -> Result<(), Failure> {
        self.lender.host_mut().process()?;
        if self.lender.host().is_expecting() {
            self.lender.host_mut().process()?;
        }
        Ok(())
    }

    /// Takes back what nobody holds any more.
    fn take_back(&mut self) {
        let entries = &mut self.entries;
        self.lender.take_back(|at| {
            if let Some(entry) = entries.get_mut(at).and_then(Option::as_mut) {
                entry.is_lent = false;
            }
        });
        self.tidy();
    }

    /// Lets memory go that is not needed any more.
    fn tidy(&mut self) {
        self.registry.tidy(self.lender.host_mut(), now_ns());
        let mut spares = 0;
        for place in self.entries.iter_mut().rev() {
            let Some(entry) = place.as_ref().filter(|entry| entry.is_free()) else {
                continue;
            };
            if entry.layout.is_some() && spares < SPARES {
                spares += 1;
                continue;
            }
            for id in &entry.ids {
                self.registry.leave(self.lender.host_mut(), *id);
            }
            *place = None;
        }
    }

    /// Registers memory, and gives its place; `None` if clients can't have it where it lies.
    fn insert(&mut self, memory: Owner, layout: Option<Layout>) -> Result<Option<usize>, Failure> {
        let mut ids = Vec::new();
        for fd in parts(&memory)? {
            let host = self.lender.host_mut();
            match self.registry.enter(host, fd) {
                Ok(Some(id)) => ids.push(id),
                refused => {
                    for id in ids {
                        self.registry.leave(host, id);
                    }
                    refused?;
                    return Ok(None);
                }
            }
        }
        let entry = Entry {
            memory,
            ids,
            is_lent: false,
            layout,
        };
        let place = match self.entries.iter().position(Option::is_none) {
            Some(place) => place,
            None => {
                self.entries.push(None);
                self.entries.len() - 1
            }
        };
        self.entries[place] = Some(entry);
        Ok(Some(place))
    }

    /// Memory of the host's own for frames of this layout, which nobody uses: its place.
    fn own(&mut self, layout: &Layout) -> Result<usize, Failure> {
        let is_free = |entry: &Option<Entry>| {
            let entry = entry.as_ref();
            entry.is_some_and(|entry| entry.layout == Some(*layout) && entry.is_free())
        };
        if let Some(place) = self.entries.iter().position(is_free) {
            return Ok(place);
        }
        let memory: Owner = Arc::new(Native::new(Box::new(Drawn::allocate(layout)?)));
        let place = self.insert(memory, Some(*layout))?;
        let place = place.ok_or_else(|| {
            raise(
                Kind::Other,
                Errno::NOMEM,
                "no memory that can be shared",
                None,
            )
        })?;
        Ok(place)
    }
}

/// The descriptors of a frame's memory, each once, in the order of its planes.
fn parts(memory: &Owner) -> PyResult<Vec<BorrowedFd<'_>>> {
    let memory = memory.get()?;
    let mut parts: Vec<BorrowedFd<'_>> = Vec::new();
    for at in 0.. {
        let Some((fd, _)) = memory.plane_fd(at) else {
            break;
        };
        if parts
            .iter()
            .all(|known| known.as_raw_fd() != fd.as_raw_fd())
        {
            parts.push(fd);
        }
    }
    match parts.is_empty() {
        true => Err(raise(
            Kind::Other,
            Errno::BADF,
            "the frame has no memory to share",
            None,
        )),
        false => Ok(parts),
    }
}

impl Host {
    /// The host, or that it is closed.
    fn lock(&self) -> PyResult<MutexGuard<'_, Option<State>>> {
        Ok(lock(self.state.get()?))
    }

    /// Runs `act` with the host.
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
            state: Native::new(Mutex::new(Some(State {
                lender: Lender::new(host),
                entries: Vec::new(),
                registry: Registry::default(),
            }))),
        })
    }

    /// The socket.
    #[getter]
    fn path(&self) -> String {
        self.path.display().to_string()
    }

    /// The descriptor of the listening socket, which is the host's: duplicate it to keep it.
    #[getter]
    fn listener(&self) -> Result<i32, Failure> {
        self.with(|state| match state.lender.host().listener() {
            Some(fd) => Ok(fd.as_raw_fd()),
            None => Err(raise(Kind::Other, Errno::BADF, "the host does not listen", None).into()),
        })
    }

    /// Clients that are connected.
    #[getter]
    fn clients_count(&self) -> Result<usize, Failure> {
        self.with(|state| Ok(state.lender.host().sockets().count()))
    }

    /// What the host has counted, as a dict.
    fn stats<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyDict>, Failure> {
        self.with(|state| Ok(stats::of_host(py, &state.lender.host().stats())?))
    }

    /// A descriptor that is readable when `process()` has something to do.
    fn fileno(&self) -> Result<i32, Failure> {
        self.with(|state| Ok(state.lender.host().as_fd().as_raw_fd()))
    }

    /// Waits until `process()` has something to do, at most `timeout` seconds; negative or None for
    /// no limit. Gives how many descriptors are ready.
    #[pyo3(signature = (timeout = 0.0))]
    fn poll(&self, py: Python<'_>, timeout: Option<f64>) -> Result<u32, Failure> {
        let deadline_ns = deadline(timeout.filter(|seconds| seconds.is_nan() || *seconds >= 0.0))?;
        let fd = self.with(|state| {
            let fd = state.lender.host().as_fd().try_clone_to_owned();
            fd.map_err(|error| videostream::Error::Os("dup", error).into())
        })?;
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

    /// Lets clients in, notices who left, and takes back what nobody holds; never waits.
    fn process(&self) -> Result<(), Failure> {
        self.with(|state| {
            state.process()?;
            state.take_back();
            Ok(())
        })
    }

    /// A frame of `width` by `height` pixels to draw into and post, in memory that this host uses
    /// again and again: nothing is allocated or sent for it once the stream runs. What it holds is
    /// that of an earlier frame.
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
            let mut about = About::new(describe(&layout));
            about.is_writable = true;
            Ok(Frame::of_owner(memory, about))
        })
    }

    /// Publishes a frame and serves clients; gives its serial.
    ///
    /// The frame belongs to the host from then on. Times are nanoseconds of `time.monotonic_ns()`:
    /// `expires` is when it goes even if nothing newer comes (0: never), `duration` how long it is
    /// shown, `pts` and `dts` are times of the stream. Memory that was attached is shared where it lies,
    /// unless that could be cut short by others: then it is copied.
    ///
    /// A received frame can be posted onward. It counts as held at the host that it came from until
    /// this one lets it go, which keeps up to `lend` frames: give the client a `hold` above that.
    ///
    /// Raises Error with ENOBUFS while clients hold all frames; the frame stays the caller's.
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
        // What has no memory yet gets it here.
        shared.memory()?;
        let about = frame.described();
        let said = |time: i64, of_frame: i64| match time {
            0 if of_frame == NO_TIME => NO_TIME,
            0 => of_frame,
            time => time,
        };
        let descriptor = FrameDescriptor {
            timestamp_ns: match about.timestamp_ns {
                0 => now,
                taken => taken,
            },
            dequeued_ns: now,
            published_ns: now,
            expires_ns: match expires {
                0 => 0,
                // What is over at once is so at any time after 0, which is never.
                time => u64::try_from(time).unwrap_or(1),
            },
            duration_ns: match duration {
                0 => about.duration_ns,
                duration => duration,
            },
            pts_ns: said(pts, about.pts_ns),
            dts_ns: said(dts, about.dts_ns),
            fence: 0,
            ..about
        };
        let whole = frame.about().whole;
        let told = whole.is_told.then_some(Extra {
            stride: whole.stride,
            expires,
            size: whole.size,
        });
        py.detach(|| self.with(|state| state.post(&shared, descriptor, told)))
    }

    /// Ends: says goodbye to clients and removes the socket. They keep what they hold.
    fn close(&self) -> PyResult<()> {
        // In a forked child the socket is the parent's.
        if self.state.is_here() {
            let state = self.lock()?.take();
            drop(state);
        }
        Ok(())
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __exit__(
        &self,
        _kind: &Bound<'_, PyAny>,
        _value: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        self.close()
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "a host can't be pickled: other processes read its frames with Client(path)",
        ))
    }

    fn __repr__(&self) -> String {
        let state = self.with(|state| {
            let host = state.lender.host();
            let clients = host.clients().count();
            Ok(format!(
                "clients={clients} lent={} serial={}",
                host.lent(),
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

impl State {
    /// Publishes what `descriptor` describes; clients of the 2.x interface are told `told`.
    fn post(
        &mut self,
        shared: &Shared,
        descriptor: FrameDescriptor,
        told: Option<Extra>,
    ) -> Result<u64, Failure> {
        self.process()?;
        self.take_back();
        let memory = shared.memory()?;
        let size = memory.get()?.size();
        let known = |entry: &Option<Entry>| {
            entry
                .as_ref()
                .is_some_and(|entry| Arc::ptr_eq(&entry.memory, &memory))
        };
        let place = match self.entries.iter().position(known) {
            Some(place) => Some(place),
            None => self.insert(Arc::clone(&memory), None)?,
        };
        let mut descriptor = descriptor;
        let place = match place {
            Some(place) => {
                self.place(&memory, place, &mut descriptor)?;
                place
            }
            None => self.copy(&memory, &mut descriptor)?,
        };
        if let Some(mut told) = told {
            let planes = descriptor.planes().iter();
            let bytes: u64 = planes.map(|plane| u64::from(plane.size)).sum();
            told.size = size.unwrap_or(told.size).min(bytes);
            told.put(&mut descriptor);
        }
        match self.lender.publish(&descriptor, place) {
            Ok(serial) => {
                if let Some(entry) = &mut self.entries[place] {
                    entry.is_lent = true;
                }
                shared.post();
                drop(memory);
                self.take_back();
                Ok(serial)
            }
            Err(Refused { error, .. }) => {
                drop(memory);
                self.tidy();
                Err(error.into())
            }
        }
    }

    /// Copies a frame into memory of the host's own: its place.
    fn copy(&mut self, memory: &Owner, descriptor: &mut FrameDescriptor) -> Result<usize, Failure> {
        let layout = packed(descriptor)?;
        let place = self.own(&layout)?;
        if let Some(entry) = &self.entries[place] {
            let own = Arc::clone(&entry.memory);
            copy(&**memory.get()?, &**own.get()?)?;
            self.place(&own, place, descriptor)?;
        }
        Ok(place)
    }

    /// Says where the planes lie, by the numbers of the ring.
    fn place(
        &self,
        memory: &Owner,
        place: usize,
        descriptor: &mut FrameDescriptor,
    ) -> Result<(), Failure> {
        let fds = parts(memory)?;
        let ids = self.entries[place]
            .as_ref()
            .map_or(&[][..], |entry| &entry.ids);
        let count = descriptor.planes().len();
        for (at, plane) in descriptor.planes.iter_mut().enumerate().take(count) {
            let Some((fd, offset)) = memory.get()?.plane_fd(at) else {
                continue;
            };
            let part = fds
                .iter()
                .position(|part| part.as_raw_fd() == fd.as_raw_fd());
            plane.buffer = part.and_then(|part| ids.get(part)).copied().unwrap_or(0);
            plane.offset = offset;
        }
        Ok(())
    }
}

/// The planes of a frame, one after the other.
fn packed(descriptor: &FrameDescriptor) -> Result<Layout, Failure> {
    let (width, height) = (descriptor.width, descriptor.height);
    let mut layout = Layout::opaque(FourCc(descriptor.fourcc), width, height, 0, 0);
    layout.plane_count = descriptor.planes().len();
    for (to, plane) in layout.planes.iter_mut().zip(descriptor.planes()) {
        *to = PlaneLayout {
            offset: layout.size,
            stride: plane.stride,
            size: plane.size,
            memory: 0,
        };
        let size = layout.size.checked_add(plane.size);
        layout.size = size.ok_or_else(|| invalid("the frame has more than 4 GiB"))?;
    }
    Ok(layout)
}

/// A layout, with the format's own strides for 0.
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

/// How a host is to be, by keyword arguments.
pub(crate) fn builder(
    path: &PathBuf,
    lend: u32,
    mode: u32,
    policy: &str,
    lease: Option<f64>,
    access: Option<&Bound<'_, PyAny>>,
    writable: bool,
) -> PyResult<HostBuilder> {
    let policy = match policy {
        "newest" => Policy::Newest,
        "until-expiry" => Policy::UntilExpiry,
        "never-drop" => Policy::NeverDrop,
        other => {
            return Err(invalid(format!(
                "policy={other:?}: expected \"newest\", \"until-expiry\" or \"never-drop\""
            )));
        }
    };
    let mut builder = share::Host::builder(path)
        .lend(lend)
        .mode(mode)
        .policy(policy);
    if let Some(seconds) = lease {
        builder = builder.lease(Duration::from_nanos(nanoseconds("lease", seconds)?));
    }
    if writable {
        builder = builder.exports(Exports::Writable);
    }
    if let Some(access) = access {
        builder = builder.access(parse_access(access)?);
    }
    Ok(builder)
}

fn parse_access(access: &Bound<'_, PyAny>) -> PyResult<Access> {
    let expected = "expected \"same-user\", \"anyone\" or {\"uids\": […], \"gids\": […]}";
    if let Ok(word) = access.extract::<String>() {
        return match word.as_str() {
            "same-user" => Ok(Access::SameUser),
            "anyone" => Ok(Access::Anyone),
            _ => Err(invalid(format!("access={word:?}: {expected}"))),
        };
    }
    let Ok(lists) = access.cast::<PyDict>() else {
        return Err(PyTypeError::new_err(format!("access={access}: {expected}")));
    };
    let list = |name: &str| -> PyResult<Vec<u32>> {
        let ids = lists.get_item(name)?;
        ids.map_or(Ok(Vec::new()), |ids| ids.extract())
    };
    let (uids, gids) = (list("uids")?, list("gids")?);
    let too_many = |_| invalid("access: too many users or groups");
    Ok(Access::Listed {
        uids: uids.as_slice().try_into().map_err(too_many)?,
        gids: gids.as_slice().try_into().map_err(too_many)?,
    })
}
