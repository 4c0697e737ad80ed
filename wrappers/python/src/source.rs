//! What cameras and the test pattern have in common: frames one after the other.

use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::{PyStopIteration, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat};
use rustix::io::Errno;
use videostream::{Error, FrameRate};

use crate::error::{Failure, Kind, invalid, raise};
use crate::feed::Feed;
use crate::frame::Frame;
use crate::wait::{deadline, until};

/// A camera or a test pattern: what frames come from, one after the other.
///
/// It starts when the first frame, its descriptor or what it negotiated is asked for, or by
/// `start()`. `for frame in source` and `async for frame in source` give its frames until it is
/// closed. Each frame lies in one of the source's buffers, which it gets back when the frame is
/// released; while frames hold all of them HoldLimit is raised.
#[pyclass(module = "videostream", name = "Source", subclass, frozen, weakref)]
pub(crate) struct Source {
    feed: Arc<Feed>,
    timeout: Option<f64>,
}

impl Source {
    pub(crate) fn new(feed: Feed, timeout: Option<f64>) -> PyResult<Self> {
        deadline(timeout)?;
        Ok(Self {
            feed: Arc::new(feed),
            timeout,
        })
    }

    pub(crate) fn feed(&self) -> &Feed {
        &self.feed
    }

    /// The next frame, or `None` after the timeout.
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> Result<Option<Frame>, Failure> {
        let deadline_ns = deadline(timeout.or(self.timeout))?;
        until(py, deadline_ns, |slice| self.feed.next_until(slice))
    }

    fn timed_out(&self) -> PyErr {
        let name = self.feed.name().display();
        let why = match self.feed.trouble() {
            Some(trouble) => format!("no frame before the timeout: {trouble}"),
            None => format!("{name}: no frame before the timeout"),
        };
        raise(
            Kind::TimedOut,
            Errno::TIMEDOUT,
            &why,
            Some(self.feed.name()),
        )
    }

    /// How it stands, for `repr`.
    pub(crate) fn summary(&self) -> String {
        let stage = self.feed.stage();
        let Some(facts) = self.feed.known() else {
            return stage.to_owned();
        };
        let layout = facts.layout;
        let rate = facts.rate.map_or_else(String::new, |rate| {
            format!(" {} fps", (rate.as_f64() * 100.0).round() / 100.0)
        });
        format!(
            "{} {}x{}{rate}, {} buffers, {stage}",
            layout.fourcc, layout.width, layout.height, facts.buffers
        )
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.feed.close();
    }
}

#[pymethods]
impl Source {
    /// Starts it: opens, negotiates and allocates. Does nothing if it runs.
    fn start(&self, py: Python<'_>) -> Result<(), Failure> {
        py.detach(|| self.feed.start())
    }

    /// The next frame. Waits at most `timeout` seconds; without one as long as the source's
    /// `timeout` says, which is for ever by default.
    ///
    /// Raises TimedOut; Unplugged; HoldLimit while frames hold all buffers; EndOfStream.
    #[pyo3(signature = (timeout = None))]
    fn next(&self, py: Python<'_>, timeout: Option<f64>) -> Result<Frame, Failure> {
        match self.wait(py, timeout).map_err(ended)? {
            Some(frame) => Ok(frame),
            None => Err(self.timed_out().into()),
        }
    }

    /// The next frame if there is one, else None. Never waits: for event loops, which wait until
    /// `fileno()` is readable after a None.
    fn poll(&self, py: Python<'_>) -> Result<Option<Frame>, Failure> {
        py.detach(|| self.feed.next_until(0)).map_err(ended)
    }

    /// A descriptor that is readable when `poll()` has something to do; it stays the same. Starts
    /// the source.
    fn fileno(&self, py: Python<'_>) -> Result<i32, Failure> {
        py.detach(|| Ok(self.feed.ready_fd()?.as_raw_fd()))
    }

    /// The pixel format's four letters. Starts the source.
    #[getter]
    fn format(&self, py: Python<'_>) -> Result<String, Failure> {
        let facts = py.detach(|| self.feed.facts())?;
        Ok(facts.layout.fourcc.to_string())
    }

    /// Width and height in pixels. Starts the source.
    #[getter]
    fn size(&self, py: Python<'_>) -> Result<(u32, u32), Failure> {
        let facts = py.detach(|| self.feed.facts())?;
        Ok((facts.layout.width, facts.layout.height))
    }

