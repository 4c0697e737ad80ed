//! Streams: a host that shares the frames of a source.

mod processing;

use std::os::fd::{AsFd, AsRawFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use rustix::io::Errno;
use videostream::Error;
use videostream::share::HostBuilder;
use videostream::source::{Awake, Watch};

use self::processing::{Processing, parse_codec};
use crate::context::{ContextManager, context_manager};
use crate::error::{Failure, Kind, raise};
use crate::feed::BoxedSource;
use crate::fork::ProcessLocal;
use crate::frame::parse_fourcc;
use crate::host::builder;
use crate::source::{Source, ended};
use crate::stats;
use crate::wait::{Stopped, deadline, nanoseconds, until};

/// Shares a source's frames with any number of clients, without a copy: `with Stream(path,
/// Camera()):`.
///
/// In a `with` block, and after `start()`, a background thread serves clients; `run()` serves them
/// in the calling thread, `await serve()` in an event loop, `step()` frame by frame. The stream
/// owns the source and closes it.
///
/// - `convert`, `size`: format and size of the shared frames; the source's own by default. JPEG
///   frames are decoded before they are converted or encoded.
/// - `encode`: "h264" or "h265" shares packets; a new client starts at a key frame. `bitrate` is in
///   bits per second, 5,000,000 by default; `gop` is the number of frames from one key frame to the
///   next, by default those of one second.
/// - `buffers`: number of buffers for converted or encoded frames; 8 by default. The source has its
///   own.
/// - `lifespan`: seconds after which a frame expires even if no newer one follows; never by
///   default.
/// - `mode`, `policy`, `lease`, `access`, `writable`: as for Host.
#[pyclass(module = "videostream", frozen, weakref)]
pub(crate) struct Stream {
    inner: Arc<Inner>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What a stream shares with its thread.
struct Inner {
    path: PathBuf,
    about: String,
    native: ProcessLocal<Mutex<Option<videostream::Stream<BoxedSource>>>>,
    watch: Watch,
    is_closed: AtomicBool,
    is_running: AtomicBool,
    /// The error that ended the thread, until it is raised.
    failed: Mutex<Option<Error>>,
}

impl Inner {
    fn lock<'a>(
        &self,
        stream: &'a Mutex<Option<videostream::Stream<BoxedSource>>>,
    ) -> MutexGuard<'a, Option<videostream::Stream<BoxedSource>>> {
        stream.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes the next frame that comes before `deadline_ns`.
    fn step(&self, deadline_ns: u64) -> Result<Option<u64>, Stopped> {
        let stream = self.native.get()?;
        loop {
            // Without the lock, so that other threads can query the stream meanwhile.
            let awake = self.watch.wait(deadline_ns)?;
            if awake.ended {
                return Err(Stopped::Closed);
            }
            if awake == Awake::default() {
                return Ok(None);
            }
            let mut stream = self.lock(stream);
            let stream = stream.as_mut().ok_or(Stopped::Closed)?;
            let stepped = stream.step(0);
            let followed = self.watch.follow(stream.source());
            let serial = stepped.and_then(|serial| followed.map(|()| serial));
            if let Some(serial) = serial? {
                return Ok(Some(serial));
            }
        }
    }

    /// Serves clients until the end, in a thread without the GIL.
    fn serve(&self) {
        loop {
            match self.step(u64::MAX) {
                Ok(_) => {}
                Err(Stopped::Failed(Failure::Library(error))) => {
                    *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    break;
                }
                Err(_) => break,
            }
        }
        // Says goodbye to clients at once, not when the object is dropped.
        self.close();
        self.is_running.store(false, Ordering::Release);
    }

    fn closed(&self) -> PyErr {
        let why = "the stream is closed";
        raise(Kind::Released, Errno::BADF, why, Some(&self.path))
    }

    /// Calls `look` with the stream.
    fn with<T>(
        &self,
        look: impl FnOnce(&videostream::Stream<BoxedSource>) -> PyResult<T>,
    ) -> PyResult<T> {
        // Holders of the lock never wait for the GIL.
        let stream = self.lock(self.native.get()?);
        match &*stream {
            Some(stream) => look(stream),
            None => Err(self.closed()),
        }
    }

    fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        let Some(stream) = self.native.here() else {
            return;
        };
        self.watch.end();
        drop(self.lock(stream).take());
    }
}

impl Stream {
    fn is_running(&self) -> bool {
        self.inner.is_running.load(Ordering::Acquire)
    }

    /// Raises the error that ended the thread, once.
    fn failure(&self) -> PyResult<()> {
        let failed = &self.inner.failed;
        let error = failed.lock().unwrap_or_else(PoisonError::into_inner).take();
        match error {
            None | Some(Error::EndOfStream) => Ok(()),
            Some(error) => Err(Failure::Library(error).into()),
        }
    }

