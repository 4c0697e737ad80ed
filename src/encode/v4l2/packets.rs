//! Making packets of a device's output: parameter sets go before key frames, however the driver
//! delivers them.

use crate::encode::{Codec, Packet};

/// The parameter sets of a stream, and a buffer for packets that need them in front.
#[derive(Debug)]
pub(super) struct Packets {
    codec: Codec,
    /// Whether every key frame gets the parameter sets.
    repeat: bool,
    /// The latest ones.
    pub(super) sets: Vec<u8>,
    /// No packet was returned since they arrived.
    fresh: bool,
    joined: Vec<u8>,
}

impl Packets {
    pub(super) fn new(codec: Codec, repeat: bool) -> Self {
        Self {
            codec,
            repeat,
            sets: Vec::new(),
            fresh: false,
            joined: Vec::new(),
        }
    }

    /// Returns whether these bytes contain a picture. Parameter sets without one are kept for the
    /// next picture.
    pub(super) fn is_picture(&mut self, bytes: &[u8]) -> bool {
        let packet = Packet::new(self.codec, bytes, 0, 0);
        if packet.parameter_sets().is_empty() || !packet.data().is_empty() {
            return true;
        }
        self.keep(bytes);
        false
    }

    fn keep(&mut self, sets: &[u8]) {
        if self.sets != sets {
            self.sets = sets.to_vec();
        }
        self.fresh = true;
    }

    /// Makes the packet of a picture.
    pub(super) fn packet<'a>(&'a mut self, bytes: &'a [u8], pts_ns: u64) -> Packet<'a> {
        let packet = Packet::new(self.codec, bytes, pts_ns, pts_ns);
        if !packet.is_key() {
            return packet;
        }
        let first = self.sets.is_empty() || std::mem::take(&mut self.fresh);
        let own = packet.parameter_sets();
        let changed = !own.is_empty() && own != self.sets;
        if changed {
            self.keep(own);
            self.fresh = false;
        }
        if !self.repeat && !first && !changed {
            return Packet::new(self.codec, packet.data(), pts_ns, pts_ns);
        }
        if !own.is_empty() || self.sets.is_empty() {
            return packet;
        }
        self.joined.clear();
        self.joined.extend_from_slice(&self.sets);
        self.joined.extend_from_slice(bytes);
        Packet::new(self.codec, &self.joined, pts_ns, pts_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETS: [u8; 10] = [0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x68];
    const KEY: [u8; 5] = [0, 0, 1, 0x65, 0x88];
    const OTHER: [u8; 5] = [0, 0, 1, 0x41, 0x9a];

    /// Returns the lengths of the parameter sets and of the rest of each packet.
    fn run(repeat: bool, given: &[&[u8]]) -> Vec<(usize, usize)> {
        let mut packets = Packets::new(Codec::H264, repeat);
        let mut seen = Vec::new();
        for bytes in given {
            if packets.is_picture(bytes) {
                let packet = packets.packet(bytes, 7);
                assert_eq!((packet.pts_ns(), packet.dts_ns()), (7, 7));
                seen.push((packet.parameter_sets().len(), packet.data().len()));
            }
        }
        seen
    }

    #[test]
    fn parameter_sets_come_with_every_key_frame() {
        let joined = [&SETS[..], &KEY].concat();
        let wanted = [(10, 5), (0, 5), (10, 5)];
        // Separate and once; before the first key frame; before every one.
        assert_eq!(run(true, &[&SETS, &KEY, &OTHER, &KEY]), wanted);
        assert_eq!(run(true, &[&joined, &OTHER, &KEY]), wanted);
        assert_eq!(run(true, &[&joined, &OTHER, &joined]), wanted);
    }

    #[test]
    fn sets_come_once_where_they_are_not_to_be_repeated() {
        let joined = [&SETS[..], &KEY].concat();
        let wanted = [(10, 5), (0, 5), (0, 5)];
        assert_eq!(run(false, &[&SETS, &KEY, &OTHER, &KEY]), wanted);
        assert_eq!(run(false, &[&joined, &OTHER, &joined]), wanted);
    }

    #[test]
    fn other_sets_are_given_in_any_case() {
        let other = [0, 0, 0, 1, 0x67, 9, 0, 0, 1, 0x68];
        let (first, second) = ([&SETS[..], &KEY].concat(), [&other[..], &KEY].concat());
        assert_eq!(
            run(false, &[&first, &second, &second]),
            [(10, 5), (10, 5), (0, 5)]
        );
    }
}
