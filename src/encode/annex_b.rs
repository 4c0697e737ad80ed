//! Annex B byte streams: NAL units behind start codes (ITU-T H.264, annex B).

use super::{Codec, fwht};

/// A NAL unit by its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NalKind {
    /// Coded slice of a picture that decoding can start with: H.264 5, H.265 16 to 21.
    Idr,
    /// Any other coded slice or partition: H.264 1 to 4, H.265 0 to 9.
    Slice,
    /// Video parameter set: H.265 32.
    Vps,
    /// Sequence parameter set: H.264 7, H.265 33.
    Sps,
    /// Picture parameter set: H.264 8, H.265 34.
    Pps,
    /// Everything else: delimiters, SEI, filler.
    Other,
}

impl NalKind {
    pub(crate) fn of(codec: Codec, nal: &[u8]) -> Self {
        match codec {
            Codec::H264 => Self::h264(nal),
            Codec::H265 => Self::h265(nal),
            Codec::Fwht => Self::Other,
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

    fn h265(nal: &[u8]) -> Self {
        match nal.first().map(|byte| byte >> 1 & 0x3f) {
            Some(16..=21) => Self::Idr,
            Some(0..=9) => Self::Slice,
            Some(32) => Self::Vps,
            Some(33) => Self::Sps,
            Some(34) => Self::Pps,
            _ => Self::Other,
        }
    }

    fn h264(nal: &[u8]) -> Self {
        match nal.first().map(|byte| byte & 0x1f) {
            Some(5) => Self::Idr,
            Some(1..=4) => Self::Slice,
            Some(7) => Self::Sps,
            Some(8) => Self::Pps,
            _ => Self::Other,
        }
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
        let nal = &bytes[start..end];
        let zeros = nal.iter().rev().take_while(|byte| **byte == 0).count();
        Some((code, &nal[..nal.len() - zeros]))
    })
    .filter(|(_, nal)| !nal.is_empty())
}

/// Divides a byte stream into access units, each the bytes of one picture with the parameter sets and messages in
/// front of it, start codes included: what a [`Packet`](super::Packet) is made of.
///
/// Bytes before the first start code are left out. A last unit that is not complete is given as it is.
///
/// Source: ITU-T H.264, clause 7.4.1.2.3 (detection of the first NAL unit of a primary coded picture);
/// ITU-T H.265, clause 7.4.2.4.4 (order of NAL units and association to coded pictures).
///
/// ```
/// use videostream::encode::{Codec, access_units};
/// let stream = [0, 0, 1, 0x67, 9, 0, 0, 1, 0x68, 9, 0, 0, 1, 0x65, 0x80, 0, 0, 1, 0x41, 0x9a];
/// let lengths: Vec<_> = access_units(Codec::H264, &stream).map(<[u8]>::len).collect();
/// assert_eq!(lengths, [15, 5]);
/// ```
pub fn access_units(codec: Codec, bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut units = nal_units(bytes);
    let mut start = None;
    let mut frames = bytes;
    core::iter::from_fn(move || {
        if codec == Codec::Fwht {
            let (first, behind) = fwht::first(frames)?;
            frames = behind;
            return Some(first);
        }
        let mut has_picture = start.is_some_and(|(_, is_slice)| is_slice);
        for (at, nal) in units.by_ref() {
            let (begin, _) = *start.get_or_insert((at, false));
            let slice = NalKind::of(codec, nal).is_slice();
            let first = begins_picture(codec, nal);
            if has_picture && first {
                start = Some((at, slice));
                return Some(&bytes[begin..at]);
            }
            has_picture |= slice;
        }
        let (begin, _) = start.take()?;
        Some(&bytes[begin..])
    })
}

/// Whether a NAL unit behind a slice belongs to the next picture.
fn begins_picture(codec: Codec, nal: &[u8]) -> bool {
    match codec {
        Codec::H264 => match nal[0] & 0x1f {
            // The first macroblock is number 0, a code of one bit.
            1 | 2 | 5 => nal.get(1).is_some_and(|byte| byte & 0x80 != 0),
            kind => matches!(kind, 6..=9 | 14..=18),
        },
        Codec::H265 => match nal[0] >> 1 & 0x3f {
            // `first_slice_segment_in_pic_flag`.
            0..=31 => nal.get(2).is_some_and(|byte| byte & 0x80 != 0),
            kind => matches!(kind, 32..=35 | 39 | 41..=44 | 48..=55),
        },
        Codec::Fwht => true,
    }
}

/// Offsets of the next start code (with the zero byte before it, if any) and of what follows it.
fn find_start(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
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
    fn slices_of_one_picture_stay_together() {
        let units: [&[u8]; 7] = [
            &[0, 0, 0, 1, 0x09, 0xf0],
            &[0, 0, 0, 1, 0x67, 1],
            &[0, 0, 1, 0x65, 0x88],
            &[0, 0, 1, 0x65, 0x20],
            &[0, 0, 1, 0x06, 5],
            &[0, 0, 1, 0x41, 0x9a],
            &[0, 0, 1, 0x41, 0x9b],
        ];
        let bytes = units.concat();
        let found: Vec<_> = access_units(Codec::H264, &bytes).collect();
        let expected = [units[..4].concat(), units[4..6].concat(), units[6].to_vec()];
        assert_eq!(found, expected);
        assert_eq!(access_units(Codec::H264, &[7; 9]).count(), 0);
        assert_eq!(access_units(Codec::H264, &[]).count(), 0);
    }

    #[test]
    fn start_codes_are_found_at_every_alignment() {
        for lead in 0..9 {
            let mut bytes = vec![7; lead];
            bytes.extend([0, 0, 1, 0x41, 5]);
            assert_eq!(split(&bytes), [(lead, vec![0x41, 5])]);
        }
    }
}
