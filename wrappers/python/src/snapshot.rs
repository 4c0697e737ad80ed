//! One picture as a file.

use std::path::{Path, PathBuf};

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use rustix::io::Errno;
use videostream::hal::ring::Flags;
use videostream::snapshot::{self, SnapshotError};

use crate::convert::{Pixels, Source};
use crate::error::{Kind, invalid, raise};
use crate::frame::{Frame, parse_fourcc};

/// Frames of a source that may be damaged one after the other.
const TRIES: u32 = 60;

/// An exception for a picture that was not saved.
fn of_snapshot(error: &SnapshotError, path: &Path) -> PyErr {
    let errno = match error {
        SnapshotError::Quality(_) | SnapshotError::Extension { .. } => {
            return invalid(error.to_string());
        }
        SnapshotError::Format(_) | SnapshotError::Size { .. } => Errno::INVAL,
        SnapshotError::Jpeg(_) => Errno::BADMSG,
        SnapshotError::Write { error, .. } => Errno::from_io_error(error).unwrap_or(Errno::IO),
        _ => Errno::IO,
    };
    raise(Kind::Other, errno, &error.to_string(), Some(path))
}

fn save(pixels: Pixels<'_>, path: &Path, quality: u8) -> PyResult<Result<(), SnapshotError>> {
    let colours = pixels.appearance().colorimetry;
    pixels.see(|picture| Ok(snapshot::save_with_quality(path, picture, colours, quality)))
}

/// Writes a picture to a PNG or JPEG file, by the name: `.png`, `.jpg`, `.jpeg`.
///
/// - `source`: a Frame; an array of bytes ((height, width, 3) is RGB, others are what `source_format` says);
///   or what gives frames with `next()`, such as a Client or a Camera: the next one that is whole.
/// - `quality`: of a JPEG file, 1 to 100, 90 by default. The image of a camera that gives JPEG (MJPG) stays as
///   it is.
/// - `timeout`: seconds to wait for each frame of a source; as long as that says by default.
///
/// The file appears whole or not at all, and takes the place of one of that name. Raises ValueError for
/// other names, and Error for what can't be saved or written.
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
            PyTypeError::new_err(format!("next() of the source gives no Frame: {error}"))
        })?;
        let pixels = Pixels::Frame(frame.get());
        let about = &frame.get().about().descriptor;
        let is_damaged = about.flags().contains(Flags::CORRUPTED);
        let saved = match is_damaged && tries < TRIES {
            true => None,
            false => Some(py.detach(|| save(pixels, &path, quality))?),
        };
        drop(frame.get().shared().release());
        match saved {
            None => {}
            Some(Err(SnapshotError::Jpeg(_))) if tries < TRIES => {}
            Some(saved) => return saved.map_err(|e| of_snapshot(&e, &path)),
        }
    }
    Ok(())
}
