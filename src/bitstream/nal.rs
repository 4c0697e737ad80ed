//! NAL units of a byte stream, and what each is.
//!
//! Source: ITU-T H.264, annex B (byte stream format) and table 7-1; ITU-T H.265, table 7-1.

use crate::encode::Codec;

/// What a NAL unit is, by its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NalKind {
    /// Coded slice of a picture that decoding can start with: H.264 5, H.265 16 to 23.
    Idr,
    /// Any other coded slice, or partition: H.264 1 to 4, H.265 0 to 15.
    Slice,
    /// Video parameter set: H.265 32.
    Vps,
    /// Sequence parameter set: H.264 7, H.265 33.
    Sps,
    /// Picture parameter set: H.264 8, H.265 34.
    Pps,
    /// Supplemental enhancement information in front of a picture: H.264 6, H.265 39.
    Sei,
    /// Whatever else is in front of the picture that it belongs to: delimiters, H.264 9 and 14 to 18, H.265 35, 41 to 44
    /// and 48 to 55.
    Front,
    /// What is behind its picture, and what is of no picture, such as other layers: filler, ends of sequences.
    Other,
}

impl NalKind {
    pub(crate) fn of(codec: Codec, nal: &[u8]) -> Self {
        match (codec, nal) {
            (Codec::H264, [first, ..]) => Self::h264(first & 0x1f),
            // Layers above the first are of other pictures, for those who know what to do with them.
            (Codec::H265, [first, second, ..]) if (first & 1) << 5 | second >> 3 == 0 => {
                Self::h265(first >> 1 & 0x3f)
            }
            _ => Self::Other,
        }
    }

    fn h264(kind: u8) -> Self {
        match kind {
            5 => Self::Idr,
            1..=4 => Self::Slice,
            6 => Self::Sei,
            7 => Self::Sps,
            8 => Self::Pps,
            9 | 14..=18 => Self::Front,
            _ => Self::Other,
        }
    }

    fn h265(kind: u8) -> Self {
        match kind {
            16..=23 => Self::Idr,
            0..=15 => Self::Slice,
            32 => Self::Vps,
            33 => Self::Sps,
            34 => Self::Pps,
            39 => Self::Sei,
            35 | 41..=44 | 48..=55 => Self::Front,
            _ => Self::Other,
        }
    }

    /// Whether it is one of the parameter sets.
    pub(crate) fn is_set(self) -> bool {
        matches!(self, Self::Vps | Self::Sps | Self::Pps)
    }

    /// Whether it is a part of a picture.
    pub(crate) fn is_slice(self) -> bool {
        matches!(self, Self::Idr | Self::Slice)
    }

    /// Whether it stands in front of the picture that it belongs to.
    pub(crate) fn is_front(self) -> bool {
        self.is_set() || matches!(self, Self::Sei | Self::Front)
    }
}

/// The NAL units of a byte stream, each with the offset of its start code, without start codes and the
/// zero bytes behind.
pub(crate) fn nal_units(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut next = find_start(bytes, 0);
    core::iter::from_fn(move || {
        let (code, start) = next?;
        next = find_start(bytes, start);
        let end = next.map_or(bytes.len(), |(code, _)| code);
        Some((code, without_zeros(&bytes[start..end])))
    })
    .filter(|(_, nal)| !nal.is_empty())
}

/// A NAL unit without the zero bytes behind it, which belong to no NAL unit.
pub(crate) fn without_zeros(nal: &[u8]) -> &[u8] {
    let zeros = nal.iter().rev().take_while(|byte| **byte == 0).count();
    &nal[..nal.len() - zeros]
}

/// Offsets of the next start code (with the zero byte before it, if any) and of what follows it.
pub(crate) fn find_start(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    // Looks at every third byte only: one above 1 there can be in no start code.
    while at + 2 < bytes.len() {
        match bytes[at + 2] {
            1 if bytes[at] == 0 && bytes[at + 1] == 0 => {
                let code = if at > from && bytes[at - 1] == 0 {
                    at - 1
                } else {
                    at
                };
                return Some((code, at + 3));
            }
            0 => at += 1,
            _ => at += 3,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(bytes: &[u8]) -> Vec<(usize, Vec<u8>)> {
        nal_units(bytes)
            .map(|(at, nal)| (at, nal.to_vec()))
            .collect()
    }

    #[test]
    fn both_lengths_of_start_codes_divide() {
        let bytes = [
            0, 0, 0, 1, 0x67, 1, 2, 0, 0, 1, 0x68, 3, 0, 0, 0, 1, 0x65, 0, 0, 3, 1, 9,
        ];
        assert_eq!(
            split(&bytes),
            [
                (0, vec![0x67, 1, 2]),
                (7, vec![0x68, 3]),
                (12, vec![0x65, 0, 0, 3, 1, 9])
            ]
        );
    }

    #[test]
    fn trailing_zeros_and_empty_units_are_dropped() {
        assert_eq!(split(&[0, 0, 1, 0x65, 7, 0, 0]), [(0, vec![0x65, 7])]);
        assert_eq!(split(&[0, 0, 1, 0, 0, 1, 0x41]), [(3, vec![0x41])]);
        assert_eq!(split(&[0, 0, 1]), []);
        assert_eq!(split(&[1, 2, 3, 4]), []);
        assert_eq!(split(&[]), []);
    }

    #[test]
    fn start_codes_are_found_at_every_alignment() {
        for lead in 0..9 {
            let mut bytes = vec![7; lead];
            bytes.extend([0, 0, 1, 0x41, 5]);
            assert_eq!(split(&bytes), [(lead, vec![0x41, 5])]);
        }
    }

    #[test]
    fn layers_above_the_first_are_no_pictures() {
        assert_eq!(NalKind::of(Codec::H265, &[0x26, 1]), NalKind::Idr);
        assert_eq!(NalKind::of(Codec::H265, &[0x26, 9]), NalKind::Other);
        assert_eq!(NalKind::of(Codec::H265, &[0x27, 1]), NalKind::Other);
        assert_eq!(NalKind::of(Codec::H265, &[0x26]), NalKind::Other);
    }
}