    /// Frames per second as a Fraction, or None if the source does not say. Starts the source.
    #[getter]
    fn fps<'py>(&self, py: Python<'py>) -> Result<Option<Bound<'py, PyAny>>, Failure> {
        let facts = py.detach(|| self.feed.facts())?;
        let rate = facts.rate;
        let rate = rate.map(|rate| fraction(py, rate.frames().into(), rate.seconds().into()));
        Ok(rate.transpose()?)
    }

    /// How many buffers it fills in turn: no more frames can be held at once. Starts the source.
    #[getter]
    fn buffers(&self, py: Python<'_>) -> Result<u32, Failure> {
        Ok(py.detach(|| self.feed.facts())?.buffers)
    }

    /// Frames that are held now.
    #[getter]
    fn held(&self) -> PyResult<u32> {
        Ok(self.feed.counts()?.held)
    }

    /// Frames that the source counted but did not give, for lack of buffers or otherwise.
    #[getter]
    fn dropped(&self) -> PyResult<u64> {
        Ok(self.feed.counts()?.dropped)
    }

    /// Whether it was closed.
    #[getter]
    fn is_closed(&self) -> bool {
        self.feed.is_closed()
    }

    /// Why no frames come while a camera is waited for (unplugged, no signal), else None.
    #[getter]
    fn trouble(&self, py: Python<'_>) -> Option<String> {
        py.detach(|| self.feed.trouble())
    }

    /// What was counted so far, as a dict: `delivered`, `dropped`, `skipped` (corrupted ones, with
    /// `skip_corrupted`), `held` now.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counts = self.feed.counts()?;
        let dict = PyDict::new(py);
        dict.set_item("delivered", counts.delivered)?;
        dict.set_item("dropped", counts.dropped)?;
        dict.set_item("skipped", counts.skipped)?;
        dict.set_item("held", counts.held)?;
        Ok(dict)
    }

    /// Stops it. Frames and views of them stay readable. It can't be started again.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.feed.close());
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

    fn __iter__(slf: Bound<'_, Self>) -> SourceFrames {
        SourceFrames {
            source: slf.unbind(),
            last: Mutex::new(None),
        }
    }

    fn __aiter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let module = slf.py().import("videostream._asyncio")?;
        module.getattr("frames")?.call1((slf,))
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "a source can't be pickled: share it by a Stream, for Client(path) in other processes",
        ))
    }
}

/// The frames of a source, one after the other, until it is closed or ends.
#[pyclass(module = "videostream", frozen)]
pub(crate) struct SourceFrames {
    source: Py<Source>,
    /// What it gave last, where the source has no other buffer.
    last: Mutex<Option<Py<Frame>>>,
}

#[pymethods]
impl SourceFrames {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Py<Frame>> {
        let source = self.source.get();
        let last = self
            .last
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(last) = last {
            // The loop's variable still has it.
            last.get().shared().release()?;
        }
        let frame = match source.wait(py, None) {
            Ok(Some(frame)) => Py::new(py, frame)?,
            Ok(None) => return Err(source.timed_out()),
            Err(Failure::Library(Error::EndOfStream)) => {
                return Err(PyStopIteration::new_err(()));
            }
            Err(_) if source.feed.is_closed() => return Err(PyStopIteration::new_err(())),
            Err(failure) => return Err(failure.into()),
        };
        if source.feed.known().is_some_and(|facts| facts.buffers == 1) {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            *last = Some(frame.clone_ref(py));
        }
        Ok(frame)
    }
}

/// The end of a source as an exception of its own; a StopIteration would end loops of others.
pub(crate) fn ended(failure: Failure) -> Failure {
    match failure {
        Failure::Library(Error::EndOfStream) => {
            let why = "the source has no more frames";
            raise(Kind::EndOfStream, Errno::NODATA, why, None).into()
        }
        failure => failure,
    }
}

/// A number as Python's `fractions.Fraction`.
pub(crate) fn fraction<'py>(
    py: Python<'py>,
    numerator: u64,
    denominator: u64,
) -> PyResult<Bound<'py, PyAny>> {
    let class = py.import("fractions")?.getattr("Fraction")?;
    class.call1((numerator, denominator))
}

/// Frames per second: an int, a float or a Fraction. Floats mean the rates of television: 29.97 is
/// 30000/1001.
pub(crate) fn parse_rate(fps: &Bound<'_, PyAny>) -> PyResult<FrameRate> {
    let refused = || {
        invalid(format!(
            "fps={fps}: expected frames per second above 0 as an int, a float or a Fraction"
        ))
    };
    if fps.is_instance_of::<PyFloat>() {
        if let Ok(rate) = fps.str()?.to_string().parse::<FrameRate>() {
            return Ok(rate);
        }
        let parts = fps
            .call_method0("as_integer_ratio")
            .map_err(|_| refused())?;
        let (frames, seconds) = parts.extract().map_err(|_| refused())?;
        return FrameRate::nearest(frames, seconds).ok_or_else(refused);
    }
    let part = |name| -> PyResult<u64> { fps.getattr(name)?.extract() };
    let parts = part("numerator").and_then(|frames| Ok((frames, part("denominator")?)));
    let (frames, seconds) = parts.map_err(|_| refused())?;
    FrameRate::nearest(frames, seconds).ok_or_else(refused)
}
