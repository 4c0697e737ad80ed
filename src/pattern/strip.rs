//! The code strip as bytes, and the start of the content's checksum.

use videostream_hal::format::{FourCc, MAX_PLANES};

use super::geometry::{COLUMNS, Strip};
use super::paint::{self, BLACK, PlaneKind, WHITE};

/// Bytes in the widest row of cells: 256 pixels of RGB.
const MAX_STRIP_ROW: usize = 256 * 3;

/// Starts the checksum with the number, so that frames of equal content differ.
pub(super) fn content_hasher(number: u64) -> crc32fast::Hasher {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&number.to_le_bytes());
    hasher
}

/// The bytes of rows of cells.
pub(super) struct StripBytes {
    strip: Strip,
    black: [[u8; 6]; MAX_PLANES],
    white: [[u8; 6]; MAX_PLANES],
}

impl StripBytes {
    pub(super) fn new(fourcc: FourCc, strip: Strip) -> Self {
        Self {
            strip,
            black: paint::pair(fourcc, BLACK),
            white: paint::pair(fourcc, WHITE),
        }
    }

    /// Returns one row of plane `index` through a row of cells, and the number of bytes used.
    pub(super) fn row(
        &self,
        index: usize,
        kind: &PlaneKind,
        cells: u16,
    ) -> ([u8; MAX_STRIP_ROW], usize) {
        let mut bytes = [0; MAX_STRIP_ROW];
        let cell_bytes = self.strip.cell / 2 * kind.pair_bytes;
        for (column, cell) in bytes.chunks_exact_mut(cell_bytes).take(COLUMNS).enumerate() {
            let colour = if cells >> column & 1 == 1 {
                self.white
            } else {
                self.black
            };
            for pair in cell.chunks_exact_mut(kind.pair_bytes) {
                pair.copy_from_slice(&colour[index][..kind.pair_bytes]);
            }
        }
        (bytes, cell_bytes * COLUMNS)
    }
}
