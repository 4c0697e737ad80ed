//! The test pattern.

use pyo3::prelude::*;
use videostream::{Error, FrameRate, pattern};

use crate::error::to_python;
use crate::feed::Feed;
use crate::frame::{Frame, parse_fourcc};
use crate::rate::parse_rate;
use crate::source::Source;

/// A source without hardware: moving colour bars with a frame number and a checksum in the pixels.
///
/// - `format`: "NV12" (default), "YU12", "YUYV" or "RGB3".
/// - `size`: even width and height in pixels; (1280, 720) by default.
/// - `fps`: frames per second as an int, a float or a Fraction; 30 by default.
/// - `buffers`: number of buffers, which is how many frames can be held at once; 4 by default, 8 in
///   a Stream. Frames that find no free buffer are dropped.
/// - `timeout`: default timeout of waits in seconds; none by default.
#[pyclass(module = "videostream", extends = Source, frozen)]
pub(crate) struct TestPattern {}

#[pymethods]
impl TestPattern {
    #[new]
    #[pyo3(
        signature = (
            format = None, size = (1280, 720), fps = None, buffers = None, *, timeout = None
        ),
        text_signature = "(format='NV12', size=(1280, 720), fps=30, buffers=None, *, timeout=None)"
    )]
    fn new(
        format: Option<&Bound<'_, PyAny>>,
        size: (u32, u32),
        fps: Option<&Bound<'_, PyAny>>,
        buffers: Option<u32>,
        timeout: Option<f64>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let format = match format {
            Some(format) => parse_fourcc(format)?,
            None => videostream::hal::format::FourCc::NV12,
        };
        let rate = match fps {
            Some(fps) => parse_rate(fps)?,
            None => FrameRate::fps(30).map_err(|e| crate::error::invalid(e.to_string()))?,
        };
        let drawn = pattern::TestPattern::new(format, size.0, size.1, rate);
        let drawn = drawn.map_err(|e| to_python(Error::Picture(e)))?;
        let source = Source::new(Feed::of_pattern(drawn, buffers)?, timeout)?;
        Ok(PyClassInitializer::from(source).add_subclass(Self {}))
    }

    /// Checks a frame of the pattern byte by byte, wherever it comes from, and returns its number.
    ///
    /// Raises Error with the difference.
    #[staticmethod]
    fn verify(frame: &Frame) -> PyResult<u64> {
        frame.see(|picture| pattern::verify(picture).map_err(|e| to_python(Error::Picture(e))))
    }

    /// Reads the number of a pattern frame, also after a lossy codec.
    ///
    /// Raises Error if no number can be read.
    #[staticmethod]
    fn number(frame: &Frame) -> PyResult<u64> {
        frame.see(|picture| pattern::read_number(picture).map_err(|e| to_python(Error::Picture(e))))
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        format!(
            "<videostream.TestPattern {}>",
            slf.as_super().get().summary()
        )
    }
}
