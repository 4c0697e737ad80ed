//! Pictures that the tests encode.

use std::path::Path;

use videostream::encode::{Codec, Encoder, EncoderConfig};
use videostream::hal::format::{FourCc, Layout};
use videostream::record::{Recorder, Track};
use videostream::{FrameRate, Picture};

use crate::media::{encode_pattern, fps};

pub(crate) fn config(fourcc: FourCc, width: u32, height: u32) -> EncoderConfig {
    EncoderConfig::new(Codec::H264, fourcc, width, height, fps(30))
}

/// Pattern frames to an Annex B file: sizes and key flags of the packets.
pub(crate) fn to_file(
    config: &EncoderConfig,
    layout: &Layout,
    frames: u64,
    path: &Path,
    before: impl FnMut(u64, &mut Encoder),
) -> Vec<(usize, bool)> {
    let mut recorder = Recorder::create(path, &Track::from(config)).unwrap();
    let mut packets = Vec::new();
    encode_pattern(config, layout, fps(30), frames, before, |packet| {
        packets.push((packet.annex_b().len(), packet.is_key()));
        recorder.write(packet).unwrap();
    });
    assert_eq!(recorder.finish().unwrap().frames, frames);
    packets
}

/// Noise of `bits` bits that moves, so that there is something to spend bits on.
pub(crate) fn noise(number: u64, bits: u32, bytes: &mut [u8]) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for byte in bytes.iter_mut() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        *byte = (128 - (1 << (bits - 1))) as u8 + (state >> (64 - bits)) as u8;
    }
    bytes.rotate_right(number as usize * 3);
}

pub(crate) fn noise_sizes(
    config: &EncoderConfig,
    bits: u32,
    frames: u64,
    change: impl Fn(u64, &mut Encoder),
) -> Vec<usize> {
    noise_sizes_at(config, fps(30), bits, frames, change)
}

/// The same at another rate, that of the configuration.
pub(crate) fn noise_sizes_at(
    config: &EncoderConfig,
    rate: FrameRate,
    bits: u32,
    frames: u64,
    change: impl Fn(u64, &mut Encoder),
) -> Vec<usize> {
    let layout = Layout::new(FourCc::NV12, 320, 240).unwrap();
    let mut encoder = Encoder::new(config).unwrap();
    let mut bytes = vec![0; layout.size as usize];
    let mut sizes = Vec::new();
    for number in 0..frames {
        noise(number, bits, &mut bytes);
        change(number, &mut encoder);
        encoder
            .submit(
                &Picture::new(&bytes, &layout).unwrap(),
                rate.time_ns(number),
            )
            .unwrap();
        sizes.push(encoder.receive().unwrap().unwrap().annex_b().len());
    }
    sizes
}

pub(crate) fn bitrate(sizes: &[usize]) -> f64 {
    sizes.iter().sum::<usize>() as f64 * 8.0 * 30.0 / sizes.len() as f64
}
