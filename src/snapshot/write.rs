//! Writing RGB to a file that appears complete or not at all.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::{Kind, RecordError};
use crate::colorimetry::{Colorimetry, Matrix, Primaries, Transfer};
use crate::fresh::Fresh;
use crate::record::Recorded;

/// The chunk with the code points of the colours.
const CICP: png::chunk::ChunkType = png::chunk::ChunkType(*b"cICP");

pub(super) fn save(
    path: &Path,
    (kind, quality): (Kind, u8),
    rgb: &[u8],
    (width, height): (u32, u32),
    colorimetry: Colorimetry,
) -> Result<(), RecordError> {
    if kind == Kind::Jpeg && (width > 65_535 || height > 65_535) {
        return Err(RecordError::Size { width, height });
    }
    whole(path, |file| {
        encode(file, (kind, quality), rgb, (width, height), colorimetry)
    })
}

/// Writes a file with these bytes.
pub(super) fn save_bytes(path: &Path, bytes: &[u8]) -> Result<(), RecordError> {
    whole(path, |mut file| file.write_all(bytes))
}

/// Writes a file that gets its name once complete.
fn whole(path: &Path, fill: impl FnOnce(&File) -> io::Result<()>) -> Result<(), RecordError> {
    let written = Fresh::create(path).and_then(|(file, mut fresh)| {
        fill(&file)?;
        match file.sync_data() {
            // A pipe or device can't be synchronised, and need not be.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {}
            synchronised => synchronised?,
        }
        fresh.show(&file, true)
    });
    written.map_err(|error| RecordError::Write {
        path: path.into(),
        error,
        recorded: Recorded::default(),
    })
}

fn encode(
    file: &File,
    (kind, quality): (Kind, u8),
    rgb: &[u8],
    (width, height): (u32, u32),
    colorimetry: Colorimetry,
) -> io::Result<()> {
    let mut out = BufWriter::new(file);
    match kind {
        Kind::Png => {
            let mut encoder = png::Encoder::new(&mut out, width, height);
            encoder.set_color(png::ColorType::Rgb);
            encoder.set_depth(png::BitDepth::Eight);
            encoder.set_compression(png::Compression::Fast);
            let mut writer = encoder.write_header().map_err(from_png)?;
            if let Some(colours) = cicp(colorimetry) {
                writer.write_chunk(CICP, &colours).map_err(from_png)?;
            }
            writer.write_image_data(rgb).map_err(from_png)?;
            writer.finish().map_err(from_png)?;
        }
        Kind::Jpeg => {
            let encoder = jpeg_encoder::Encoder::new(&mut out, quality);
            // The caller has checked that the sides fit.
            let (width, height) = (width as u16, height as u16);
            encoder
                .encode(rgb, width, height, jpeg_encoder::ColorType::Rgb)
                .map_err(from_jpeg)?;
        }
    }
    out.flush()
}

/// Returns the code points of RGB in ITU-T H.273, full range; `None` unless all are known.
///
/// Source: PNG, third edition, clause 11.3.2.6.
fn cicp(colorimetry: Colorimetry) -> Option<[u8; 4]> {
    let (primaries, transfer) = (colorimetry.primaries, colorimetry.transfer);
    let is_known = primaries != Primaries::UNSPECIFIED && transfer != Transfer::UNSPECIFIED;
    is_known.then_some([primaries.0, transfer.0, Matrix::RGB.0, 1])
}

fn from_png(error: png::EncodingError) -> io::Error {
    match error {
        png::EncodingError::IoError(error) => error,
        other => io::Error::other(other),
    }
}

fn from_jpeg(error: jpeg_encoder::EncodingError) -> io::Error {
    match error {
        jpeg_encoder::EncodingError::IoError(error) => error,
        other => io::Error::other(other),
    }
}