    fn refuse_running(&self) -> PyResult<()> {
        match self.is_running() {
            true => Err(raise(
                Kind::Other,
                Errno::BUSY,
                "a background thread already serves the stream",
                Some(&self.inner.path),
            )),
            false => Ok(()),
        }
    }

    fn begin(&self) -> PyResult<()> {
        self.refuse_running()?;
        if self.inner.is_closed.load(Ordering::Relaxed) {
            return Err(self.inner.closed());
        }
        self.inner.native.get()?;
        self.inner.is_running.store(true, Ordering::Release);
        let inner = Arc::clone(&self.inner);
        let name = "videostream".to_owned();
        let spawned = thread::Builder::new()
            .name(name)
            .spawn(move || inner.serve());
        match spawned {
            Ok(handle) => {
                *self.thread() = Some(handle);
                Ok(())
            }
            Err(error) => {
                self.inner.is_running.store(false, Ordering::Release);
                Err(Failure::Library(Error::Thread { error }).into())
            }
        }
    }

    fn thread(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) {
        self.inner.close();
        // A forked child does not have the thread.
        if self.inner.native.is_here()
            && let Some(handle) = self.thread().take()
        {
            let _ = handle.join();
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // The thread ends by itself: a drop must not wait for it.
        self.inner.close();
    }
}

#[pymethods]
impl Stream {
    #[new]
    #[pyo3(signature = (
        path, source, *, encode = None, bitrate = 5_000_000, gop = None, convert = None,
        size = None,
        buffers = 8, lifespan = None, mode = 0o600, policy = "newest", lease = None,
        access = None, writable = false
    ))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        source: &Bound<'_, Source>,
        encode: Option<&str>,
        bitrate: u32,
        gop: Option<u32>,
        convert: Option<&Bound<'_, PyAny>>,
        size: Option<(u32, u32)>,
        buffers: u32,
        lifespan: Option<f64>,
        mode: u32,
        policy: &str,
        lease: Option<f64>,
        access: Option<&Bound<'_, PyAny>>,
        writable: bool,
    ) -> Result<Self, Failure> {
        // The source determines how many frames can be out.
        let host = builder(&path, buffers, mode, policy, lease, access, writable)?;
        let made = Processing {
            codec: encode.map(parse_codec).transpose()?,
            bitrate,
            gop,
            convert: convert.map(parse_fourcc).transpose()?,
            size,
            buffers,
        };
        let lifespan_ns = match lifespan {
            Some(seconds) => nanoseconds("lifespan", seconds)?,
            None => 0,
        };
        let name = source.get().feed().name().display().to_string();
        let feed = source.get().feed();
        let inner = py.detach(|| -> Result<Inner, Failure> {
            let source = made.of(feed.take_over()?)?;
            share(path, name, host, source, lifespan_ns)
        })?;
        Ok(Self {
            inner: Arc::new(inner),
            thread: Mutex::new(None),
        })
    }

    /// Path of the socket that clients connect to.
    #[getter]
    fn path(&self) -> String {
        self.inner.path.display().to_string()
    }

    /// Number of connected clients.
    #[getter]
    fn clients_count(&self) -> PyResult<usize> {
        self.inner
            .with(|stream| Ok(stream.host().clients().count()))
    }

    /// Number of frames that the source dropped, for lack of buffers or otherwise.
    #[getter]
    fn dropped(&self) -> PyResult<u64> {
        self.inner.with(|stream| Ok(stream.dropped()))
    }

    /// The problem while the source waits for its camera (unplugged, no signal), else None.
    #[getter]
    fn trouble(&self) -> PyResult<Option<String>> {
        self.inner.with(|stream| {
            let trouble = videostream::Source::trouble(stream.source());
            Ok(trouble.map(ToString::to_string))
        })
    }

    /// Whether a background thread serves clients.
    #[getter(is_running)]
    fn get_is_running(&self) -> bool {
        self.is_running()
    }

    /// Whether it was closed.
    #[getter]
    fn is_closed(&self) -> bool {
        self.inner.is_closed.load(Ordering::Relaxed)
    }

    /// Returns the counters as a dict: those of a Host, `dropped`, `serial` of the newest frame,
    /// and a list `clients`.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counted = self.inner.with(|stream| {
            let host = stream.host();
            let clients: Vec<_> = host.clients().collect();
            Ok((host.stats(), stream.dropped(), host.head(), clients))
        });
        let (counts, dropped, serial, clients) = counted?;
        let dict = stats::of_host(py, &counts)?;
        dict.set_item("dropped", dropped)?;
        dict.set_item("serial", serial)?;
        let list = PyList::empty(py);
        for client in &clients {
            list.append(stats::of_client(py, client)?)?;
        }
        dict.set_item("clients", list)?;
        Ok(dict)
    }

    /// Serves clients, publishes the next frame and returns its serial, or None after `timeout`
    /// seconds.
    ///
    /// Raises Unplugged, EndOfStream, and other errors of the source.
    #[pyo3(signature = (timeout = None))]
    fn step(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Option<u64>> {
        self.refuse_running()?;
        match self.wait(py, deadline(timeout)?) {
            Ok(serial) => Ok(serial),
            Err(Stopped::Failed(failure)) => Err(ended(failure).into()),
            Err(Stopped::Closed) => Err(self.inner.closed()),
        }
    }

    /// Serves clients in the calling thread until the source ends, another thread calls `close()`,
    /// or `timeout` seconds have passed. Ctrl-C raises KeyboardInterrupt. Returns the number of
    /// published frames.
    #[pyo3(signature = (timeout = None))]
    fn run(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<u64> {
        self.refuse_running()?;
        let deadline_ns = deadline(timeout)?;
        let mut frames = 0;
        loop {
            match self.wait(py, deadline_ns) {
                Ok(Some(_)) => frames += 1,
                Ok(None)
                | Err(Stopped::Closed | Stopped::Failed(Failure::Library(Error::EndOfStream))) => {
                    return Ok(frames);
                }
                Err(Stopped::Failed(failure)) => return Err(failure.into()),
            }
            // A wait that ends with a frame did not check for signals.
            py.check_signals()?;
            if videostream::hal::time::now_ns() >= deadline_ns {
                return Ok(frames);
            }
        }
    }

    /// Serves clients in a background thread until `close()`, which raises the error if the source
    /// has failed before.
    fn start(&self) -> PyResult<()> {
        self.begin()
    }

    /// Serves clients in the running event loop until the source ends or the stream is closed:
    /// `await stream.serve()`.
    fn serve<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let module = slf.py().import("videostream._asyncio")?;
        module.getattr("serve")?.call1((slf,))
    }

    /// Returns a descriptor that is readable when `step(0)` has something to do. It stays the same.
    fn fileno(&self) -> PyResult<i32> {
        self.inner.native.get()?;
        Ok(self.inner.watch.as_fd().as_raw_fd())
    }

    /// Says goodbye to clients, removes the socket and closes the source. Clients keep the frames
    /// that they hold.
    ///
    /// Raises the error that ended the background thread, if there was one.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.end());
        self.failure()
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "a stream can't be pickled: other processes read its frames with Client(path)",
        ))
    }

    fn __repr__(&self) -> String {
        let state = self.inner.with(|stream| {
            let host = stream.host();
            Ok(format!(
                "clients={} serial={}{}",
                host.clients().count(),
                host.head(),
                if self.is_running() { " running" } else { "" }
            ))
        });
        let state = state.unwrap_or_else(|_| "closed".to_owned());
        format!(
            "<videostream.Stream {:?} of {} {state}>",
            self.path(),
            self.inner.about
        )
    }
}

