//! Watching controls for changes.

use std::collections::HashMap;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::{PyStopIteration, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt};
use rustix::event::epoll;
use rustix::io::Errno;
use videostream::Error;
use videostream::camera::{self, controls::ControlChange};
use videostream::hal::Call;
use videostream::hal::time::until as time_until;
use videostream::hal::v4l2::ControlFlags;

use super::value::of_number;
use crate::context::{ContextManager, context_manager};
use crate::error::{Kind, raise};
use crate::events::failed;
use crate::fork::ProcessLocal;
use crate::iteration::async_iterator;
use crate::wait::{Stopped, deadline, until};

/// Iterates over changes of controls: `for change in camera.controls.watch("brightness")`.
///
/// `async for`, and `poll()` with `fileno()`, work too. Each change is a ControlChange.
#[pyclass(module = "videostream", frozen, weakref)]
pub(crate) struct ControlWatch {
    native: ProcessLocal<Mutex<Option<camera::controls::ControlWatch>>>,
    controls: HashMap<String, camera::Control>,
    /// Readable when the device has an event: V4L2 signals it as `POLLPRI`, which event loops do
    /// not watch.
    events: OwnedFd,
}

impl ControlWatch {
    pub(super) fn new(
        watch: camera::controls::ControlWatch,
        controls: Vec<camera::Control>,
    ) -> PyResult<Self> {
        let failed = |errno| raise(Kind::Other, errno, "epoll", None);
        let events = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(failed)?;
        let data = epoll::EventData::new_u64(0);
        epoll::add(&events, watch.as_fd(), data, epoll::EventFlags::PRI).map_err(failed)?;
        let controls = controls.into_iter();
        Ok(Self {
            native: ProcessLocal::new(Mutex::new(Some(watch))),
            controls: controls
                .map(|control| (control.name.clone(), control))
                .collect(),
            events,
        })
    }

    /// Takes the next change, if there is one.
    fn take(&self) -> Result<Option<ControlChange>, Stopped> {
        let native = self.native.get()?;
        let watch = native.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = watch.as_ref().ok_or(Stopped::Closed)?.take();
        taken.map_err(|error| Error::Camera(error).into())
    }

    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> Result<Option<ControlChange>, Stopped> {
        let deadline_ns = deadline(timeout)?;
        until(py, deadline_ns, |slice| {
            if let Some(change) = self.take()? {
                return Ok(Some(change));
            }
            let mut events = [epoll::Event {
                flags: epoll::EventFlags::empty(),
                data: epoll::EventData::new_u64(0),
            }];
            match epoll::wait(&self.events, &mut events, Some(&time_until(slice))) {
                Ok(_) | Err(Errno::INTR) => self.take(),
                Err(errno) => Err(failed(Call::EpollWait)(errno).into()),
            }
        })
    }

    fn to_change<'py>(
        &self,
        py: Python<'py>,
        change: &ControlChange,
    ) -> PyResult<Bound<'py, PyAny>> {
        let value = match (change.value, self.controls.get(&change.name)) {
            (Some(number), Some(control)) => Some(of_number(py, number, control)?),
            (Some(number), None) => Some(PyInt::new(py, number).into_any()),
            (None, _) => None,
        };
        let fields = PyDict::new(py);
        fields.set_item("name", &change.name)?;
        fields.set_item("value", value)?;
        fields.set_item("value_changed", change.value_changed)?;
        fields.set_item("range_changed", change.range_changed)?;
        let inactive = change.flags.contains(ControlFlags::INACTIVE);
        fields.set_item("is_inactive", inactive)?;
        let class = py
            .import("videostream._listing")?
            .getattr("ControlChange")?;
        class.call((), Some(&fields))
    }
}

/// The exception for a wait that stopped.
fn stopped(stopped: Stopped) -> PyErr {
    match stopped {
        Stopped::Failed(failure) => failure.into(),
        Stopped::Closed => raise(Kind::Released, Errno::BADF, "the watch is closed", None),
    }
}

#[pymethods]
impl ControlWatch {
    /// Returns the next change. Waits at most `timeout` seconds; None means no limit. Raises
    /// TimedOut and Unplugged.
    #[pyo3(signature = (timeout = None))]
    fn next<'py>(&self, py: Python<'py>, timeout: Option<f64>) -> PyResult<Bound<'py, PyAny>> {
        match self.wait(py, timeout).map_err(stopped)? {
            Some(change) => self.to_change(py, &change),
            None => {
                let why = "no control changed before the timeout";
                Err(raise(Kind::TimedOut, Errno::TIMEDOUT, why, None))
            }
        }
    }

    /// Returns the next change, or None. Never waits.
    fn poll<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let change = self.take().map_err(stopped)?;
        change.map(|change| self.to_change(py, &change)).transpose()
    }

    /// Returns a descriptor that is readable when there is a change.
    fn fileno(&self) -> i32 {
        self.events.as_raw_fd()
    }

    /// Ends the watch.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let native = self.native.get()?;
        py.detach(|| *native.lock().unwrap_or_else(PoisonError::into_inner) = None);
        Ok(())
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.wait(py, None) {
            Ok(Some(change)) => self.to_change(py, &change),
            Ok(None) | Err(Stopped::Closed) => Err(PyStopIteration::new_err(())),
            Err(Stopped::Failed(failure)) => Err(failure.into()),
        }
    }

    fn __aiter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        async_iterator(slf)
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err("a watch of controls can't be pickled"))
    }
}

impl ContextManager for ControlWatch {
    fn exit(slf: &Bound<'_, Self>, _has_failed: bool) -> PyResult<()> {
        slf.get().close(slf.py())
    }
}

context_manager!(ControlWatch);
