//! Values and descriptions of controls, as Python has them.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString};
use videostream::camera;
use videostream::camera::controls::Value;
use videostream::hal::v4l2::{ControlFlags, ControlType};

/// Converts a value to Python.
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

pub(super) fn value_of<'py>(
    py: Python<'py>,
    control: &camera::Control,
) -> PyResult<Bound<'py, PyAny>> {
    match &control.value {
        Some(value) => to_value(py, value, control.info.control_type),
        None => Ok(py.None().into_bound(py)),
    }
}

/// Converts a number to the type of a control's values.
pub(super) fn of_number<'py>(
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

/// Makes a `videostream.Control`.
pub(super) fn describe<'py>(
    py: Python<'py>,
    control: &camera::Control,
) -> PyResult<Bound<'py, PyAny>> {
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

/// Converts a Python value to the text that the library parses.
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