impl Stream {
    fn wait(&self, py: Python<'_>, deadline_ns: u64) -> Result<Option<u64>, Stopped> {
        until(py, deadline_ns, |slice| self.inner.step(slice))
    }
}

/// Binds a host that shares a source.
fn share(
    path: PathBuf,
    name: String,
    host: HostBuilder,
    source: BoxedSource,
    lifespan_ns: u64,
) -> Result<Inner, Failure> {
    let layout = videostream::Source::layout(&source);
    let about = format!(
        "{name} {} {}x{}",
        layout.fourcc, layout.width, layout.height
    );
    let mut stream = videostream::Stream::new(host, source)?;
    stream.set_lifespan_ns(lifespan_ns);
    let watch = Watch::new()?;
    watch.add(stream.host().as_fd())?;
    watch.follow(stream.source())?;
    Ok(Inner {
        path,
        about,
        native: ProcessLocal::new(Mutex::new(Some(stream))),
        watch,
        is_closed: AtomicBool::new(false),
        is_running: AtomicBool::new(false),
        failed: Mutex::new(None),
    })
}

impl ContextManager for Stream {
    fn enter(slf: &Bound<'_, Self>) -> PyResult<()> {
        match slf.get().is_running() {
            true => Ok(()),
            false => slf.get().begin(),
        }
    }

    fn exit(slf: &Bound<'_, Self>, has_failed: bool) -> PyResult<()> {
        let stream = slf.get();
        slf.py().detach(|| stream.end());
        // An exception of the block comes first.
        match has_failed {
            true => Ok(()),
            false => stream.failure(),
        }
    }
}

context_manager!(Stream);
