//! Pictures through encoders and decoders of the kernel's virtual codec.

#![allow(dead_code, reason = "each test program uses a part of it")]

#[path = "../../hal/tests/vicodec/clip.rs"]
pub(crate) mod clip;

use clip::Clip;
use videostream::decode::{Decoder, DecoderConfig};
use videostream::encode::{Backend, Codec, Encoder, EncoderConfig, Packet, RateControl};
use videostream::hal::format::{FourCc, Layout};
use videostream::hal::time::deadline_in;
use videostream::{FrameRate, Picture, PictureMut};

pub(crate) fn rate() -> FrameRate {
    FrameRate::fps(30).unwrap()
}

/// When picture `number` is shown: no whole microsecond.
pub(crate) fn time(number: usize) -> u64 {
    rate().time_ns(number as u64) + 7
}

pub(crate) fn config(clip: &Clip) -> EncoderConfig {
    EncoderConfig::of_layout(Codec::Fwht, &clip.layout, rate())
        .rate_control(RateControl::Quantiser(10))
        .gop(10)
}

pub(crate) fn patience() -> u64 {
    deadline_in(120_000_000_000)
}

/// A packet that outlives the encoder's next step.
pub(crate) struct Kept {
    pub(crate) bytes: Vec<u8>,
    pub(crate) time: u64,
    pub(crate) key: bool,
}

pub(crate) fn keep(packet: &Packet<'_>) -> Kept {
    assert_eq!(packet.dts_ns(), packet.pts_ns());
    assert!(packet.parameter_sets().is_empty());
    Kept {
        bytes: packet.annex_b().to_vec(),
        time: packet.pts_ns(),
        key: packet.is_key(),
    }
}

/// Submits pictures as they are and takes every packet up to the end.
pub(crate) fn encode(
    encoder: &mut Encoder,
    clip: &Clip,
    numbers: std::ops::Range<usize>,
) -> Vec<Kept> {
    encode_with(encoder, clip, numbers, |_, _| {})
}

/// As [`encode`], with something done to the encoder `before` each picture.
pub(crate) fn encode_with(
    encoder: &mut Encoder,
    clip: &Clip,
    numbers: std::ops::Range<usize>,
    mut before: impl FnMut(&mut Encoder, usize),
) -> Vec<Kept> {
    let mut packets = Vec::new();
    for number in numbers {
        before(encoder, number);
        let picture = Picture::new(clip.picture(number), &clip.layout).unwrap();
        encoder.submit(&picture, time(number)).unwrap();
        while let Some(packet) = encoder.receive().unwrap() {
            packets.push(keep(&packet));
        }
    }
    encoder.finish().unwrap();
    while let Some(packet) = encoder.receive().unwrap() {
        packets.push(keep(&packet));
    }
    packets
}

/// Decodes packets: the time and size of each picture, after `see` saw it.
pub(crate) fn decode(
    packets: &[Kept],
    mut see: impl FnMut(u64, &Picture<'_>),
) -> Vec<(u64, (u32, u32), bool)> {
    let mut decoder = decoder();
    assert_eq!(decoder.backend(), Backend::V4l2);
    let mut seen = Vec::new();
    let mut take = |decoder: &mut Decoder| {
        while let Some(decoded) = decoder.receive().unwrap() {
            let picture = decoded.picture();
            see(decoded.pts_ns(), picture);
            let size = (picture.width(), picture.height());
            seen.push((decoded.pts_ns(), size, decoded.is_new_size()));
        }
    };
    for kept in packets {
        let packet = Packet::new(Codec::Fwht, &kept.bytes, kept.time, kept.time);
        decoder.submit(&packet).unwrap();
        take(&mut decoder);
    }
    decoder.finish().unwrap();
    take(&mut decoder);
    seen
}

/// The picture's bytes without padding.
pub(crate) fn bytes(picture: &Picture<'_>) -> Vec<u8> {
    let layout = Layout::new(picture.fourcc(), picture.width(), picture.height()).unwrap();
    let mut bytes = vec![0; layout.size as usize];
    picture
        .copy_to(&mut PictureMut::new(&mut bytes, &layout).unwrap())
        .unwrap();
    bytes
}

pub(crate) fn decoder() -> Decoder {
    Decoder::new(&DecoderConfig::new(Codec::Fwht).format(FourCc::NV12)).unwrap()
}
