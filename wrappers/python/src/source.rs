//! Sources: what cameras and the test pattern have in common.

use std::os::fd::AsRawFd;
use std::sync::Arc;

use pyo3::exceptions::{PyStopIteration, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rustix::io::Errno;
use videostream::Error;

use crate::context::{ContextManager, context_manager};
use crate::error::{Failure, Kind, raise};
use crate::feed::Feed;
use crate::frame::Frame;
use crate::iteration::{LastFrame, async_iterator};
use crate::wait::{deadline, until};

/// A source of frames: a camera or a test pattern.
///
/// It starts with `start()`, or when the first frame, the descriptor or a negotiated property is
/// requested. `for frame in source` and `async for frame in source` iterate over its frames until
/// it is closed. Each frame holds one of the source's buffers until it is released; while frames
/// hold all of them, HoldLimit is raised.
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

    /// Waits for the next frame; `None` after the timeout.
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

    /// Describes its state, for `repr`.
    pub(crate) fn summary(&self) -> String {
        let stage = self.feed.stage();
        let Some(info) = self.feed.info_if_started() else {
            return stage.to_owned();
        };
        let layout = info.layout;
        let rate = info.rate.map_or_else(String::new, |rate| {
            format!(" {} fps", (rate.as_f64() * 100.0).round() / 100.0)
        });
        format!(
            "{} {}x{}{rate}, {} buffers, {stage}",
            layout.fourcc, layout.width, layout.height, info.buffers
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
    /// Starts the source: opens, negotiates and allocates. Does nothing if it runs already.
    fn start(&self, py: Python<'_>) -> Result<(), Failure> {
        py.detach(|| self.feed.start())
    }

    /// Returns the next frame. Waits at most `timeout` seconds; None means the source's `timeout`,
    /// which is no limit by default.
    ///
    /// Raises TimedOut, Unplugged, EndOfStream, and HoldLimit while frames hold all buffers.
    #[pyo3(signature = (timeout = None))]
    fn next(&self, py: Python<'_>, timeout: Option<f64>) -> Result<Frame, Failure> {
        match self.wait(py, timeout).map_err(ended)? {
            Some(frame) => Ok(frame),
            None => Err(self.timed_out().into()),
        }
    }

    /// Returns the next frame, or None if it isn't ready yet. Never waits: after None, event loops
    /// wait until `fileno()` is readable.
    fn poll(&self, py: Python<'_>) -> Result<Option<Frame>, Failure> {
        py.detach(|| self.feed.next_until(0)).map_err(ended)
    }

    /// Returns a descriptor that is readable when `poll()` has something to do. It stays the same.
    /// Starts the source.
    fn fileno(&self, py: Python<'_>) -> Result<i32, Failure> {
        py.detach(|| Ok(self.feed.ready_fd()?.as_raw_fd()))
    }

    /// Pixel format as a FourCC. Starts the source.
    #[getter]
    fn format(&self, py: Python<'_>) -> Result<String, Failure> {
        let info = py.detach(|| self.feed.info())?;
        Ok(info.layout.fourcc.to_string())
    }

    /// Width and height in pixels. Starts the source.
    #[getter]
    fn size(&self, py: Python<'_>) -> Result<(u32, u32), Failure> {
        let info = py.detach(|| self.feed.info())?;
        Ok((info.layout.width, info.layout.height))
    }

    /// Frames per second as a Fraction, or None if unknown. Starts the source.
    #[getter]
    fn fps<'py>(&self, py: Python<'py>) -> Result<Option<Bound<'py, PyAny>>, Failure> {
        let info = py.detach(|| self.feed.info())?;
        let rate = info.rate;
        let rate = rate.map(|rate| fraction(py, rate.frames().into(), rate.seconds().into()));
        Ok(rate.transpose()?)
    }

    /// Number of buffers, which is how many frames can be held at once. Starts the source.
    #[getter]
    fn buffers(&self, py: Python<'_>) -> Result<u32, Failure> {
        Ok(py.detach(|| self.feed.info())?.buffers)
    }

    /// Number of frames that are held now.
    #[getter]
    fn held(&self) -> PyResult<u32> {
        Ok(self.feed.counts()?.held)
    }

    /// Number of frames that the source dropped, for lack of buffers or otherwise.
    #[getter]
    fn dropped(&self) -> PyResult<u64> {
        Ok(self.feed.counts()?.dropped)
    }

    /// Whether it was closed.
    #[getter]
    fn is_closed(&self) -> bool {
        self.feed.is_closed()
    }

    /// The problem while the source waits for its camera (unplugged, no signal), else None.
    #[getter]
    fn trouble(&self, py: Python<'_>) -> Option<String> {
        py.detach(|| self.feed.trouble())
    }

    /// Returns the counters as a dict: `delivered`, `dropped`, `skipped` (corrupted frames, with
    /// `skip_corrupted`), and `held`.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counts = self.feed.counts()?;
        let dict = PyDict::new(py);
        dict.set_item("delivered", counts.delivered)?;
        dict.set_item("dropped", counts.dropped)?;
        dict.set_item("skipped", counts.skipped)?;
        dict.set_item("held", counts.held)?;
        Ok(dict)
    }

    /// Stops the source, which can't be started again. Frames and views of them stay readable.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.feed.close());
    }

    fn __iter__(slf: Bound<'_, Self>) -> SourceFrames {
        SourceFrames {
            source: slf.unbind(),
            last: LastFrame::default(),
        }
    }

    fn __aiter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        async_iterator(slf)
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "a source can't be pickled: share it with a Stream, and use Client(path) in other \
             processes",
        ))
    }
}

/// Iterates over the frames of a source until it ends or is closed.
#[pyclass(module = "videostream", frozen)]
pub(crate) struct SourceFrames {
    source: Py<Source>,
    /// The last frame, if the source has only one buffer.
    last: LastFrame,
}

#[pymethods]
impl SourceFrames {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Py<Frame>> {
        let source = self.source.get();
        self.last.release()?;
        let frame = match source.wait(py, None) {
            Ok(Some(frame)) => Py::new(py, frame)?,
            Ok(None) => return Err(source.timed_out()),
            Err(Failure::Library(Error::EndOfStream)) => {
                return Err(PyStopIteration::new_err(()));
            }
            Err(_) if source.feed.is_closed() => return Err(PyStopIteration::new_err(())),
            Err(failure) => return Err(failure.into()),
        };
        if source
            .feed
            .info_if_started()
            .is_some_and(|info| info.buffers == 1)
        {
            self.last.keep(frame.clone_ref(py));
        }
        Ok(frame)
    }
}

/// Converts the end of a source to `EndOfStream`: a `StopIteration` would end the caller's loop.
pub(crate) fn ended(failure: Failure) -> Failure {
    match failure {
        Failure::Library(Error::EndOfStream) => {
            let why = "the source has no more frames";
            raise(Kind::EndOfStream, Errno::NODATA, why, None).into()
        }
        failure => failure,
    }
}

/// Makes a `fractions.Fraction`.
pub(crate) fn fraction<'py>(
    py: Python<'py>,
    numerator: u64,
    denominator: u64,
) -> PyResult<Bound<'py, PyAny>> {
    let class = py.import("fractions")?.getattr("Fraction")?;
    class.call1((numerator, denominator))
}

impl ContextManager for Source {
    fn exit(slf: &Bound<'_, Self>, _has_failed: bool) -> PyResult<()> {
        slf.get().close(slf.py());
        Ok(())
    }
}

context_manager!(Source);
