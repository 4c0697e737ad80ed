//! The parameter sets of a stream, by kind and number.

use super::Codec;
use super::bits::Bits;
use super::nal::{NalKind, nal_units};
use super::{StreamInfo, h264, h265, stream_info};

/// The parameter sets of a stream: the latest of each kind and number.
///
/// A stream may carry them only once, anywhere before the first picture that needs them. A receiver
/// that joins later, or restarts after damage, passes them to its decoder again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterSets {
    codec: Codec,
    /// Sorted by kind (VPS, SPS, PPS), then by number.
    sets: Vec<Set>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Set {
    kind: NalKind,
    number: u8,
    nal: Vec<u8>,
}

impl ParameterSets {
    /// Creates an empty collection.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        Self {
            codec,
            sets: Vec::new(),
        }
    }

    /// Returns the codec of the stream.
    #[must_use]
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Adds the parameter sets in a piece of a byte stream. Returns whether any was new or changed;
    /// invalid ones are ignored.
    pub fn add_all(&mut self, bytes: &[u8]) -> bool {
        let mut is_other = false;
        for (_, nal) in nal_units(bytes) {
            is_other |= self.add(nal) == Some(true);
        }
        is_other
    }

    /// Returns whether a NAL unit equals a known set byte for byte. Most sets are repeats that need
    /// not be parsed again.
    pub(crate) fn contains(&self, nal: &[u8]) -> bool {
        self.sets.iter().any(|set| set.nal == nal)
    }

    /// Adds a NAL unit and returns whether it was new or changed; `None` if it is not a valid
    /// parameter set.
    pub(crate) fn add(&mut self, nal: &[u8]) -> Option<bool> {
        if self.contains(nal) {
            return Some(false);
        }
        let (kind, number) = self.identify(nal)?;
        let order = |set: &Set| (set.kind as u8, set.number);
        let set = Set {
            kind,
            number,
            nal: nal.to_vec(),
        };
        match self.sets.binary_search_by_key(&(kind as u8, number), order) {
            Ok(at) => {
                self.sets[at] = set;
                // A new VPS or SPS invalidates the sets that refer to it in decoders, so those have
                // to be sent again even if unchanged.
                match kind {
                    NalKind::Vps => self.sets.retain(|set| set.kind == NalKind::Vps),
                    NalKind::Sps => self.sets.retain(|set| set.kind != NalKind::Pps),
                    _ => {}
                }
            }
            Err(at) => self.sets.insert(at, set),
        }
        Some(true)
    }

    #[cfg(any(feature = "record", feature = "software", test))]
    /// Returns all sets, sorted by kind.
    pub(crate) fn all(&self) -> impl Iterator<Item = &[u8]> {
        self.sets.iter().map(|set| &*set.nal)
    }

    /// Returns the sets that `other` does not contain byte for byte.
    pub(crate) fn without(&self, other: &Self) -> Self {
        let sets = self.sets.iter().filter(|set| !other.sets.contains(set));
        Self {
            codec: self.codec,
            sets: sets.cloned().collect(),
        }
    }

    pub(crate) fn of_kind(&self, kind: NalKind) -> impl Iterator<Item = &[u8]> {
        let sets = self.sets.iter().filter(move |set| set.kind == kind);
        sets.map(|set| &*set.nal)
    }

    /// Returns whether every kind that pictures need is present.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let needed: &[NalKind] = match self.codec {
            Codec::H264 => &[NalKind::Sps, NalKind::Pps],
            Codec::H265 => &[NalKind::Vps, NalKind::Sps, NalKind::Pps],
            Codec::Fwht | Codec::Mjpeg => &[],
        };
        needed
            .iter()
            .all(|&kind| self.of_kind(kind).next().is_some())
    }

    /// Returns the sets as a byte stream: VPS, SPS and PPS, each sorted by number.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for set in &self.sets {
            bytes.extend([0, 0, 0, 1]);
            bytes.extend(&set.nal);
        }
        bytes
    }

    /// Returns what the sets say about the stream; `None` without a sequence parameter set.
    #[must_use]
    pub fn info(&self) -> Option<StreamInfo> {
        stream_info(self.codec, &self.to_bytes())
    }

    fn identify(&self, nal: &[u8]) -> Option<(NalKind, u8)> {
        let kind = NalKind::of(self.codec, nal);
        let number = match (self.codec, kind) {
            (Codec::H264, NalKind::Sps) => h264::Sps::read(nal)?.id,
            (Codec::H264, NalKind::Pps) => Bits::new(nal.get(1..)?).ue_max(255)?,
            (Codec::H265, NalKind::Vps) => nal.get(2)? >> 4,
            (Codec::H265, NalKind::Sps) => h265::Sps::read(nal)?.id,
            (Codec::H265, NalKind::Pps) => Bits::new(nal.get(2..)?).ue_max(63)?,
            _ => return None,
        };
        Some((kind, number))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{pps, sps};
    use super::*;

    #[test]
    fn a_set_stands_in_for_the_one_of_its_number() {
        let mut sets = ParameterSets::new(Codec::H264);
        assert!(sets.add_all(&pps(0)) && !sets.is_complete() && sets.info().is_none());
        assert!(sets.add_all(&[sps(0, true), pps(3)].concat()));
        assert!(!sets.add_all(&[pps(3), pps(0), sps(0, true)].concat()));
        assert!(sets.is_complete());
        assert_eq!(sets.of_kind(NalKind::Pps).count(), 2);
        let before = sets.clone();
        // The picture parameter set refers to it, so it has to be sent again.
        assert!(sets.add_all(&sps(2, true)) && !sets.is_complete());
        assert!(sets.add_all(&[pps(0), pps(3)].concat()) && sets.is_complete());
        assert_eq!(sets.of_kind(NalKind::Sps).count(), 1);
        assert_eq!(sets.without(&before).all().count(), 1);
        let info = sets.info().unwrap();
        assert_eq!((info.width, info.height, info.reorder), (320, 240, 0));
    }

    #[test]
    fn what_makes_no_sense_changes_nothing() {
        let mut sets = ParameterSets::new(Codec::H264);
        sets.add_all(&sps(0, true));
        let before = sets.clone();
        assert!(!sets.add_all(&[0, 0, 1, 0x67, 77, 0, 0, 0, 1, 0x68, 0, 0, 1, 0x41, 7]));
        assert_eq!(sets, before);
    }
}
