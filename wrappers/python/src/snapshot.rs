//! Snapshots: one picture as a file.

use std::path::{Path, PathBuf};

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use rustix::io::Errno;
use videostream::hal::ring::Flags;
use videostream::snapshot::{self, RecordError};

use crate::convert::{Pixels, Source};
use crate::error::{Kind, invalid, raise};
use crate::frame::{Frame, parse_fourcc};

/// Maximum number of damaged frames in a row.
const MAX_TRIES: u32 = 60;

/// Converts an error of a snapshot.
fn of_snapshot(error: &RecordError, path: &Path) -> PyErr {
    let errno = match error {
        RecordError::Quality(_) | RecordError::ImageExtension { .. } => {
            return invalid(error.to_string());
        }
        RecordError::ImageFormat(_) | RecordError::Size { .. } => Errno::INVAL,
        error if error.is_broken_jpeg() => Errno::BADMSG,
        RecordError::Write { error, .. } => Errno::from_io_error(error).unwrap_or(Errno::IO),
        _ => Errno::IO,
    };
    raise(Kind::Other, errno, &error.to_string(), Some(path))
}

fn save(pixels: Pixels<'_>, path: &Path, quality: u8) -> PyResult<Result<(), RecordError>> {
    let colours = pixels.appearance().colorimetry;
    pixels.see(|picture| Ok(snapshot::save_with_quality(path, picture, colours, quality)))
}

/// Writes a picture to a file; the extension chooses the format: `.png`, `.jpg` or `.jpeg`.
///
/// - `source`: a Frame; an array of bytes ((height, width, 3) is RGB, `source_format` names other
///   formats); or an object whose `next()` returns frames, such as a Client or a Camera: its next
///   undamaged frame.
/// - `quality`: quality of a JPEG file, 1 to 100; 90 by default. JPEG images of a camera (MJPG) are
///   saved unchanged.
/// - `timeout`: seconds to wait for each frame of a source; the source's own timeout by default.
///
/// The file is written atomically, and replaces an existing one. Raises ValueError for other
/// extensions, and Error if the picture can't be saved.
#[pyfunction]
#[pyo3(
    name = "snapshot",
    signature = (source, path, *, quality = 90, timeout = None, source_format = None)
)]
pub(crate) fn py_snapshot(
    py: Python<'_>,
    source: &Bound<'_, PyAny>,
    path: PathBuf,
    quality: u8,
    timeout: Option<f64>,
    source_format: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    snapshot::check_path(&path).map_err(|e| of_snapshot(&e, &path))?;
    let is_frame = source.cast::<Frame>().is_ok();
    if is_frame || !source.hasattr("next")? {
        let source = Source::new(source, source_format.map(parse_fourcc).transpose()?)?;
        let pixels = source.pixels();
        let saved = py.detach(|| save(pixels, &path, quality))?;
        return saved.map_err(|e| of_snapshot(&e, &path));
    }
    for tries in 1.. {
        let frame = match timeout {
            Some(timeout) => source.call_method1("next", (timeout,))?,
            None => source.call_method0("next")?,
        };
        let frame = frame.cast_into::<Frame>().map_err(|error| {
            PyTypeError::new_err(format!("next() of the source returned no Frame: {error}"))
        })?;
        let pixels = Pixels::Frame(frame.get());
        let info = &frame.get().info().descriptor;
        let is_damaged = info.flags().contains(Flags::CORRUPTED);
        let saved = match is_damaged && tries < MAX_TRIES {
            true => None,
            false => Some(py.detach(|| save(pixels, &path, quality))?),
        };
        drop(frame.get().shared().release());
        match saved {
            None => {}
            Some(Err(error)) if error.is_broken_jpeg() && tries < MAX_TRIES => {}
            Some(saved) => return saved.map_err(|e| of_snapshot(&e, &path)),
        }
    }
    Ok(())
}
