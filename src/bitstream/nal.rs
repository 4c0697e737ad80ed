//! NAL units of a byte stream and their kinds.
//!
//! Source: ITU-T H.264, annex B (byte stream format) and table 7-1; ITU-T H.265, table 7-1.

use super::Codec;

/// The kind of a NAL unit, from its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NalKind {
    /// Coded slice of a picture at which decoding can start: H.264 5, H.265 16 to 23.
    Idr,
    /// Any other coded slice or partition: H.264 1 to 4, H.265 0 to 15.
    Slice,
    /// Video parameter set: H.265 32.
    Vps,
    /// Sequence parameter set: H.264 7, H.265 33.
    Sps,
    /// Picture parameter set: H.264 8, H.265 34.
    Pps,
    /// Supplemental enhancement information before a picture: H.264 6, H.265 39.
    Sei,
    /// Other units before the picture that they belong to, such as delimiters: H.264 9 and 14 to
    /// 18, H.265 35, 41 to 44 and 48 to 55.
    Front,
    /// Units after their picture or without one, such as filler, ends of sequences, and other
    /// layers.
    Other,
}

impl NalKind {
    pub(crate) fn of(codec: Codec, nal: &[u8]) -> Self {
        match (codec, nal) {
            (Codec::H264, [first, ..]) => Self::h264(first & 0x1f),
            // Higher layers hold other pictures, for decoders of scalable streams.
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

    /// Returns whether it is a parameter set.
    pub(crate) fn is_set(self) -> bool {
        matches!(self, Self::Vps | Self::Sps | Self::Pps)
    }

    /// Returns whether it is a part of a picture.
    pub(crate) fn is_slice(self) -> bool {
        matches!(self, Self::Idr | Self::Slice)
    }

    /// Returns whether it precedes the picture that it belongs to.
    pub(crate) fn is_front(self) -> bool {
        self.is_set() || matches!(self, Self::Sei | Self::Front)
    }
}

/// Returns the NAL units of a byte stream, without start codes and trailing zero bytes, each with
/// the offset of its start code.
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

/// Returns a NAL unit without trailing zero bytes, which belong to no NAL unit.
pub(crate) fn without_zeros(nal: &[u8]) -> &[u8] {
    let zeros = nal.iter().rev().take_while(|byte| **byte == 0).count();
    &nal[..nal.len() - zeros]
}

/// Returns the offsets of the next start code (with the zero byte before it, if any) and of the
/// data after it.
pub(crate) fn find_start(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    // Looks at every third byte only: a value above 1 there rules out a start code around it.
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
