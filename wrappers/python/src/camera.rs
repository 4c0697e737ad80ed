//! Cameras.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use videostream::camera::{CameraMemory, DeviceInfo, find_device};
use videostream::hal::format::FourCc;
use videostream::hal::v4l2::Fraction;
use videostream::{CameraSource, Error};

use crate::camera_handle::CameraHandle;
use crate::context::{ContextManager, context_manager};
use crate::controls::{Controls, to_text};
use crate::devices;
use crate::error::{Failure, invalid, of_camera};
use crate::feed::{BoxedSource, Feed};
use crate::frame::parse_fourcc;
use crate::rate::parse_rate;
use crate::source::Source;

/// A V4L2 camera: `for frame in Camera()`.
///
/// `path` is its node ("/dev/video0"), a number, a stable name in /dev/v4l/by-id, a serial number
/// or the camera's name; None means the first camera. Unsupported settings are reported when it
/// starts.
///
/// - `format`: four letters, or a list of formats in order of preference; a common uncompressed
///   format by default.
/// - `size`: width and height in pixels; the camera's current size by default. With `exact=False`
///   the nearest size is used.
/// - `fps`: frames per second as an int, a float or a Fraction; the camera uses the nearest rate it
///   supports.
/// - `buffers`: number of buffers; 4 by default, 8 in a Stream. The driver may allocate more, and
///   needs two of them to keep capturing.
/// - `controls`: dict of control values by name, set before each start.
/// - `skip_corrupted`: whether to skip frames that the driver marks as damaged; False by default.
/// - `memory`: memory to capture into: "mmap" (default; the driver's), "dmabuf" (from a dma-heap)
///   or "userptr".
/// - `reconnect`: whether to wait for an unplugged camera and continue; by default Unplugged is
///   raised.
/// - `timeout`: default timeout of waits in seconds; none by default.
#[pyclass(module = "videostream", extends = Source, frozen)]
pub(crate) struct Camera {
    camera_handle: Arc<CameraHandle>,
}

/// The options of a camera.
#[derive(Clone)]
struct CameraOptions {
    path: PathBuf,
    formats: Vec<FourCc>,
    size: Option<(u32, u32)>,
    exact: bool,
    interval: Option<Fraction>,
    buffers: Option<u32>,
    controls: Vec<(String, String)>,
    skip_corrupted: bool,
    memory: CameraMemory,
    reconnect: bool,
}

impl CameraOptions {
    fn start(&self, usual: u32) -> Result<BoxedSource, Error> {
        let mut camera = videostream::Camera::open(&self.path)?
            .buffers(self.buffers.unwrap_or(usual))
            .skip_corrupted(self.skip_corrupted)
            .memory(self.memory);
        for format in &self.formats {
            camera = camera.format(*format);
        }
        camera = match self.size {
            Some((width, height)) if self.exact => camera.size(width, height),
            Some((width, height)) => camera.size_near(width, height),
            None => camera,
        };
        if let Some(interval) = self.interval {
            camera = camera.interval(interval);
        }
        for (name, value) in &self.controls {
            camera = camera.control(name, value);
        }
        let source = CameraSource::new(camera.start()?);
        Ok(Box::new(source.reconnect(self.reconnect)))
    }
}

