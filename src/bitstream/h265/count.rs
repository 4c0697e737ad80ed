//! Picture order count of H.265.
//!
//! Source: ITU-T H.265, clauses 8.1.3 (leading pictures), 8.3.1 (picture order count).

use std::cmp::Reverse;

use super::{Slice, Sps};
use crate::bitstream::DisplayPosition;

/// Computes the order counts of successive pictures.
#[derive(Debug)]
pub(crate) struct Counter {
    /// Count of the last picture that others are counted from (`prevTid0Pic`).
    previous: i64,
    /// Decoding starts at the next IRAP picture.
    is_fresh: bool,
    /// The RASL pictures of the last IRAP picture can't be decoded.
    has_orphans: bool,
}

impl Default for Counter {
    fn default() -> Self {
        Self {
            previous: 0,
            is_fresh: true,
            has_orphans: true,
        }
    }
}

impl Counter {
    /// Restarts decoding at the next IRAP picture: after the end of a sequence, or a loss.
    pub(crate) fn begin(&mut self) {
        self.is_fresh = true;
    }

    /// Returns the display position of the picture whose first slice this is; `None` for one that
    /// refers to pictures before the start of decoding.
    pub(crate) fn position(&mut self, slice: &Slice, sps: &Sps) -> Option<DisplayPosition> {
        let begins = slice.is_idr_or_bla() || (slice.is_irap() && self.is_fresh);
        if begins {
            self.is_fresh = false;
            self.has_orphans = true;
        } else if slice.is_irap() {
            self.has_orphans = false;
        }
        let whole = 1_i64 << sps.count_bits;
        let low = i64::from(slice.low.unwrap_or(0));
        let count = if begins {
            low
        } else {
            // The count nearest to the previous one.
            let base = self.previous - self.previous.rem_euclid(whole) + low;
            [base - whole, base, base + whole]
                .into_iter()
                .min_by_key(|count| ((count - self.previous).abs(), Reverse(*count)))
                .unwrap_or(base)
        };
        if slice.sublayer == 1 && slice.is_referred() && !slice.is_leading() {
            self.previous = count;
        }
        let is_orphan = slice.is_rasl() && self.has_orphans;
        (!is_orphan).then_some(DisplayPosition { begins, count })
    }
}
