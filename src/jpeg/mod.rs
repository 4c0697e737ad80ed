//! JPEG of cameras (MJPG): located in its buffer, completed, decoded.
//!
//! A frame of Motion-JPEG is a JPEG image that may lack its Huffman tables (always those of the
//! standard's annex K) and may be followed by unrelated bytes. An image that the camera or the bus
//! truncated lacks its end; a gap in its middle is only detected when it is decoded.
//!
//! Luma and chroma are in full range, by BT.601 ([`Colorimetry::JPEG`](crate::Colorimetry::JPEG)),
//! unless the driver says otherwise.
//!
//! Locating an image needs no feature; [`JpegDecoder`] needs the cargo feature `jpeg` (`snapshot`
//! contains it).
//!
//! Source: ITU-T T.81, annex B (markers); ITU-T T.871 (colours); the USB Video Class's document on
//! the payload Motion-JPEG.

#[cfg(feature = "jpeg")]
mod decode;
mod tables;

use videostream_hal::format::FourCc;

#[cfg(feature = "jpeg")]
pub use self::decode::JpegDecoder;
#[cfg(feature = "snapshot")]
pub(crate) use self::decode::to_rgb;
use self::tables::{AC_CHROMA, AC_LUMA, DC_CHROMA, DC_LUMA};
pub use crate::picture::PictureError;

/// Returns whether frames of this format are JPEG images: `MJPG`, `JPEG`.
#[must_use]
pub const fn is_jpeg(fourcc: FourCc) -> bool {
    matches!(fourcc, FourCc::MJPG | FourCc::JPEG)
}

/// Start and end of an image, and the segments that matter here.
const SOI: [u8; 2] = [0xff, 0xd8];
const EOI: [u8; 2] = [0xff, 0xd9];
const DHT: u8 = 0xc4;
const SOS: u8 = 0xda;

/// The parts of an image.
struct Found {
    /// Offset of the first scan.
    scan: usize,
    /// Number of segments from there on. With a single one, all that follows is its scan's coded
    /// data.
    segments: usize,
    /// Offset of the end, if there is one.
    end: Option<usize>,
    has_tables: bool,
}

/// Checks that `bytes` begin with an image that has an end, without decoding it.
///
/// # Errors
/// [`PictureError::NoJpeg`], [`PictureError::JpegCut`].
pub fn check(bytes: &[u8]) -> Result<(), PictureError> {
    extent(bytes).map(drop)
}

/// Returns the image at the start of `bytes` as a complete file, with Huffman tables.
///
/// # Errors
/// As [`check`].
///
/// ```
/// use videostream::jpeg::{PictureError, whole};
/// assert!(matches!(whole(b"no image"), Err(PictureError::NoJpeg { bytes: 8 })));
/// ```
pub fn whole(bytes: &[u8]) -> Result<Vec<u8>, PictureError> {
    let mut file = Vec::new();
    whole_into(bytes, &mut file)?;
    Ok(file)
}

/// Like [`whole`], replacing the content of `file`.
///
/// # Errors
/// As [`check`].
pub fn whole_into(bytes: &[u8], file: &mut Vec<u8>) -> Result<(), PictureError> {
    whole_with(bytes, file, |file, scans, _| file.extend_from_slice(scans))
}

/// Works like [`whole_into`]; `add` appends the scans, which consist of the given number of
/// segments.
fn whole_with(
    bytes: &[u8],
    file: &mut Vec<u8>,
    add: impl FnOnce(&mut Vec<u8>, &[u8], usize),
) -> Result<(), PictureError> {
    let (found, end) = extent(bytes)?;
    let (head, scans) = bytes[..end].split_at(found.scan);
    file.clear();
    file.reserve(end + 512);
    file.extend_from_slice(head);
    if !found.has_tables {
        let tables = [&DC_LUMA[..], &DC_CHROMA, &AC_LUMA, &AC_CHROMA];
        let len: usize = tables.iter().map(|table| table.len()).sum();
        file.extend([0xff, DHT]);
        file.extend((len as u16 + 2).to_be_bytes());
        tables
            .iter()
            .for_each(|table| file.extend_from_slice(table));
    }
    add(file, scans, found.segments);
    Ok(())
}