#[pymethods]
impl Camera {
    #[new]
    #[pyo3(signature = (
        path = None, *, format = None, size = None, exact = true, fps = None, buffers = None,
        controls = None, skip_corrupted = false, memory = "mmap", reconnect = false, timeout = None
    ))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn new(
        py: Python<'_>,
        path: Option<&Bound<'_, PyAny>>,
        format: Option<&Bound<'_, PyAny>>,
        size: Option<(u32, u32)>,
        exact: bool,
        fps: Option<&Bound<'_, PyAny>>,
        buffers: Option<u32>,
        controls: Option<&Bound<'_, PyDict>>,
        skip_corrupted: bool,
        memory: &str,
        reconnect: bool,
        timeout: Option<f64>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let interval = match fps {
            Some(fps) => {
                let rate = parse_rate(fps)?;
                Some(Fraction::new(rate.seconds(), rate.frames()))
            }
            None => None,
        };
        let mut values = Vec::new();
        for (name, value) in controls.into_iter().flatten() {
            values.push((name.extract()?, to_text(&value)?));
        }
        let formats = parse_formats(format)?;
        let memory = parse_memory(memory)?;
        let text = path.map(parse_path).transpose()?;
        let camera = py.detach(|| match &text {
            Some(text) => videostream::Camera::open(find_device(text)?),
            None => videostream::Camera::first(),
        });
        let camera_handle = Arc::new(CameraHandle::new(
            camera.map_err(|error| of_camera(&error))?,
            reconnect,
        ));
        let options = CameraOptions {
            path: camera_handle.path().to_owned(),
            formats,
            size,
            exact,
            interval,
            buffers,
            controls: values,
            skip_corrupted,
            memory,
            reconnect,
        };
        let feed = Feed::new(
            camera_handle.path().to_owned(),
            Box::new(move |usual| options.start(usual)),
        )?;
        let source = Source::new(feed, timeout)?;
        Ok(PyClassInitializer::from(source).add_subclass(Self { camera_handle }))
    }

    /// Path of the camera's node when it was opened.
    #[getter]
    fn path(&self) -> String {
        self.camera_handle.path().display().to_string()
    }

    /// The camera's controls: `camera.controls.brightness = 140`, `camera.controls["gain"]`.
    #[getter]
    fn controls(&self) -> Controls {
        Controls::new(&self.camera_handle)
    }

    /// Returns a description of the camera as a Device. Does not start it.
    fn info<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>, Failure> {
        // A replugged camera may have another node.
        let path = self
            .camera_handle
            .with(py, |camera| Ok(camera.path().to_owned()))?;
        let info = py.detach(|| DeviceInfo::open(&path));
        let info = info.map_err(|error| of_camera(&error))?;
        Ok(devices::to_python(py, &info)?)
    }

    /// Returns the supported formats, with sizes and rates, as a list of Format. Does not start the
    /// camera.
    fn formats<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>, Failure> {
        Ok(self.info(py)?.getattr("formats")?)
    }

    /// Stops the camera and closes the device. Frames and views of them stay readable.
    fn close(slf: &Bound<'_, Self>) {
        let (camera_handle, source) = (&slf.get().camera_handle, slf.as_super().get());
        slf.py().detach(|| {
            source.feed().close();
            camera_handle.close();
        });
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        format!(
            "<videostream.Camera {:?} {}>",
            slf.get().path(),
            slf.as_super().get().summary()
        )
    }
}

/// Parses which camera is meant: a path, a name, or a number.
fn parse_path(path: &Bound<'_, PyAny>) -> PyResult<String> {
    if let Ok(number) = path.extract::<u32>() {
        return Ok(number.to_string());
    }
    let path = path.extract::<PathBuf>().map_err(|_| {
        PyTypeError::new_err(format!(
            "path={path}: expected the path, the name or the number of a camera, or None"
        ))
    })?;
    Ok(path.to_string_lossy().into_owned())
}

fn parse_formats(format: Option<&Bound<'_, PyAny>>) -> PyResult<Vec<FourCc>> {
    let Some(format) = format else {
        return Ok(Vec::new());
    };
    if let Ok(fourcc) = parse_fourcc(format) {
        return Ok(vec![fourcc]);
    }
    match format.extract::<Vec<Bound<'_, PyAny>>>() {
        Ok(list) => list.iter().map(parse_fourcc).collect(),
        Err(_) => Ok(vec![parse_fourcc(format)?]),
    }
}

fn parse_memory(memory: &str) -> PyResult<CameraMemory> {
    let all = [
        CameraMemory::Driver,
        CameraMemory::Imported,
        CameraMemory::Pages,
    ];
    let found = all.into_iter().find(|kind| kind.name() == memory);
    found.ok_or_else(|| {
        invalid(format!(
            "memory={memory:?}: expected \"mmap\", \"dmabuf\" or \"userptr\""
        ))
    })
}

impl ContextManager for Camera {
    fn exit(slf: &Bound<'_, Self>, _has_failed: bool) -> PyResult<()> {
        Self::close(slf);
        Ok(())
    }
}

context_manager!(Camera);
