//! Streams: a source shared by a host.

use std::os::fd::{AsFd, AsRawFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use rustix::io::Errno;
use videostream::encode::{Codec, EncoderConfig, RateControl};
use videostream::hal::format::FourCc;
use videostream::share::HostBuilder;
use videostream::source::{Awake, Watch};
use videostream::{ConvertedSource, DecodedSource, EncodedSource, Error, FrameRate, jpeg};

use crate::error::{Failure, Kind, invalid, raise};
use crate::feed::{AnySource, BoxedSource};
use crate::fork::Native;
use crate::frame::parse_fourcc;
use crate::host::builder;
use crate::source::{Source, ended};
use crate::stats;
use crate::wait::{deadline, nanoseconds, until};

impl AnySource for ConvertedSource<BoxedSource> {}
impl AnySource for DecodedSource<BoxedSource> {}
impl AnySource for EncodedSource<BoxedSource> {}

/// A source's frames, shared with any number of clients without a copy: `with Stream(path,
/// Camera()):`.
///
/// In a `with` block, and after `start()`, a thread of its own serves clients; `run()` does it in
/// the calling thread, `await serve()` in an event loop, `step()` frame by frame. The source is the
/// stream's from then on: it is closed with it.
///
/// - `convert`, `size`: format and size of what is shared; the source's own by default. Frames of
///   JPEG are decoded where they are converted or encoded.
/// - `encode`: "h264" or "h265" shares packets; who joins gets a key frame next. `bitrate` in bits
///   per second (5000000), `gop`: frames from one key frame to the next (those of a second).
/// - `buffers`: of what is converted or encoded (8); the source's own are its own.
/// - `lifespan`: seconds after which a frame goes even if nothing newer comes (never).
/// - `mode`, `policy`, `lease`, `access`, `writable`: as for Host.
#[pyclass(module = "videostream", frozen, weakref)]
pub(crate) struct Stream {
    inner: Arc<Inner>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the stream's thread shares with it.
struct Inner {
    path: PathBuf,
    about: String,
    native: Native<Mutex<Option<videostream::Stream<BoxedSource>>>>,
    watch: Watch,
    is_closed: AtomicBool,
    is_running: AtomicBool,
    /// Why the thread has ended, until somebody is told.
    failed: Mutex<Option<Error>>,
}

impl Inner {
    fn lock<'a>(
        &self,
        stream: &'a Mutex<Option<videostream::Stream<BoxedSource>>>,
    ) -> MutexGuard<'a, Option<videostream::Stream<BoxedSource>>> {
        stream.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes the next frame before `deadline_ns`; an error of `None` is the end by `close`.
    fn step(&self, deadline_ns: u64) -> Result<Option<u64>, Option<Failure>> {
        let stream = self.native.get().map_err(|error| Some(error.into()))?;
        loop {
            // Without the lock, so that others can look at the stream meanwhile.
            let awake = self.watch.wait(deadline_ns).map_err(|e| Some(e.into()))?;
            if awake.ended {
                return Err(None);
            }
            if awake == Awake::default() {
                return Ok(None);
            }
            let mut stream = self.lock(stream);
            let stream = stream.as_mut().ok_or(None)?;
            let stepped = stream.step(0);
            let followed = self.watch.follow(stream.source());
            let serial = stepped.and_then(|serial| followed.map(|()| serial));
            if let Some(serial) = serial.map_err(|error| Some(error.into()))? {
                return Ok(Some(serial));
            }
        }
    }

    /// Serves until the end, in a thread that the interpreter does not know.
    fn serve(&self) {
        loop {
            match self.step(u64::MAX) {
                Ok(_) => {}
                Err(Some(Failure::Library(error))) => {
                    *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    break;
                }
                Err(_) => break,
            }
        }
        // Clients hear of the end now, and not when somebody looks at this.
        self.close();
        self.is_running.store(false, Ordering::Release);
    }

    fn closed(&self) -> PyErr {
        let why = "the stream is closed";
        raise(Kind::Released, Errno::BADF, why, Some(&self.path))
    }

    /// Runs `look` with the stream.
    fn with<T>(
        &self,
        look: impl FnOnce(&videostream::Stream<BoxedSource>) -> PyResult<T>,
    ) -> PyResult<T> {
        // The stream's thread, and whoever steps, have the lock without the interpreter.
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

    /// Why the thread has ended, once.
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
                "the stream is served by its own thread already",
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
                Err(Failure::Library(Error::Os("start a thread", error)).into())
            }
        }
    }

    fn thread(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) {
        self.inner.close();
        // A forked child has no such thread.
        if self.inner.native.is_here()
            && let Some(handle) = self.thread().take()
        {
            let _ = handle.join();
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // The thread sees the end, and nobody waits for it here.
        self.inner.close();
    }
}

