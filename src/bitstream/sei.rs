//! Supplemental enhancement information (SEI): the messages used here.
//!
//! Source: ITU-T H.264, clauses 7.3.2.3.1 and D.1.8 (recovery point).

use super::bits::Bits;

/// Payload type of the message that marks a recovery point.
const RECOVERY_POINT: u32 = 6;

/// Returns the frame count after which output is correct, if decoding can start at the picture
/// after these messages (a NAL unit of H.264) although it is not an IDR picture.
pub(crate) fn recovery_point(nal: &[u8]) -> Option<u32> {
    let mut bits = Bits::new(nal.get(1..)?);
    loop {
        let (kind, size) = (number(&mut bits)?, number(&mut bits)?);
        if kind == RECOVERY_POINT {
            return Some(bits.ue().unwrap_or(0));
        }
        bits.skip(size.checked_mul(8)?)?;
    }
}

/// Reads a number coded as a sum of bytes, up to the first one that is not 255.
fn number(bits: &mut Bits<'_>) -> Option<u32> {
    let mut sum = 0_u32;
    loop {
        let byte = bits.byte()?;
        sum = sum.checked_add(byte.into())?;
        if byte != 0xff {
            return Some(sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recovery_points_are_found_among_other_messages() {
        assert_eq!(recovery_point(&[6, 6, 1, 0xc4, 0x80]), Some(0));
        assert_eq!(recovery_point(&[6, 6, 1, 0x34, 0x80]), Some(5));
        // After user data of 300 bytes.
        let mut long = vec![6, 5, 0xff, 45];
        long.extend([7; 300]);
        long.extend([6, 1, 0xc4, 0x80]);
        assert_eq!(recovery_point(&long), Some(0));
        assert_eq!(recovery_point(&[6, 5, 2, 6, 1, 0x80]), None);
        // After a message with an emulation prevention byte, which its size does not count.
        let other = [6, 0, 4, 0x80, 0, 0, 3, 1, 6, 1, 0xc4, 0x80];
        assert_eq!(recovery_point(&other), Some(0));
        for cut in 0..long.len() {
            let _ = recovery_point(&long[..cut]);
        }
    }
}