/// Returns the parts and the end of an image.
fn extent(bytes: &[u8]) -> Result<(Found, usize), PictureError> {
    let len = bytes.len();
    let found = find(bytes).ok_or(match bytes.starts_with(&SOI) {
        true => PictureError::JpegCut { bytes: len },
        false => PictureError::NoJpeg { bytes: len },
    })?;
    let end = found.end.ok_or(PictureError::JpegCut { bytes: len })?;
    Ok((found, end))
}

/// Finds the parts of an image by walking through its segments.
fn find(bytes: &[u8]) -> Option<Found> {
    let mut at = bytes.starts_with(&SOI).then_some(2)?;
    let mut scan = None;
    let mut segments = 0;
    let mut has_tables = false;
    loop {
        let (&marker, kind) = (bytes.get(at)?, bytes.get(at + 1).copied());
        if marker != 0xff {
            return None;
        }
        match kind? {
            // A marker may have any number of these before it.
            0xff => {
                at += 1;
                continue;
            }
            kind if [0xff, kind] == EOI => {
                let end = Some(at + 2);
                return scan.map(|scan| Found {
                    scan,
                    segments,
                    end,
                    has_tables,
                });
            }
            kind => {
                has_tables |= kind == DHT;
                let begin = at;
                let len = bytes.get(at + 2..at + 4)?;
                at += 2 + usize::from(u16::from_be_bytes([len[0], len[1]]));
                if kind == SOS {
                    scan.get_or_insert(begin);
                }
                segments += usize::from(scan.is_some());
                if kind != SOS {
                    continue;
                }
            }
        }
        // Coded data continues to the next marker that is neither a stuffed byte nor a restart.
        let rest = bytes.get(at..)?;
        let next = rest
            .windows(2)
            .position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xd0..=0xd7 | 0xff));
        match (next, scan) {
            (Some(next), _) => at += next,
            (None, Some(scan)) => {
                return Some(Found {
                    scan,
                    segments,
                    end: None,
                    has_tables,
                });
            }
            (None, None) => return None,
        }
    }
}

#[cfg(all(test, feature = "snapshot"))]
mod tests {
    use super::*;

    /// Returns a small image of noise, with the typical tables.
    pub(super) fn image() -> Vec<u8> {
        let mut state = 7_u32;
        let rgb: Vec<u8> = (0..64 * 48 * 3)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        let mut file = Vec::new();
        jpeg_encoder::Encoder::new(&mut file, 90)
            .encode(&rgb, 64, 48, jpeg_encoder::ColorType::Rgb)
            .unwrap();
        file
    }

    /// Returns the image without its Huffman tables.
    fn without_tables(file: &[u8]) -> Vec<u8> {
        let mut rest = SOI.to_vec();
        let mut at = 2;
        while file[at + 1] != SOS {
            let end = at + 2 + usize::from(u16::from_be_bytes([file[at + 2], file[at + 3]]));
            if file[at + 1] != DHT {
                rest.extend_from_slice(&file[at..end]);
            }
            at = end;
        }
        rest.extend_from_slice(&file[at..]);
        rest
    }

    #[test]
    fn only_bytes_behind_a_whole_image_are_dropped() {
        let file = image();
        assert!(whole(&file).unwrap() == file);
        let padded = [&file[..], &[0, 0xff, 0xd8, 7, 9]].concat();
        assert!(whole(&padded).unwrap() == file);
    }

    #[test]
    fn missing_tables_are_added_and_a_missing_end_is_told() {
        let file = image();
        let bare = without_tables(&file);
        assert!(bare.len() + 400 < file.len());
        let decode = |bytes: &[u8]| decode::to_rgb(bytes, 64, 48).unwrap();
        let made = whole(&bare).unwrap();
        assert!(decode(&made) == decode(&file));
        for cut in [2, 3, bare.len() / 2, bare.len() - 4] {
            let bytes = bare.len() - cut;
            let error = whole(&bare[..bytes]).unwrap_err();
            assert!(matches!(error, PictureError::JpegCut { bytes: told } if told == bytes));
        }
    }

    #[test]
    fn other_bytes_are_no_image() {
        let file = image();
        for bytes in [&[][..], &[0xff], &SOI, &file[2..], &file[..9], &file[..200]] {
            assert!(check(bytes).is_err(), "{} bytes", bytes.len());
        }
        // No truncated or changed image causes a read past the end.
        for at in 0..file.len().min(700) {
            for value in [0, 0xff, SOS, 0xd9] {
                let mut damaged = file.clone();
                damaged[at] = value;
                let _ = whole(&damaged);
                let _ = whole(&damaged[..at]);
            }
        }
    }
}
