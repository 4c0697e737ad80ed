//! H.265: parameter sets, slices, and picture order count.

mod count;
mod pps;
mod slice;
mod sps;
mod vps;

pub(crate) use self::count::Counter;
pub(crate) use self::pps::Pps;
pub(crate) use self::slice::Slice;
pub(crate) use self::sps::Sps;
pub(crate) use self::vps::Vps;

/// The parameter sets that slice headers depend on.
#[derive(Debug, Clone)]
pub(crate) struct Sets {
    sps: Vec<Option<Sps>>,
    pps: Vec<Option<Pps>>,
}

impl Default for Sets {
    fn default() -> Self {
        Self {
            sps: vec![None; 16],
            pps: vec![None; 64],
        }
    }
}

impl Sets {
    /// Stores a NAL unit if it is a parameter set. An invalid one changes nothing.
    pub(crate) fn note(&mut self, nal: &[u8]) {
        match nal.first().map(|byte| byte >> 1 & 0x3f) {
            Some(33) => {
                if let Some(sps) = Sps::read(nal) {
                    let at = usize::from(sps.id);
                    self.sps[at] = Some(sps);
                }
            }
            Some(34) => {
                if let Some(pps) = Pps::read(nal) {
                    self.pps[usize::from(pps.id)] = Some(pps);
                }
            }
            _ => {}
        }
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
/// Source: ITU-T H.265, clause 7.4.2.4.5.
#[derive(Debug, Default)]
pub(crate) struct Pictures {
    sets: Sets,
    /// NAL unit type of the last picture, and the low bits of its count, if known.
    last: Option<(u8, Option<u32>)>,
}

impl Pictures {
    pub(crate) fn note(&mut self, nal: &[u8]) {
        self.sets.note(nal);
    }

    pub(crate) fn begin_again(&mut self) {
        self.last = None;
    }

    /// Returns whether a slice is the first of a picture.
    pub(crate) fn begins(&mut self, nal: &[u8]) -> bool {
        let kind = nal[0] >> 1 & 0x3f;
        let slice = self.sets.slice(nal).map(|(slice, _)| slice);
        let count = slice.and_then(|slice| slice.low);
        // `first_slice_segment_in_pic_flag`.
        let is_first = nal.get(2).is_some_and(|byte| byte & 0x80 != 0);
        let begins = match self.last {
            _ if is_first => true,
            None => true,
            // The first slice of another picture was lost.
            Some((last, _)) if last != kind => true,
            Some((_, Some(last))) => count.is_some_and(|count| count != last),
            Some(_) => false,
        };
        let known = self.last.and_then(|(_, count)| count).filter(|_| !begins);
        self.last = Some((kind, count.or(known)));
        begins
    }
}

/// Returns whether it ends a sequence: no later picture refers to an earlier one.
pub(crate) fn is_end(nal: &[u8]) -> bool {
    matches!(nal.first().map(|byte| byte >> 1 & 0x3f), Some(36 | 37))
}
