//! Any bytes as the JPEG image of a camera, saved as it is and decoded.

use std::fs;
use std::path::{Path, PathBuf};

use videostream::hal::format::{FourCc, Layout};
use videostream::snapshot;
use videostream::{Colorimetry, Picture};

pub fn run(bytes: &[u8]) {
    let [width, height, image @ ..] = bytes else {
        return;
    };
    let side = |byte: &u8| u32::from(*byte).max(1) * 4;
    let layout = Layout::opaque(
        FourCc::MJPG,
        side(width),
        side(height),
        0,
        image.len() as u32,
    );
    let Ok(picture) = Picture::new(image, &layout) else {
        return;
    };
    let [jpg, png] = ["jpg", "png"].map(file);
    let saved = snapshot::save(&jpg, &picture, Colorimetry::default());
    match &saved {
        Ok(()) => is_whole(image, &fs::read(&jpg).unwrap()),
        Err(error) => assert!(error.is_broken_jpeg(), "{error}"),
    }
    match snapshot::save(&png, &picture, Colorimetry::default()) {
        Ok(()) => assert!(saved.is_ok() && fs::read(&png).unwrap().starts_with(b"\x89PNG")),
        Err(error) => {
            assert!(saved.is_err());
            assert!(error.is_broken_jpeg(), "{error}");
        }
    }
    for file in [jpg, png] {
        let _ = fs::remove_file(file);
    }
}

/// In memory where there is such a folder: each run writes two files.
fn file(extension: &str) -> PathBuf {
    let memory = Path::new("/dev/shm");
    let folder = match memory.is_dir() {
        true => memory.into(),
        false => std::env::temp_dir(),
    };
    folder.join(format!(
        "videostream-fuzz-{}.{extension}",
        std::process::id()
    ))
}

/// A file begins with what the image does, has an end, and is a file that stays as it is.
fn is_whole(image: &[u8], file: &[u8]) {
    assert!(file.starts_with(&image[..2]) && file.ends_with(&[0xff, 0xd9]));
    assert!(file.len() <= image.len() + 500);
}
