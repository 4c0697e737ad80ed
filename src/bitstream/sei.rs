//! Supplemental enhancement information: the messages that matter here.
//!
//! Source: ITU-T H.264, clauses 7.3.2.3.1 and D.1.8 (recovery point).

use super::bits::Bits;

/// Type of the message that says where a decoder recovers.
const RECOVERY_POINT: u32 = 6;

/// Whether decoding can begin with the picture behind these messages, a NAL unit of H.264, though it is no IDR picture:
/// after how many frames what is shown is whole.
pub(crate) fn recovery_point(nal: &[u8]) -> Option<u32> {
    let mut rest = nal.get(1..).unwrap_or_default();
    // A message is two bytes long at least; the last byte is the end of the NAL unit.
    while rest.len() > 2 {
        let (kind, size, payload) = message(rest)?;
        if kind == RECOVERY_POINT {
            return Some(Bits::new(payload).ue().unwrap_or(0));
        }
        rest = payload.get(size as usize..).unwrap_or_default();
    }
    None
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
        assert_eq!(recovery_point(&[6, 6, 1, 0xc4, 0x80]), Some(0));
        assert_eq!(recovery_point(&[6, 6, 1, 0x34, 0x80]), Some(5));
        // Behind user data of 300 bytes.
        let mut other = vec![6, 5, 0xff, 45];
        other.extend([7; 300]);
        other.extend([6, 1, 0xc4, 0x80]);
        assert_eq!(recovery_point(&other), Some(0));
        assert_eq!(recovery_point(&[6, 5, 2, 6, 1, 0x80]), None);
        for cut in 0..other.len() {
            let _ = recovery_point(&other[..cut]);
        }
    }
}
