//! Everything that can be set on a camera.

use std::collections::HashMap;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::{PyAttributeError, PyKeyError, PyStopIteration, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use rustix::event::epoll;
use rustix::io::Errno;
use videostream::camera::controls::{ControlChange, Value};
use videostream::camera::{self, ControlError};
use videostream::hal::time::until as time_until;
use videostream::hal::v4l2::{ControlFlags, ControlType};
use videostream::{CameraError, Error};

use crate::camera::{Desk, is_unknown};
use crate::error::{Failure, Kind, raise};
use crate::fork::Native;
use crate::wait::{deadline, until};

/// Everything that can be set on a camera, by name: as attributes and as a mapping of names to
/// values.
///
/// `controls.brightness` and `controls["brightness"]` are the value: an int, a bool for switches,
/// the item's name for menus (a number in menus of numbers), text, a list for arrays, (width,
/// height) for areas, None for buttons and what can't be read. Setting takes the same; menus take
/// the item's index, too, and a button is pressed by any value. `controls.info("brightness")` tells
/// range, default and unit.
///
/// Setting raises Error with what the control takes; KeyError or AttributeError, with the name that
/// comes nearest, if there is none of that name.
#[pyclass(module = "videostream", frozen, mapping)]
pub(crate) struct Controls {
    desk: Arc<Desk>,
}

impl Controls {
    pub(crate) fn new(desk: &Arc<Desk>) -> Self {
        Self {
            desk: Arc::clone(desk),
        }
    }

    fn control(&self, py: Python<'_>, name: &str) -> Result<camera::Control, Failure> {
        self.desk.with(py, |camera| camera.controls().get(name))
    }

    fn list(&self, py: Python<'_>) -> Result<Vec<camera::Control>, Failure> {
        self.desk
            .with(py, |camera| Ok(camera.controls().list()?.controls))
    }

    fn write(&self, py: Python<'_>, values: &[(String, String)]) -> Result<(), Failure> {
        self.desk
            .with(py, |camera| camera.controls().set(values).map(drop))
    }

    fn value<'py>(&self, py: Python<'py>, name: &str) -> Result<Bound<'py, PyAny>, Failure> {
        let control = self.control(py, name)?;
        Ok(value_of(py, &control)?)
    }
}

/// A failure whose control there is not, as Python expects it of a mapping.
fn key_error(failure: Failure) -> PyErr {
    match is_unknown(&failure) {
        true => PyKeyError::new_err(PyErr::from(failure).to_string()),
        false => failure.into(),
    }
}

