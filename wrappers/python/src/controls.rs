//! The controls of a camera.

mod value;
mod watch;

use std::sync::Arc;

use pyo3::exceptions::{PyAttributeError, PyKeyError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use videostream::camera::{self, ControlError};
use videostream::hal::v4l2::ControlType;
use videostream::{CameraError, Error};

pub(crate) use self::value::to_text;
use self::value::{describe, value_of};
pub(crate) use self::watch::ControlWatch;
use crate::camera_handle::CameraHandle;
use crate::error::Failure;

/// The controls of a camera, by name: as attributes, and as a mapping of names to values.
///
/// `controls.brightness` and `controls["brightness"]` are the value: an int, a bool for switches,
/// the item's name for menus (a number in menus of numbers), text, a list for arrays, (width,
/// height) for areas, None for buttons and controls that can't be read. The same types are accepted
/// for setting; menus also accept the item's index, and any value presses a button.
/// `controls.info("brightness")` returns range, default and unit.
///
/// A wrong value raises Error, which says what the control accepts. An unknown name raises KeyError
/// or AttributeError, which suggests the nearest name.
#[pyclass(module = "videostream", frozen, mapping)]
pub(crate) struct Controls {
    camera_handle: Arc<CameraHandle>,
}

impl Controls {
    pub(crate) fn new(camera_handle: &Arc<CameraHandle>) -> Self {
        Self {
            camera_handle: Arc::clone(camera_handle),
        }
    }

    fn control(&self, py: Python<'_>, name: &str) -> Result<camera::Control, Failure> {
        self.camera_handle
            .with(py, |camera| camera.controls().get(name))
    }

    fn list(&self, py: Python<'_>) -> Result<Vec<camera::Control>, Failure> {
        self.camera_handle
            .with(py, |camera| Ok(camera.controls().list()?.controls))
    }

    fn write(&self, py: Python<'_>, values: &[(String, String)]) -> Result<(), Failure> {
        self.camera_handle
            .with(py, |camera| camera.controls().set(values).map(drop))
    }

    fn value<'py>(&self, py: Python<'py>, name: &str) -> Result<Bound<'py, PyAny>, Failure> {
        let control = self.control(py, name)?;
        Ok(value_of(py, &control)?)
    }
}

/// Converts a failure; an unknown control is a `KeyError`, as for other mappings.
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

    /// Returns the names, in the driver's order.
    fn keys<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let names = self.list(py)?.into_iter().map(|control| control.name);
        PyList::new(py, names.collect::<Vec<_>>())
    }

    /// Returns the values, in the order of the names.
    fn values<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = self.list(py)?;
        let values = list.iter().map(|control| value_of(py, control));
        PyList::new(py, values.collect::<PyResult<Vec<_>>>()?)
    }

    /// Returns pairs of name and value.
    fn items<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = self.list(py)?;
        let items = list
            .iter()
            .map(|control| Ok((control.name.clone(), value_of(py, control)?)));
        PyList::new(py, items.collect::<PyResult<Vec<_>>>()?)
    }

    /// Returns the value of a control, or `default` if the control does not exist.
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

    /// Sets several controls at once, or none if one is refused.
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

    /// Returns a Control: value, range, step, default, unit, and the items of a menu.
    fn info<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let control = self.control(py, name).map_err(key_error)?;
        describe(py, &control)
    }

    /// Returns all controls as a list of Control, in the driver's order.
    fn all<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = self.list(py)?;
        let all = list.iter().map(|control| describe(py, control));
        PyList::new(py, all.collect::<PyResult<Vec<_>>>()?)
    }

    /// Sets all writable controls to the driver's defaults. Returns a dict of those that were
    /// refused or are inactive, with the reasons.
    fn reset<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let reset = self
            .camera_handle
            .with(py, |camera| camera.controls().reset())?;
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

    /// Watches the named controls, or all, for changes made by any program.
    #[pyo3(signature = (*names))]
    fn watch(&self, py: Python<'_>, names: &Bound<'_, PyTuple>) -> PyResult<ControlWatch> {
        let names: Vec<String> = names.extract()?;
        let watched = self.camera_handle.with(py, |camera| {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let controls = camera.controls();
            Ok((controls.watch(&names)?, controls.list()?.controls))
        });
        let (watch, controls) = watched.map_err(key_error)?;
        ControlWatch::new(watch, controls)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let mut text = format!(
            "<videostream.Controls of {}",
            self.camera_handle.path().display()
        );
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

/// Whether an error means that a control does not exist.
fn is_unknown(error: &Failure) -> bool {
    matches!(
        error,
        Failure::Library(Error::Camera(CameraError::Control {
            error: ControlError::Unknown { .. },
            ..
        }))
    )
}