#[pymethods]
impl Stream {
    #[new]
    #[pyo3(signature = (
        path, source, *, encode = None, bitrate = 5_000_000, gop = None, convert = None, size = None,
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
        // How many frames it lends is for the source to say.
        let host = builder(&path, buffers, mode, policy, lease, access, writable)?;
        let made = Made {
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

    /// The socket, which clients connect to.
    #[getter]
    fn path(&self) -> String {
        self.inner.path.display().to_string()
    }

    /// Clients that are connected.
    #[getter]
    fn clients_count(&self) -> PyResult<usize> {
        self.inner
            .with(|stream| Ok(stream.host().clients().count()))
    }

    /// Frames that the source counted but did not give, for lack of buffers or otherwise.
    #[getter]
    fn dropped(&self) -> PyResult<u64> {
        self.inner.with(|stream| Ok(stream.dropped()))
    }

    /// Why no frames come while a camera is waited for (unplugged, no signal), else None.
    #[getter]
    fn trouble(&self) -> PyResult<Option<String>> {
        self.inner.with(|stream| {
            let trouble = videostream::Source::trouble(stream.source());
            Ok(trouble.map(ToString::to_string))
        })
    }

    /// Whether a thread of its own serves it.
    #[getter(is_running)]
    fn get_is_running(&self) -> bool {
        self.is_running()
    }

    /// Whether it was closed.
    #[getter]
    fn is_closed(&self) -> bool {
        self.inner.is_closed.load(Ordering::Relaxed)
    }

    /// What was counted so far, as a dict: what a Host counts, `dropped`, `serial` of the newest
    /// frame, and a list `clients`.
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

    /// Serves clients and publishes the next frame; gives its serial, or None after `timeout`
    /// seconds.
    ///
    /// Raises Unplugged, EndOfStream and what else ends the source.
    #[pyo3(signature = (timeout = None))]
    fn step(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Option<u64>> {
        self.refuse_running()?;
        match self.wait(py, deadline(timeout)?) {
            Ok(serial) => Ok(serial),
            Err(Some(failure)) => Err(ended(failure).into()),
            Err(None) => Err(self.inner.closed()),
        }
    }

    /// Serves clients in this thread until the source ends, `close()` is called in another thread,
    /// or `timeout` seconds have passed; Ctrl-C raises KeyboardInterrupt. Gives how many frames
    /// were published.
    #[pyo3(signature = (timeout = None))]
    fn run(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<u64> {
        self.refuse_running()?;
        let deadline_ns = deadline(timeout)?;
        let mut frames = 0;
        loop {
            match self.wait(py, deadline_ns) {
                Ok(Some(_)) => frames += 1,
                Ok(None) | Err(None | Some(Failure::Library(Error::EndOfStream))) => {
                    return Ok(frames);
                }
                Err(Some(failure)) => return Err(failure.into()),
            }
            // Waits that end with a frame do not look for signals.
            py.check_signals()?;
            if videostream::hal::time::now_ns() >= deadline_ns {
                return Ok(frames);
            }
        }
    }

    /// Serves clients in a thread of its own until `close()`; what ends the source before is raised
    /// by that.
    fn start(&self) -> PyResult<()> {
        self.begin()
    }

    /// Serves clients in the running event loop until the source ends or the stream is closed:
    /// `await stream.serve()`.
    fn serve<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let module = slf.py().import("videostream._asyncio")?;
        module.getattr("serve")?.call1((slf,))
    }

    /// A descriptor that is readable when `step(0)` has something to do; it stays the same.
    fn fileno(&self) -> PyResult<i32> {
        self.inner.native.get()?;
        Ok(self.inner.watch.as_fd().as_raw_fd())
    }

    /// Ends: says goodbye to clients, removes the socket and closes the source. Clients keep what
    /// they hold.
    ///
    /// Raises what has ended the stream's own thread before, if anything has.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.end());
        self.failure()
    }

    fn __enter__(slf: Py<Self>) -> PyResult<Py<Self>> {
        if !slf.get().is_running() {
            slf.get().begin()?;
        }
        Ok(slf)
    }

    fn __exit__(
        &self,
        py: Python<'_>,
        kind: &Bound<'_, PyAny>,
        _value: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        py.detach(|| self.end());
        // What went wrong in the block comes before.
        match kind.is_none() {
            true => self.failure(),
            false => Ok(()),
        }
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
    fn wait(&self, py: Python<'_>, deadline_ns: u64) -> Result<Option<u64>, Option<Failure>> {
        /// Ends a wait.
        struct Ended(Option<Failure>);
        impl From<PyErr> for Ended {
            fn from(error: PyErr) -> Self {
                Self(Some(error.into()))
            }
        }
        let serial = until(py, deadline_ns, |slice| {
            self.inner.step(slice).map_err(Ended)
        });
        serial.map_err(|ended| ended.0)
    }
}

/// What is made of a source's pictures before they are shared.
struct Made {
    codec: Option<Codec>,
    bitrate: u32,
    gop: Option<u32>,
    convert: Option<FourCc>,
    size: Option<(u32, u32)>,
    buffers: u32,
}

impl Made {
    fn of(&self, mut source: BoxedSource) -> Result<BoxedSource, Error> {
        use videostream::Source as _;
        let is_converted = self.convert.is_some() || self.size.is_some();
        if jpeg::is_jpeg(source.layout().fourcc) && (is_converted || self.codec.is_some()) {
            source = Box::new(DecodedSource::new(source, self.buffers)?);
        }
        if is_converted {
            let has = source.layout();
            let (width, height) = self.size.unwrap_or((has.width, has.height));
            let fourcc = self.convert.unwrap_or(has.fourcc);
            let converted = ConvertedSource::new(source, fourcc, width, height, self.buffers)?;
            source = Box::new(converted);
        }
        if let Some(codec) = self.codec {
            let layout = source.layout();
            let nominal = FrameRate::fps(30).ok();
            let Some(rate) = source.rate().or(nominal) else {
                return Ok(source);
            };
            let (fourcc, width, height) = (layout.fourcc, layout.width, layout.height);
            let mut config = EncoderConfig::new(codec, fourcc, width, height, rate)
                .rate_control(RateControl::Constant(self.bitrate));
            if let Some(frames) = self.gop {
                config = config.gop(frames);
            }
            source = Box::new(EncodedSource::new(source, &config, self.buffers)?);
        }
        Ok(source)
    }
}

/// Binds a host for a source.
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
        native: Native::new(Mutex::new(Some(stream))),
        watch,
        is_closed: AtomicBool::new(false),
        is_running: AtomicBool::new(false),
        failed: Mutex::new(None),
    })
}

fn parse_codec(name: &str) -> PyResult<Codec> {
    match name.to_ascii_lowercase().as_str() {
        "h264" => Ok(Codec::H264),
        "h265" | "hevc" => Ok(Codec::H265),
        _ => Err(invalid(format!(
            "encode={name:?}: expected \"h264\", \"h265\" or None"
        ))),
    }
}
