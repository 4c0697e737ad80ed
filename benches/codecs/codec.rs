//! H.264 at 720p through the library, compared with OpenH264 called directly with the same settings
//! on the same pictures: both must produce the same bytes.

use std::hint::black_box;

use criterion::Criterion;
use videostream::decode::{Decoder, DecoderConfig};
use videostream::encode::{Codec, Encoder, EncoderConfig, Packet, RateControl};
use videostream::hal::format::{FourCc, Layout};
use videostream::{FrameRate, Picture, PictureMut, TestPattern};
use videostream_testing::figures::{Goal, Table, in_turns, repeat};

use crate::direct::{DirectDecoder, DirectEncoder};

pub(crate) const WIDTH: u32 = 1280;
pub(crate) const HEIGHT: u32 = 720;
pub(crate) const BITRATE: u32 = 4_000_000;
pub(crate) const FPS: u32 = 30;
/// Number of pictures, encoded over and over, each round from a key frame on.
pub(crate) const PICTURES: u32 = 16;
/// The overhead that the library may add.
const OVERHEAD: Goal = Goal::Ratio(1.02);

pub(crate) fn bench(criterion: &mut Criterion, table: &mut Table) {
    let mut group = criterion.benchmark_group("H.264 720p");
    let packets = encode(&mut group, table, FourCc::YU12);
    encode(&mut group, table, FourCc::NV12);
    encode(&mut group, table, FourCc::YUYV);
    decode(&mut group, table, &packets);
    group.finish();
}

type Group<'a> = criterion::BenchmarkGroup<'a, criterion::measurement::WallTime>;

/// Returns moving pictures of the test pattern, and their layout.
fn pictures(fourcc: FourCc) -> (Layout, Vec<Vec<u8>>) {
    let layout = Layout::new(fourcc, WIDTH, HEIGHT).unwrap();
    let rate = FrameRate::fps(FPS).unwrap();
    let pattern = TestPattern::new(fourcc, WIDTH, HEIGHT, rate).unwrap();
    let drawn = (0..PICTURES).map(|number| {
        let mut bytes = vec![0; layout.size as usize];
        let mut picture = PictureMut::new(&mut bytes, &layout).unwrap();
        pattern.draw(number.into(), &mut picture).unwrap();
        bytes
    });
    (layout, drawn.collect())
}

/// Encodes pictures of `fourcc` with this library and pictures of YU12 directly; returns one round
/// of packets.
fn encode(group: &mut Group<'_>, table: &mut Table, fourcc: FourCc) -> Vec<Vec<u8>> {
    let rate = FrameRate::fps(FPS).unwrap();
    let config = EncoderConfig::new(Codec::H264, fourcc, WIDTH, HEIGHT, rate)
        .rate_control(RateControl::Constant(BITRATE))
        .gop(PICTURES);
    let (layout, drawn) = pictures(fourcc);
    let (planar, planar_drawn) = pictures(FourCc::YU12);
    let mut encoder = Encoder::new(&config).unwrap();
    let mut direct = DirectEncoder::new();

    let mut first_round = Vec::new();
    let mut number = 0;
    let mut next = |keep: Option<&mut Vec<Vec<u8>>>| {
        let bytes = &drawn[number as usize % drawn.len()];
        let picture = Picture::new(bytes, &layout).unwrap();
        encoder.submit(&picture, rate.time_ns(number)).unwrap();
        let packet = encoder.receive().unwrap().unwrap();
        if let Some(kept) = keep {
            kept.push(packet.annex_b().to_vec());
        }
        number += 1;
        black_box(packet.data().len())
    };
    let mut direct_number = 0;
    let mut next_direct = || {
        let bytes = &planar_drawn[direct_number as usize % planar_drawn.len()];
        let picture = Picture::new(bytes, &planar).unwrap();
        let len = direct.encode(&picture, rate.time_ns(direct_number));
        direct_number += 1;
        len
    };
    // Both have reached the same state before they are measured.
    for _ in 0..PICTURES {
        let (ours, direct) = (next(Some(&mut first_round)), next_direct());
        if fourcc == FourCc::YU12 {
            assert_eq!(ours, direct, "bytes of a packet here and directly");
        }
    }
    let mut here = |count| {
        repeat(count, || {
            next(None);
        })
    };
    let mut directly = |count| {
        repeat(count, || {
            black_box(next_direct());
        })
    };
    let name = format!("encode {fourcc}");
    let (figure, floors) = in_turns(group, &name, 4, &mut here, &mut [&mut directly]);
    let goal = match fourcc {
        FourCc::YU12 => OVERHEAD,
        _ => Goal::Compare,
    };
    let floor = ("OpenH264, from YU12", &floors[0]);
    table.add(format!("{name} 720p, a picture"), &figure, floor, goal);
    first_round
}

fn decode(group: &mut Group<'_>, table: &mut Table, packets: &[Vec<u8>]) {
    let mut decoder = Decoder::new(&DecoderConfig::new(Codec::H264)).unwrap();
    let mut direct = DirectDecoder::new();
    let mut number = 0;
    let mut here = |count| {
        repeat(count, || {
            let bytes = &packets[number % packets.len()];
            let packet = Packet::new(Codec::H264, bytes, number as u64, number as u64);
            decoder.submit(&packet).unwrap();
            // The decoder holds back one picture.
            if let Some(decoded) = decoder.receive().unwrap() {
                black_box(decoded.picture().planes()[0].data);
            }
            number += 1;
        })
    };
    let mut direct_number = 0;
    let mut directly = |count| {
        repeat(count, || {
            direct.decode(&packets[direct_number % packets.len()]);
            direct_number += 1;
        })
    };
    let (figure, floors) = in_turns(group, "decode", 4, &mut here, &mut [&mut directly]);
    let floor = ("OpenH264", &floors[0]);
    table.add("decode 720p, a picture", &figure, floor, OVERHEAD);
}
