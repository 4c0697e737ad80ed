//! What the tests of both codecs decode, and what they look at.

use videostream::decode::Decoder;
use videostream::encode::EncoderConfig;
use videostream::hal::format::Layout;
use videostream::pattern;

use crate::media::{encode_pattern, fps};

/// Width, number in the pattern, time and whether the size is new, of a picture.
pub(crate) type Seen = (u32, u64, u64, bool);

/// Packets of pattern frames: bytes and time.
pub(crate) fn encoded(config: &EncoderConfig, layout: &Layout, frames: u64) -> Vec<(Vec<u8>, u64)> {
    let mut packets = Vec::new();
    encode_pattern(
        config,
        layout,
        fps(30),
        frames,
        |_, _| (),
        |packet| {
            packets.push((packet.annex_b().to_vec(), packet.pts_ns()));
        },
    );
    packets
}

/// Takes every picture that is ready.
pub(crate) fn take(decoder: &mut Decoder, all: &mut Vec<Seen>) {
    while let Some(decoded) = decoder.receive().unwrap() {
        let picture = decoded.picture();
        let number = pattern::read_number(picture).unwrap();
        all.push((
            picture.width(),
            number,
            decoded.pts_ns(),
            decoded.is_new_size(),
        ));
    }
}
