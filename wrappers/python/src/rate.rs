//! Frame rates as arguments.

use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyString};
use videostream::FrameRate;

use crate::error::invalid;

/// Parses frames per second: an int, a float or a Fraction. Floats mean television rates: 29.97 is
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

/// Parses a rate: a number, a fraction, "30000/1001", or a tuple (30000, 1001).
pub(crate) fn parse_fps(fps: &Bound<'_, PyAny>) -> PyResult<FrameRate> {
    let text = match (fps.extract::<(u32, u32)>(), fps.cast::<PyString>()) {
        (Ok((frames, seconds)), _) => format!("{frames}/{seconds}"),
        (_, Ok(text)) => text.to_string(),
        _ => return parse_rate(fps),
    };
    text.parse()
        .map_err(|error| invalid(format!("fps={text}: {error}")))
}
