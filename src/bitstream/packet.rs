//! One encoded picture.

use super::{Codec, NalKind, fwht, nal_units, sei};

/// One encoded picture as an Annex B byte stream, with its times.
///
/// A key frame starts with its parameter sets, so that a decoder can start at any key frame.
/// [`Packet::parameter_sets`] and [`Packet::data`] are the two parts, [`Packet::annex_b`] is both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    codec: Codec,
    bytes: &'a [u8],
    /// Length in bytes of the parameter sets at the start.
    sets: usize,
    key: bool,
    pts_ns: u64,
    dts_ns: u64,
}

impl<'a> Packet<'a> {
    /// Creates a packet from a byte stream that holds exactly one picture, such as one received
    /// over a ring.
    ///
    /// The bytes decide whether it is a key frame and where its parameter sets end. Any bytes are
    /// accepted; without a start code the packet is not a key frame.
    #[must_use]
    pub fn new(codec: Codec, bytes: &'a [u8], pts_ns: u64, dts_ns: u64) -> Self {
        if codec == Codec::Fwht {
            let key = fwht::is_key(bytes);
            return Self {
                codec,
                bytes,
                sets: 0,
                key,
                pts_ns,
                dts_ns,
            };
        }
        if codec == Codec::Mjpeg {
            return Self {
                codec,
                bytes,
                sets: 0,
                key: true,
                pts_ns,
                dts_ns,
            };
        }
        let (mut has_sets, mut key, mut recovers) = (false, false, false);
        // Start of the first unit after the parameter sets.
        let mut behind = None;
        for (at, nal) in nal_units(bytes) {
            let kind = NalKind::of(codec, nal);
            if behind.is_none() && kind.is_set() {
                has_sets = true;
                continue;
            }
            if has_sets {
                behind = behind.or(Some(at));
            }
            recovers |=
                codec == Codec::H264 && kind == NalKind::Sei && sei::recovery_point(nal).is_some();
            if kind.is_slice() {
                key = recovers || kind == NalKind::Idr;
                break;
            }
        }
        let sets = if has_sets {
            behind.unwrap_or(bytes.len())
        } else {
            0
        };
        Self {
            codec,
            bytes,
            sets,
            key,
            pts_ns,
            dts_ns,
        }
    }

    /// Returns the codec.
    #[must_use]
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Returns the whole packet: parameter sets, if any, and the picture.
    #[must_use]
    pub fn annex_b(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns the parameter sets before a key frame; empty for other frames.
    #[must_use]
    pub fn parameter_sets(&self) -> &'a [u8] {
        &self.bytes[..self.sets]
    }

    /// Returns the picture without the parameter sets.
    #[must_use]
    pub fn data(&self) -> &'a [u8] {
        &self.bytes[self.sets..]
    }

    /// Returns whether a decoder can start here: at an IDR picture, a CRA or BLA picture of H.265,
    /// or a recovery point.
    #[must_use]
    pub fn is_key(&self) -> bool {
        self.key
    }

    /// Returns whether the packet contains at least a part of a picture.
    #[must_use]
    pub fn has_picture(&self) -> bool {
        if self.codec == Codec::Fwht {
            return fwht::first(self.bytes).is_some();
        }
        if self.codec == Codec::Mjpeg {
            return !self.bytes.is_empty();
        }
        let mut units = nal_units(self.bytes);
        units.any(|(_, nal)| NalKind::of(self.codec, nal).is_slice())
    }

    /// Returns the presentation time in nanoseconds, as it was submitted.
    #[must_use]
    pub fn pts_ns(&self) -> u64 {
        self.pts_ns
    }

    /// Returns the decoding time in nanoseconds; equal to the presentation time for encoders that
    /// do not reorder.
    #[must_use]
    pub fn dts_ns(&self) -> u64 {
        self.dts_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPS: [u8; 7] = [0, 0, 0, 1, 0x67, 1, 2];
    const PPS: [u8; 6] = [0, 0, 0, 1, 0x68, 3];
    const SEI: [u8; 6] = [0, 0, 0, 1, 0x06, 4];
    const IDR: [u8; 6] = [0, 0, 0, 1, 0x65, 5];
    const SLICE: [u8; 5] = [0, 0, 1, 0x41, 6];

    fn packet(bytes: &[u8]) -> Packet<'_> {
        Packet::new(Codec::H264, bytes, 7, 8)
    }

    #[test]
    fn key_frames_are_divided_behind_their_parameter_sets() {
        let bytes = [&SPS[..], &PPS, &IDR].concat();
        let packet = packet(&bytes);
        assert!(packet.is_key());
        assert_eq!(packet.parameter_sets(), [&SPS[..], &PPS].concat());
        assert_eq!(packet.data(), IDR);
        assert_eq!((packet.pts_ns(), packet.dts_ns()), (7, 8));
    }

    #[test]
    fn other_units_belong_to_the_picture() {
        let bytes = [&SPS[..], &PPS, &SEI, &IDR].concat();
        assert_eq!(packet(&bytes).data(), [&SEI[..], &IDR].concat());
        let bytes = [&SEI[..], &SLICE].concat();
        assert!(!packet(&bytes).is_key());
        assert!(packet(&bytes).parameter_sets().is_empty());
    }

    #[test]
    fn parameter_sets_alone_are_no_picture() {
        let bytes = [&SPS[..], &PPS].concat();
        assert_eq!(packet(&bytes).parameter_sets(), bytes);
        assert!(packet(&bytes).data().is_empty());
        assert!(!packet(&bytes).has_picture());
        assert!(!packet(&SEI).has_picture());
        assert!(packet(&[&SEI[..], &SLICE].concat()).has_picture());
    }

    #[test]
    fn any_bytes_make_a_packet() {
        for bytes in [&[][..], &[0], &[0, 0, 1], &[1, 2, 3]] {
            assert!(!packet(bytes).is_key());
            assert_eq!(packet(bytes).annex_b(), bytes);
        }
    }
}
