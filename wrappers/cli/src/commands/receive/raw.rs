//! Writing a frame's bytes to a file.

use std::fs;
use std::path::Path;

use videostream::Frame;

use crate::failure::{Failure, GENERAL};
use crate::pipes;

/// Writes a frame's planes without padding.
pub(super) fn write(frame: &Frame, path: &Path) -> Result<(), Failure> {
    let pixels = frame.pixels()?;
    let mut bytes = Vec::new();
    match pixels.picture() {
        Ok(picture) if !is_compressed(frame) => {
            for plane in 0..picture.planes().len() {
                picture.rows(plane).for_each(|row| bytes.extend(row));
            }
        }
        // Compressed data has no rows.
        _ => {
            let all = pixels.plane(0);
            let used = all.len().min(frame.descriptor().bytes_used as usize);
            bytes.extend(&all[..used]);
        }
    }
    let Some(_reader) = pipes::wait_for_reader(path) else {
        return Ok(());
    };
    fs::write(path, bytes).map_err(|error| {
        let message = format_args!("can't write {}: {error}", path.display());
        Failure::new(GENERAL, message)
    })
}

fn is_compressed(frame: &Frame) -> bool {
    frame
        .fourcc()
        .info()
        .is_some_and(|info| info.is_compressed())
}