#[pymethods]
impl Controls {
    fn __getitem__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        self.value(py, name).map_err(key_error)
    }

    fn __setitem__(&self, name: String, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let text = to_text(value)?;
        self.write(value.py(), &[(name, text)]).map_err(key_error)
    }

    fn __getattr__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        if name.starts_with("__") {
            return Err(PyAttributeError::new_err(name.to_owned()));
        }
        self.value(py, name)
            .map_err(|failure| match is_unknown(&failure) {
                true => PyAttributeError::new_err(PyErr::from(failure).to_string()),
                false => failure.into(),
            })
    }

    fn __setattr__(&self, name: String, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let text = to_text(value)?;
        let written = self.write(value.py(), &[(name, text)]);
        written.map_err(|failure| match is_unknown(&failure) {
            true => PyAttributeError::new_err(PyErr::from(failure).to_string()),
            false => failure.into(),
        })
    }

    fn __contains__(&self, py: Python<'_>, name: &str) -> PyResult<bool> {
        match self.control(py, name) {
            Ok(_) => Ok(true),
            Err(failure) if is_unknown(&failure) => Ok(false),
            Err(failure) => Err(failure.into()),
        }
    }

    fn __len__(&self, py: Python<'_>) -> Result<usize, Failure> {
        Ok(self.list(py)?.len())
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.keys(py)?.try_iter()?.into_any())
    }

    fn __dir__(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let class = py.get_type::<Self>();
        let mut names: Vec<String> = class.dir()?.extract()?;
        names.extend(self.list(py)?.into_iter().map(|control| control.name));
        Ok(names)
    }

    /// The names, in the driver's order.
    fn keys<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let names = self.list(py)?.into_iter().map(|control| control.name);
        PyList::new(py, names.collect::<Vec<_>>())
    }

    /// The values, in the order of the names.
    fn values<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = self.list(py)?;
        let values = list.iter().map(|control| value_of(py, control));
        PyList::new(py, values.collect::<PyResult<Vec<_>>>()?)
    }

    /// Names with values.
    fn items<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = self.list(py)?;
        let items = list
            .iter()
            .map(|control| Ok((control.name.clone(), value_of(py, control)?)));
        PyList::new(py, items.collect::<PyResult<Vec<_>>>()?)
    }

    /// The value of a control, or `default` if there is none of that name.
    #[pyo3(signature = (name, default = None))]
    fn get<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        match self.value(py, name) {
            Err(failure) if is_unknown(&failure) => {
                Ok(default.unwrap_or_else(|| py.None().into_bound(py)))
            }
            value => Ok(value?),
        }
    }

    /// Sets several controls at once; none is changed when one is refused.
    #[pyo3(signature = (values = None, **more))]
    fn update(
        &self,
        py: Python<'_>,
        values: Option<&Bound<'_, PyDict>>,
        more: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        let mut wanted = Vec::new();
        for dict in [values, more].into_iter().flatten() {
            for (name, value) in dict {
                wanted.push((name.extract()?, to_text(&value)?));
            }
        }
        self.write(py, &wanted).map_err(key_error)
    }

    /// What a control is: a Control with its value, range, step, default, unit and the items of a
    /// menu.
    fn info<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let control = self.control(py, name).map_err(key_error)?;
        describe(py, &control)
    }

    /// All controls, in the driver's order, as a list of Control.
    fn all<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = self.list(py)?;
        let all = list.iter().map(|control| describe(py, control));
        PyList::new(py, all.collect::<PyResult<Vec<_>>>()?)
    }

    /// Sets everything that can be written to the driver's default. Gives the names of what was
    /// refused or is inactive now, and why, as a dict.
    fn reset<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let reset = self.desk.with(py, |camera| camera.controls().reset())?;
        let left = PyDict::new(py);
        for name in reset.inactive {
            left.set_item(name, "inactive: another control has to be set first")?;
        }
        for error in reset.refused {
            let name = match &error {
                CameraError::Control {
                    error:
                        ControlError::Busy { name }
                        | ControlError::Refused {
                            name: Some(name), ..
                        },
                    ..
                } => name.clone(),
                _ => String::new(),
            };
            left.set_item(name, error.to_string())?;
        }
        Ok(left)
    }

    /// Watches controls for changes, whoever makes them: those of these names, or all.
    #[pyo3(signature = (*names))]
    fn watch(&self, py: Python<'_>, names: &Bound<'_, PyTuple>) -> PyResult<ControlWatch> {
        let names: Vec<String> = names.extract()?;
        let watched = self.desk.with(py, |camera| {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let controls = camera.controls();
            Ok((controls.watch(&names)?, controls.list()?.controls))
        });
        let (watch, controls) = watched.map_err(key_error)?;
        ControlWatch::new(watch, controls)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let mut text = format!("<videostream.Controls of {}", self.desk.path().display());
        for control in self.list(py)? {
            let value = match &control.value {
                Some(value) => value.to_string(),
                None => "-".to_owned(),
            };
            text += &format!("\n  {} = {value}", control.name);
            let info = &control.info;
            let has_range = matches!(
                info.control_type,
                ControlType::Integer | ControlType::Integer64
            );
            if has_range {
                text += &format!(" ({} to {}", info.minimum, info.maximum);
                if let Some(unit) = info.unit() {
                    text += &format!(" {unit}");
                }
                text += ")";
            }
        }
        Ok(text + ">")
    }
}

/// A value as Python has it.
fn to_value<'py>(
    py: Python<'py>,
    value: &Value,
    control_type: ControlType,
) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Number(number) => PyInt::new(py, *number).into_any(),
        Value::Switch(on) => PyBool::new(py, *on).to_owned().into_any(),
        Value::Item { name, .. } if control_type == ControlType::IntegerMenu => {
            match name.parse::<i64>() {
                Ok(number) => PyInt::new(py, number).into_any(),
                Err(_) => PyString::new(py, name).into_any(),
            }
        }
        Value::Item { name, .. } | Value::Text(name) => PyString::new(py, name).into_any(),
        Value::Numbers(numbers) => PyList::new(py, numbers)?.into_any(),
        Value::Area(width, height) => (*width, *height).into_pyobject(py)?.into_any(),
        Value::Bytes(bytes) => PyBytes::new(py, bytes).into_any(),
        other => PyString::new(py, &other.to_string()).into_any(),
    })
}

