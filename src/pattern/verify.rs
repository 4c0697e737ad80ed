//! Reading pattern frames back.

use super::PictureError;
use super::code::Code;
use super::geometry::{COLUMNS, ROWS, Strip};
use super::paint::{self, PlaneKind};
use super::strip::{StripBytes, content_hasher};
use crate::picture::Picture;

/// Checks that `picture` is one complete, unchanged pattern frame, and returns its number.
///
/// Every byte of every row is read once. Padding behind rows is ignored.
///
/// # Errors
/// [`PictureError`]: what differs, with the number if that could be read.
pub fn verify(picture: &Picture<'_>) -> Result<u64, PictureError> {
    let (planes, strip, code) = read(picture)?;
    let number = code.number;
    let cells = StripBytes::new(picture.fourcc(), strip);
    let mut hasher = content_hasher(number);
    for (index, kind) in planes.iter().enumerate() {
        let strip_rows = strip.height() / kind.rows_per_row;
        let start = strip.width() / 2 * kind.pair_bytes;
        let mut rows = picture.rows(index);
        for bits in code.to_rows() {
            let (bytes, len) = cells.row(index, kind, bits);
            for row in rows.by_ref().take(strip_rows / ROWS) {
                if row[..len] != bytes[..len] {
                    return Err(PictureError::PatternStrip { number });
                }
                hasher.update(&row[start..]);
            }
        }
        rows.for_each(|row| hasher.update(row));
    }
    let found = hasher.finalize();
    if found != code.content {
        return Err(PictureError::PatternContent {
            number,
            expected: code.content,
            found,
        });
    }
    Ok(number)
}

/// Returns the number of a pattern frame that may have gone through a lossy codec.
///
/// Only the middle of each cell is looked at; the content is not checked.
///
/// # Errors
/// [`PictureError::NoPattern`] if the cells contain no valid code; [`PictureError::PatternFormat`]
/// and [`PictureError::PatternSize`] for a format or size without a pattern.
pub fn read_number(picture: &Picture<'_>) -> Result<u64, PictureError> {
    read(picture).map(|(_, _, code)| code.number)
}

fn read(picture: &Picture<'_>) -> Result<(&'static [PlaneKind], Strip, Code), PictureError> {
    let (fourcc, width, height) = (picture.fourcc(), picture.width(), picture.height());
    let planes = paint::planes(fourcc).ok_or(PictureError::PatternFormat(fourcc))?;
    let strip = Strip::new(width, height)?;
    let (first, next) = planes[0].luma.ok_or(PictureError::PatternFormat(fourcc))?;
    let plane = picture.planes()[0];
    let quarter = strip.cell / 4;
    let cells = core::array::from_fn(|row| {
        (0..COLUMNS).fold(0, |bits, column| {
            let mut sum = 0;
            for y in row * strip.cell + quarter..(row + 1) * strip.cell - quarter {
                for x in column * strip.cell + quarter..(column + 1) * strip.cell - quarter {
                    sum += usize::from(plane.data[y * plane.stride + first + x * next]);
                }
            }
            let pixels = (strip.cell - 2 * quarter) * (strip.cell - 2 * quarter);
            bits | u16::from(sum > 128 * pixels) << column
        })
    });
    let code = Code::from_rows(cells).ok_or(PictureError::NoPattern)?;
    Ok((planes, strip, code))
}
