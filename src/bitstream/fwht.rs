//! Frames of FWHT, the kernel's virtual codec: a big-endian header, which contains the data's size,
//! and the data.
//!
//! Source: Linux 6.12, `drivers/media/test-drivers/vicodec/codec-fwht.h` (`struct
//! fwht_cframe_hdr`).

/// `FWHT_MAGIC1` and `FWHT_MAGIC2`.
const MAGIC: [u8; 8] = [0x4f, 0x4f, 0x4f, 0x4f, 0xff, 0xff, 0xff, 0xff];
/// Bytes of a header. Its last field is the number of data bytes.
const HEADER: usize = 44;
/// `V4L2_FWHT_FL_I_FRAME`.
const KEY: u32 = 1 << 10;

/// Returns whether a frame can be decoded without others.
pub(super) fn is_key(frame: &[u8]) -> bool {
    frame.starts_with(&MAGIC) && number(frame, 20).is_some_and(|flags| flags & KEY != 0)
}

/// Splits a stream after its first frame. An incomplete last frame is returned as it is.
pub(crate) fn first(stream: &[u8]) -> Option<(&[u8], &[u8])> {
    let start = stream.windows(MAGIC.len()).position(|at| at == MAGIC)?;
    let stream = &stream[start..];
    let len = number(stream, 40).map_or(usize::MAX, |len| HEADER.saturating_add(len as usize));
    Some(stream.split_at(len.min(stream.len())))
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bitstream::{AccessUnits, Codec, Packet, access_units};

    fn frame(flags: u32, len: u32) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for number in [3, 640, 360, flags, 0, 0, 0, 0, len] {
            bytes.extend(u32::to_be_bytes(number));
        }
        bytes.extend(vec![7; len as usize]);
        bytes
    }

    #[test]
    fn a_stream_is_divided_into_frames() {
        let (key, other) = (frame(KEY, 9), frame(0, 100));
        let stream = [&[1, 2][..], &key, &other, &key[..30]].concat();
        let frames: Vec<_> = access_units(Codec::Fwht, &stream).collect();
        assert_eq!(frames, [&key[..], &other, &key[..30]]);
        assert_eq!(access_units(Codec::Fwht, &[7; 100]).count(), 0);
        // Larger than one read.
        let large = frame(0, 600_000);
        let stream = [&[1, 2][..], &large, &key].concat();
        let mut units = AccessUnits::new(Codec::Fwht, &stream[..]);
        for expected in [&large, &key] {
            assert!(units.next().unwrap() == Some(expected));
        }
        assert!(units.next().unwrap().is_none());
    }

    #[test]
    fn the_header_tells_key_frames() {
        let packet = |bytes: &[u8]| Packet::new(Codec::Fwht, bytes, 1, 1).is_key();
        assert!(packet(&frame(KEY, 9)));
        assert!(!packet(&frame(0, 9)));
        assert!(!packet(&frame(KEY, 0)[..20]));
        assert!(!packet(&[]));
        let has = |bytes: &[u8]| Packet::new(Codec::Fwht, bytes, 1, 1).has_picture();
        assert!(has(&frame(0, 9)) && !has(&frame(0, 9)[1..]) && !has(&[]));
    }
}
