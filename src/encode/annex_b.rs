//! Annex B byte streams: NAL units behind start codes (ITU-T H.264, annex B).

/// A NAL unit of H.264 by its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NalKind {
    /// Coded slice of an IDR picture (5).
    Idr,
    /// Any other coded slice or partition (1 to 4).
    Slice,
    /// Sequence parameter set (7).
    Sps,
    /// Picture parameter set (8).
    Pps,
    /// Everything else: delimiters, SEI, filler.
    Other,
}

impl NalKind {
    pub(crate) fn h264(nal: &[u8]) -> Self {
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
    fn start_codes_are_found_at_every_alignment() {
        for lead in 0..9 {
            let mut bytes = vec![7; lead];
            bytes.extend([0, 0, 1, 0x41, 5]);
            assert_eq!(split(&bytes), [(lead, vec![0x41, 5])]);
        }
    }
}
