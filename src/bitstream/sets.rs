//! The parameter sets of a stream, by kind and number.

use super::bits::Bits;
use super::nal::{NalKind, nal_units};
use super::{StreamInfo, h264, h265, stream_info};
use crate::encode::Codec;

/// The parameter sets of a stream: of each kind and number the last one.
///
/// A stream may say them once only, at any place before the first picture that needs them; who joins later, or begins
/// anew after damage, gives them to a decoder again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterSets {
    codec: Codec,
    /// In the order of kinds (VPS, SPS, PPS), and of numbers.
    sets: Vec<Set>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Set {
    kind: NalKind,
    number: u8,
    nal: Vec<u8>,
}

impl ParameterSets {
    /// None yet.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        Self {
            codec,
            sets: Vec::new(),
        }
    }

    /// The codec that they are of.
    #[must_use]
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Takes note of those in a piece of a byte stream; whether there was another one than before. One that makes no
    /// sense changes nothing.
    pub fn add_all(&mut self, bytes: &[u8]) -> bool {
        let mut is_other = false;
        for (_, nal) in nal_units(bytes) {
            is_other |= self.add(nal) == Some(true);
        }
        is_other
    }

    /// Whether a NAL unit is one of them, byte by byte. Most come again and again: they need not be read anew.
    pub(crate) fn contains(&self, nal: &[u8]) -> bool {
        self.sets.iter().any(|set| set.nal == nal)
    }

    /// Adds a NAL unit; whether it was not known as it is. `None` if it is no parameter set, or none that makes sense.
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
                // Decoders forget those that refer to one which is another now: they have to come again, though they
                // be the same.
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
    /// All, in the order of kinds.
    pub(crate) fn all(&self) -> impl Iterator<Item = &[u8]> {
        self.sets.iter().map(|set| &*set.nal)
    }

    /// Without those that `other` has as they are.
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

    /// Whether there is one of each kind that pictures need.
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

    /// As a byte stream: VPS, SPS and PPS, each by number.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for set in &self.sets {
            bytes.extend([0, 0, 0, 1]);
            bytes.extend(&set.nal);
        }
        bytes
    }

    /// What they say of the stream; `None` without a sequence parameter set.
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
        // What refers to it has to come again.
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
