//! The test pattern.

use pyo3::prelude::*;
use videostream::{Error, FrameRate, pattern};

use crate::error::to_python;
use crate::feed::Feed;
use crate::frame::{Frame, parse_fourcc};
use crate::source::{Source, parse_rate};

/// A source without hardware: moving colour bars, each frame with its number and a checksum in its
/// pixels.
///
/// - `format`: "NV12" (default), "YU12", "YUYV" or "RGB3".
/// - `size`: width and height in pixels, even (1280, 720).
/// - `fps`: frames per second as an int, a float or a Fraction (30).
/// - `buffers`: frames that can be held at once (4, and 8 where a Stream starts it). Frames that
///   find no buffer are dropped.
/// - `timeout`: seconds that a wait takes at most where the call does not say (no limit).
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
        let drawn = drawn.map_err(|e| to_python(Error::Pattern(e)))?;
        let source = Source::new(Feed::of_pattern(drawn, buffers)?, timeout)?;
        Ok(PyClassInitializer::from(source).add_subclass(Self {}))
    }

    /// Checks that a frame is one whole, unchanged frame of the pattern, byte by byte, wherever it
    /// comes from, and gives its number. Raises Error with what differs.
    #[staticmethod]
    fn verify(frame: &Frame) -> PyResult<u64> {
        frame.see(|picture| pattern::verify(picture).map_err(|e| to_python(Error::Pattern(e))))
    }

    /// The number of a frame of the pattern that may have gone through a lossy codec. Raises Error
    /// if there is none to read.
    #[staticmethod]
    fn number(frame: &Frame) -> PyResult<u64> {
        frame.see(|picture| pattern::read_number(picture).map_err(|e| to_python(Error::Pattern(e))))
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        format!(
            "<videostream.TestPattern {}>",
            slf.as_super().get().summary()
        )
    }
}
