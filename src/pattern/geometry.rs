//! Geometry of the pattern: the code strip, and the area to the right of it and below.

use crate::picture::PictureError;

/// Cells in a row of the code strip.
pub(super) const COLUMNS: usize = 16;
/// Rows of cells.
pub(super) const ROWS: usize = 8;
/// Side of the smallest cell in pixels: one transform block of H.264's High profile.
const MIN_CELL: usize = 8;
/// Side of the largest cell in pixels: one macroblock.
const MAX_CELL: usize = 16;

/// Smallest width of a pattern in pixels.
pub const MIN_WIDTH: u32 = (COLUMNS * MIN_CELL) as u32;
/// Smallest height of a pattern in pixels.
pub const MIN_HEIGHT: u32 = 96;
/// Largest side of a pattern in pixels.
pub const MAX_SIDE: u32 = 16_384;

/// The code strip at the top left: cells of `cell` x `cell` pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Strip {
    pub(super) cell: usize,
}

impl Strip {
    /// Returns the strip for a picture size.
    ///
    /// # Errors
    /// [`PictureError::PatternSize`] for sizes without a pattern.
    pub(super) fn new(width: u32, height: u32) -> Result<Self, PictureError> {
        let even = width.is_multiple_of(2) && height.is_multiple_of(2);
        let sides =
            (MIN_WIDTH..=MAX_SIDE).contains(&width) && (MIN_HEIGHT..=MAX_SIDE).contains(&height);
        if !even || !sides {
            return Err(PictureError::PatternSize {
                width,
                height,
                smallest: (MIN_WIDTH, MIN_HEIGHT),
                largest: (MAX_SIDE, MAX_SIDE),
            });
        }
        // The strip covers at most half of the height, except in the smallest pictures.
        let large = width as usize >= COLUMNS * MAX_CELL && height as usize >= 2 * ROWS * MAX_CELL;
        Ok(Self {
            cell: if large { MAX_CELL } else { MIN_CELL },
        })
    }

    /// Returns the width in pixels.
    pub(super) fn width(self) -> usize {
        self.cell * COLUMNS
    }

    /// Returns the height in pixels.
    pub(super) fn height(self) -> usize {
        self.cell * ROWS
    }
}
