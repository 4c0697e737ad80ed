//! Supplemental enhancement information: the messages that matter here.
//!
//! Source: ITU-T H.264, clauses 7.3.2.3.1 and D.1.8 (recovery point).

/// Type of the message that says where a decoder recovers.
const RECOVERY_POINT: u32 = 6;

/// Whether decoding can begin with the picture behind these messages, a NAL unit of H.264: what follows it is whole
/// after some pictures, though it is no IDR picture.
pub(crate) fn is_recovery_point(nal: &[u8]) -> bool {
    let mut rest = nal.get(1..).unwrap_or_default();
    // A message is two bytes long at least; the last byte is the end of the NAL unit.
    while rest.len() > 2 {
        let Some((kind, size, payload)) = message(rest) else {
            return false;
        };
        if kind == RECOVERY_POINT {
            return true;
        }
        rest = payload.get(size as usize..).unwrap_or_default();
    }
    false
}

/// Type and size of the first message, and what follows.
fn message(bytes: &[u8]) -> Option<(u32, u32, &[u8])> {
    let (kind, bytes) = number(bytes)?;
    let (size, bytes) = number(bytes)?;
    Some((kind, size, bytes))
}

/// A number in bytes that are added up, up to one that is not 255.
fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let full = bytes.iter().take_while(|byte| **byte == 0xff).count();
    let last = *bytes.get(full)?;
    Some((full as u32 * 255 + u32::from(last), &bytes[full + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recovery_points_are_found_among_other_messages() {
        assert!(is_recovery_point(&[6, 6, 1, 0xc4, 0x80]));
        // Behind user data of 300 bytes.
        let mut other = vec![6, 5, 0xff, 45];
        other.extend([7; 300]);
        other.extend([6, 1, 0xc4, 0x80]);
        assert!(is_recovery_point(&other));
        assert!(!is_recovery_point(&[6, 5, 2, 6, 1, 0x80]));
        for cut in 0..other.len() {
            let _ = is_recovery_point(&other[..cut]);
        }
    }
}
