//! Picture order count of H.264.
//!
//! Source: ITU-T H.264, clause 8.2.1 (decoding process for picture order count).

use super::sps::{Count, Cycle};
use super::{Field, Slice, Sps};
use crate::bitstream::DisplayPosition;

/// Computes the order counts of successive pictures.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    /// High and low part of the count of the last reference picture.
    previous: (i64, i64),
    /// Number of the last frame, and the number of frames before frame numbers last wrapped around.
    number: u32,
    offset: i64,
    /// Number of the last reference frame.
    referred: Option<u32>,
}

impl Counter {
    /// Returns the display position of the picture whose first slice this is.
    pub(crate) fn position(&mut self, slice: &Slice, sps: &Sps) -> DisplayPosition {
        let picture = &slice.picture;
        let is_idr = picture.idr.is_some();
        if is_idr {
            *self = Self::default();
        }
        let is_lost = self.has_lost(slice, sps);
        let whole = 1_i64 << sps.number_bits;
        if picture.number < self.number {
            self.offset += whole;
        }
        self.number = picture.number;
        let [top, bottom] = match &sps.count {
            Count::Coded { bits } => self.coded(slice, *bits),
            Count::Cycle(cycle) => self.cycle(slice, cycle),
            Count::AsDecoded => {
                let place = 2 * (self.offset + i64::from(picture.number));
                [place - i64::from(!picture.is_referred); 2]
            }
        };
        let count = match picture.field {
            Field::Frame => top.min(bottom),
            Field::Top => top,
            Field::Bottom => bottom,
        };
        if picture.is_referred {
            self.referred = Some(picture.number);
        }
        if slice.forgets {
            // For later pictures this one counts as the first, except for the distance between its
            // fields.
            let low = if picture.field == Field::Bottom {
                0
            } else {
                top - count
            };
            *self = Self {
                previous: (0, low),
                referred: Some(0),
                ..Self::default()
            };
        }
        DisplayPosition {
            begins: is_idr || slice.forgets || is_lost,
            count: if slice.forgets { 0 } else { count },
        }
    }

    /// Returns whether all pictures that this one could refer to are missing, judging by frame
    /// numbers: what follows belongs to another sequence.
    fn has_lost(&self, slice: &Slice, sps: &Sps) -> bool {
        let Some(referred) = self.referred.filter(|_| !sps.has_gaps) else {
            return false;
        };
        let number = slice.picture.number;
        let whole = 1_u32 << sps.number_bits;
        let missing = number.wrapping_sub(referred + 1) & (whole - 1);
        number != referred && missing >= u32::from(sps.references.max(1))
    }

    fn coded(&mut self, slice: &Slice, bits: u8) -> [i64; 2] {
        let whole = 1_i64 << bits;
        let [now, bottom] = slice.picture.count.map(i64::from);
        let (high, low) = self.previous;
        let high = if now < low && low - now >= whole / 2 {
            high + whole
        } else if now > low && now - low > whole / 2 {
            high - whole
        } else {
            high
        };
        if slice.picture.is_referred {
            self.previous = (high, now);
        }
        [high + now, high + now + bottom]
    }

    fn cycle(&self, slice: &Slice, cycle: &Cycle) -> [i64; 2] {
        let picture = &slice.picture;
        let mut frames = match cycle.offsets.len() {
            0 => 0,
            _ => self.offset + i64::from(picture.number),
        };
        if !picture.is_referred && frames > 0 {
            frames -= 1;
        }
        let mut expected = 0;
        if frames > 0 {
            let length = cycle.offsets.len() as i64;
            let (cycles, rest) = ((frames - 1) / length, (frames - 1) % length);
            let sum = |offsets: &[i32]| offsets.iter().copied().map(i64::from).sum::<i64>();
            expected = cycles.saturating_mul(sum(&cycle.offsets));
            expected += sum(&cycle.offsets[..=rest as usize]);
        }
        if !picture.is_referred {
            expected += i64::from(cycle.not_referred);
        }
        let [first, second] = picture.count.map(i64::from);
        let top = expected.saturating_add(first);
        let bottom = top.saturating_add(i64::from(cycle.bottom));
        match picture.field {
            Field::Frame => [top, bottom.saturating_add(second)],
            _ => [top, bottom],
        }
    }
}