fn value_of<'py>(py: Python<'py>, control: &camera::Control) -> PyResult<Bound<'py, PyAny>> {
    match &control.value {
        Some(value) => to_value(py, value, control.info.control_type),
        None => Ok(py.None().into_bound(py)),
    }
}

/// A number of a control, as its value would be.
fn of_number<'py>(
    py: Python<'py>,
    number: i64,
    control: &camera::Control,
) -> PyResult<Bound<'py, PyAny>> {
    let item = || {
        let mut items = control.items.iter();
        items.find(|item| i64::from(item.index) == number)
    };
    match control.info.control_type {
        ControlType::Boolean => Ok(PyBool::new(py, number != 0).to_owned().into_any()),
        ControlType::Menu => match item() {
            Some(item) => Ok(PyString::new(py, item.name()).into_any()),
            None => Ok(PyInt::new(py, number).into_any()),
        },
        ControlType::IntegerMenu => {
            let number = item().map_or(number, |item| item.value);
            Ok(PyInt::new(py, number).into_any())
        }
        _ => Ok(PyInt::new(py, number).into_any()),
    }
}

/// A control as a `videostream.Control`.
fn describe<'py>(py: Python<'py>, control: &camera::Control) -> PyResult<Bound<'py, PyAny>> {
    let info = &control.info;
    let is = |flag| info.flags.contains(flag);
    let items = PyDict::new(py);
    for item in &control.items {
        match info.control_type {
            ControlType::IntegerMenu => items.set_item(item.index, item.value)?,
            _ => items.set_item(item.index, item.name())?,
        }
    }
    let has_default = !matches!(
        info.control_type,
        ControlType::Button | ControlType::String | ControlType::Area | ControlType::Other(_)
    );
    let fields = PyDict::new(py);
    fields.set_item("name", &control.name)?;
    fields.set_item("title", info.name())?;
    fields.set_item("group", &control.class)?;
    fields.set_item("kind", kind(info.control_type))?;
    fields.set_item("value", value_of(py, control)?)?;
    fields.set_item("minimum", info.minimum)?;
    fields.set_item("maximum", info.maximum)?;
    fields.set_item("step", info.step)?;
    let default = match has_default {
        true => Some(of_number(py, info.default_value, control)?),
        false => None,
    };
    fields.set_item("default", default)?;
    fields.set_item("unit", info.unit().map(|unit| unit.to_string()))?;
    fields.set_item("items", items)?;
    fields.set_item("is_read_only", is(ControlFlags::READ_ONLY))?;
    fields.set_item("is_inactive", is(ControlFlags::INACTIVE))?;
    fields.set_item("is_busy", is(ControlFlags::GRABBED))?;
    fields.set_item("is_volatile", is(ControlFlags::VOLATILE))?;
    let class = py.import("videostream._listing")?.getattr("Control")?;
    class.call((), Some(&fields))
}

fn kind(control_type: ControlType) -> &'static str {
    match control_type {
        ControlType::Integer | ControlType::Integer64 => "integer",
        ControlType::Boolean => "switch",
        ControlType::Menu => "menu",
        ControlType::IntegerMenu => "integer menu",
        ControlType::Button => "button",
        ControlType::String => "text",
        ControlType::Bitmask => "bit mask",
        ControlType::U8 | ControlType::U16 | ControlType::U32 => "array",
        ControlType::Area => "area",
        ControlType::Class => "class",
        ControlType::Other(_) => "other",
    }
}

/// A value as the text that the library reads.
pub(crate) fn to_text(value: &Bound<'_, PyAny>) -> PyResult<String> {
    if let Ok(on) = value.cast::<PyBool>() {
        return Ok(if on.is_true() { "1" } else { "0" }.to_owned());
    }
    if value.is_instance_of::<PyString>() {
        return value.extract();
    }
    let is_number = !value.is_instance_of::<PyFloat>();
    if let (true, Ok(number)) = (is_number, value.extract::<i64>()) {
        return Ok(number.to_string());
    }
    if let (true, Ok(numbers)) = (is_number, value.extract::<Vec<i64>>()) {
        let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
        return Ok(numbers.join(","));
    }
    Err(PyTypeError::new_err(format!(
        "{}: expected an int, a bool, a str, or a sequence of ints for arrays and areas",
        value.repr()?
    )))
}

