//! Listing video devices.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use videostream::camera::{DeviceFormat, DeviceInfo, DeviceSize};
use videostream::hal::v4l2::{Fraction, FrameInterval, FrameSize, NodeKind};

use crate::source::fraction;

/// Returns all video devices of the system as a list of Device, ordered by node number, with
/// formats, sizes and rates.
///
/// Streams of other programs are not disturbed. A node that can't be opened is listed with the
/// reason in `error`; what a driver failed to report is in `gaps`.
#[pyfunction]
pub(crate) fn devices(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
    let found = py.detach(videostream::devices);
    let list = PyList::empty(py);
    let mut all = Vec::new();
    for info in &found.devices {
        all.push((info.path.clone(), to_python(py, info)?));
    }
    for (path, error) in &found.unreadable {
        let fields = PyDict::new(py);
        fields.set_item("path", path.display().to_string())?;
        fields.set_item("error", error.to_string())?;
        all.push((path.clone(), class(py, "Device")?.call((), Some(&fields))?));
    }
    let number = |path: &std::path::Path| -> u32 {
        let name = path.to_string_lossy();
        let digits = name.trim_start_matches(|c: char| !c.is_ascii_digit());
        digits.parse().unwrap_or(u32::MAX)
    };
    all.sort_by_key(|(path, _)| number(path));
    for (_, device) in all {
        list.append(device)?;
    }
    Ok(list)
}

fn class<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import("videostream._listing")?.getattr(name)
}

/// Makes a `videostream.Device`.
pub(crate) fn to_python<'py>(py: Python<'py>, info: &DeviceInfo) -> PyResult<Bound<'py, PyAny>> {
    let formats = |formats: &[DeviceFormat]| -> PyResult<Bound<'py, PyList>> {
        let formats = formats.iter().map(|format| to_format(py, format));
        PyList::new(py, formats.collect::<PyResult<Vec<_>>>()?)
    };
    let fields = PyDict::new(py);
    fields.set_item("path", info.path.display().to_string())?;
    fields.set_item("card", &info.card)?;
    fields.set_item("driver", &info.driver)?;
    fields.set_item("bus", &info.bus_info)?;
    fields.set_item("kind", kind(info.kind))?;
    fields.set_item("formats", formats(&info.formats)?)?;
    fields.set_item("input_formats", formats(&info.input_formats)?)?;
    let gaps: Vec<_> = info.gaps.iter().map(ToString::to_string).collect();
    fields.set_item("gaps", gaps)?;
    class(py, "Device")?.call((), Some(&fields))
}

fn kind(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Camera => "camera",
        NodeKind::Encoder => "encoder",
        NodeKind::Decoder => "decoder",
        NodeKind::Converter => "converter",
        NodeKind::Output => "output",
        NodeKind::MetadataCapture => "metadata",
        NodeKind::MetadataOutput => "metadata output",
        NodeKind::Vbi => "vbi",
        NodeKind::Radio => "radio",
        NodeKind::Touch => "touch",
        NodeKind::Other => "other",
    }
}

fn to_format<'py>(py: Python<'py>, format: &DeviceFormat) -> PyResult<Bound<'py, PyAny>> {
    let fields = PyDict::new(py);
    fields.set_item("fourcc", format.fourcc.to_string())?;
    fields.set_item("description", &format.description)?;
    fields.set_item("is_compressed", format.compressed)?;
    let sizes = format.sizes.iter().map(|size| to_size(py, size));
    fields.set_item("sizes", sizes.collect::<PyResult<Vec<_>>>()?)?;
    class(py, "Format")?.call((), Some(&fields))
}

fn to_size<'py>(py: Python<'py>, size: &DeviceSize) -> PyResult<Bound<'py, PyAny>> {
    let fields = PyDict::new(py);
    match size.size {
        FrameSize::Discrete { width, height } => {
            fields.set_item("width", width)?;
            fields.set_item("height", height)?;
        }
        FrameSize::Stepwise { min, max, step } => {
            fields.set_item("width", max.0)?;
            fields.set_item("height", max.1)?;
            fields.set_item("smallest", min)?;
            fields.set_item("step", step)?;
        }
    }
    // A rate is the inverse of an interval.
    let rate = |interval: Fraction| match interval.numerator {
        0 => fraction(py, 0, 1),
        seconds => fraction(py, interval.denominator.into(), seconds.into()),
    };
    let mut rates = Vec::new();
    for interval in &size.intervals {
        match *interval {
            FrameInterval::Discrete(interval) => rates.push(rate(interval)?),
            FrameInterval::Stepwise { min, max, .. } => {
                fields.set_item("rate_range", (rate(max)?, rate(min)?))?;
            }
        }
    }
    fields.set_item("rates", rates)?;
    class(py, "Size")?.call((), Some(&fields))
}
