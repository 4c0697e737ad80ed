//! H.264: parameter sets, slices, and picture order count.

mod count;
mod pps;
mod slice;
mod sps;
#[cfg(feature = "software")]
mod timing;

use super::bits::Bits;

pub(crate) use self::count::Counter;
pub(crate) use self::pps::Pps;
pub(crate) use self::slice::{Field, Picture, Slice};
#[cfg(feature = "software")]
pub(crate) use self::sps::Count;
pub(crate) use self::sps::Sps;
#[cfg(feature = "software")]
pub(crate) use self::timing::with_rate;

/// The parameter sets that slice headers depend on.
#[derive(Debug, Clone)]
pub(crate) struct Sets {
    sps: Vec<Option<Sps>>,
    pps: Vec<Option<Pps>>,
}

impl Default for Sets {
    fn default() -> Self {
        Self {
            sps: vec![None; 32],
            pps: vec![None; 256],
        }
    }
}

impl Sets {
    /// Stores a NAL unit if it is a parameter set. An invalid one changes nothing.
    pub(crate) fn note(&mut self, nal: &[u8]) {
        match nal.first().map(|byte| byte & 0x1f) {
            Some(7) => {
                if let Some(sps) = Sps::read(nal) {
                    let at = usize::from(sps.id);
                    self.sps[at] = Some(sps);
                }
            }
            Some(8) => {
                if let Some(pps) = Pps::read(nal) {
                    self.pps[usize::from(pps.id)] = Some(pps);
                }
            }
            _ => {}
        }
    }

    /// Returns the lowest number that no picture parameter set uses.
    #[cfg(feature = "software")]
    pub(crate) fn unused_pps(&self) -> Option<u8> {
        let at = self.pps.iter().position(Option::is_none)?;
        u8::try_from(at).ok()
    }

    /// Parses a slice header; `None` if it is invalid or its sets are not known.
    pub(crate) fn slice(&self, nal: &[u8]) -> Option<(Slice, &Sps)> {
        let pps = self.pps.get(slice::pps_of(nal)?)?.as_ref()?;
        let sps = self.sps.get(usize::from(pps.sps))?.as_ref()?;
        Some((Slice::read(nal, pps, sps)?, sps))
    }
}

/// Finds the first slice of each picture.
///
/// Source: ITU-T H.264, clause 7.4.1.2.4.
#[derive(Debug, Default)]
pub(crate) struct Pictures {
    sets: Sets,
    last: Last,
}

/// The picture of the last slice.
#[derive(Debug, Default)]
enum Last {
    #[default]
    None,
    Unreadable,
    Picture {
        picture: Picture,
        /// Both fields of the frame have been seen.
        is_pair: bool,
    },
}

impl Pictures {
    pub(crate) fn note(&mut self, nal: &[u8]) {
        self.sets.note(nal);
    }

    pub(crate) fn begin_again(&mut self) {
        self.last = Last::None;
    }

    /// Returns whether a slice is the first of a picture. The two fields of a frame count as one
    /// picture.
    pub(crate) fn begins(&mut self, nal: &[u8]) -> bool {
        // Partitions B and C have no header.
        if matches!(nal[0] & 0x1f, 3 | 4) {
            return matches!(self.last, Last::None);
        }
        // `first_mb_in_slice` is 0: an Exp-Golomb code of one bit.
        let is_first = nal.get(1).is_some_and(|byte| byte & 0x80 != 0);
        let Some((slice, _)) = self.sets.slice(nal) else {
            let begins = is_first || matches!(self.last, Last::None);
            self.last = Last::Unreadable;
            return begins;
        };
        if slice.is_redundant {
            return matches!(self.last, Last::None);
        }
        let now = slice.picture;
        let (begins, is_pair) = match &self.last {
            Last::None => (true, false),
            Last::Unreadable => (is_first, false),
            Last::Picture { picture, is_pair } if picture.is_same(&now) => (false, *is_pair),
            Last::Picture { picture, is_pair } => {
                let is_second = !is_pair && picture.is_other_field(&now);
                (!is_second, is_second)
            }
        };
        self.last = Last::Picture {
            picture: now,
            is_pair,
        };
        begins
    }
}

impl Picture {
    /// Returns whether two slices belong to the same picture.
    fn is_same(&self, other: &Self) -> bool {
        self == other
    }

    /// Returns whether `second` is the second field of this frame.
    fn is_other_field(&self, second: &Self) -> bool {
        let are_two = matches!(
            (self.field, second.field),
            (Field::Top, Field::Bottom) | (Field::Bottom, Field::Top)
        );
        are_two && self.number == second.number && second.idr.is_none()
    }
}

/// Returns whether a slice is a B slice.
pub(crate) fn is_b_slice(nal: &[u8]) -> bool {
    let mut bits = Bits::new(&nal[1..]);
    let kind = bits.ue().and_then(|_| bits.ue());
    matches!(kind, Some(1 | 6))
}