/// Changes of controls, one after the other: `for change in camera.controls.watch("brightness")`.
///
/// `async for` and `poll()` with `fileno()` work, too. Each change is a ControlChange.
#[pyclass(module = "videostream", frozen, weakref)]
pub(crate) struct ControlWatch {
    native: Native<Mutex<Option<camera::controls::ControlWatch>>>,
    controls: HashMap<String, camera::Control>,
    /// Readable when the device has an event, which it tells as an exception of `poll(2)`.
    events: OwnedFd,
}

impl ControlWatch {
    fn new(
        watch: camera::controls::ControlWatch,
        controls: Vec<camera::Control>,
    ) -> PyResult<Self> {
        let failed = |errno| raise(Kind::Other, errno, "epoll", None);
        let events = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(failed)?;
        let data = epoll::EventData::new_u64(0);
        epoll::add(&events, watch.as_fd(), data, epoll::EventFlags::PRI).map_err(failed)?;
        let controls = controls.into_iter();
        Ok(Self {
            native: Native::new(Mutex::new(Some(watch))),
            controls: controls
                .map(|control| (control.name.clone(), control))
                .collect(),
            events,
        })
    }

    /// The next change if there is one. `Err(None)`: it is closed.
    fn take(&self) -> Result<Option<ControlChange>, Option<Failure>> {
        let native = self.native.get().map_err(|error| Some(error.into()))?;
        let watch = native.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = watch.as_ref().ok_or(None)?.take();
        taken.map_err(|error| Some(Error::Camera(error).into()))
    }

    fn wait(
        &self,
        py: Python<'_>,
        timeout: Option<f64>,
    ) -> Result<Option<ControlChange>, Option<Failure>> {
        let deadline_ns = deadline(timeout).map_err(|error| Some(error.into()))?;
        /// Ends a wait.
        struct Ended(Option<Failure>);
        impl From<PyErr> for Ended {
            fn from(error: PyErr) -> Self {
                Self(Some(error.into()))
            }
        }
        let change = until(py, deadline_ns, |slice| {
            if let Some(change) = self.take().map_err(Ended)? {
                return Ok(Some(change));
            }
            let mut events = [epoll::Event {
                flags: epoll::EventFlags::empty(),
                data: epoll::EventData::new_u64(0),
            }];
            match epoll::wait(&self.events, &mut events, Some(&time_until(slice))) {
                Ok(_) | Err(Errno::INTR) => self.take().map_err(Ended),
                Err(errno) => Err(Ended(Some(Error::Os("epoll_wait", errno.into()).into()))),
            }
        });
        change.map_err(|ended| ended.0)
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

/// What a watch that was closed says.
fn closed(failure: Option<Failure>) -> PyErr {
    match failure {
        Some(failure) => failure.into(),
        None => raise(Kind::Released, Errno::BADF, "the watch is closed", None),
    }
}

#[pymethods]
impl ControlWatch {
    /// The next change. Waits at most `timeout` seconds, without one for ever. Raises TimedOut,
    /// Unplugged.
    #[pyo3(signature = (timeout = None))]
    fn next<'py>(&self, py: Python<'py>, timeout: Option<f64>) -> PyResult<Bound<'py, PyAny>> {
        match self.wait(py, timeout).map_err(closed)? {
            Some(change) => self.to_change(py, &change),
            None => {
                let why = "no control changed before the timeout";
                Err(raise(Kind::TimedOut, Errno::TIMEDOUT, why, None))
            }
        }
    }

    /// The next change if there is one, else None; never waits.
    fn poll<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let change = self.take().map_err(closed)?;
        change.map(|change| self.to_change(py, &change)).transpose()
    }

    /// A descriptor that is readable when `poll()` has something to give.
    fn fileno(&self) -> i32 {
        self.events.as_raw_fd()
    }

    /// Ends the watch.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let native = self.native.get()?;
        py.detach(|| *native.lock().unwrap_or_else(PoisonError::into_inner) = None);
        Ok(())
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
    ) -> PyResult<()> {
        self.close(py)
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.wait(py, None) {
            Ok(Some(change)) => self.to_change(py, &change),
            Ok(None) | Err(None) => Err(PyStopIteration::new_err(())),
            Err(Some(failure)) => Err(failure.into()),
        }
    }

    fn __aiter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let module = slf.py().import("videostream._asyncio")?;
        module.getattr("frames")?.call1((slf,))
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err("a watch of controls can't be pickled"))
    }
}
