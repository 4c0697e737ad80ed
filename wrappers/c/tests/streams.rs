//! Byte streams as encoders, hardware and cuts make them, through the C library's decoder.

#![cfg(all(target_os = "linux", feature = "software"))]
#![expect(unsafe_code, reason = "functions of C are called")]

use std::ptr::null_mut;

use videostream::encode::{Backend, Codec, Encoder, EncoderConfig};
use videostream::hal::format::{FourCc, Layout};
use videostream::{Colorimetry, FrameRate, Picture, PictureMut, TestPattern};
use videostream_c::exports::additions::vsl_x_frame_colorimetry;
use videostream_c::exports::decoder::*;
use videostream_c::exports::frame::vsl_frame_release;

const H264: u32 = u32::from_le_bytes(*b"H264");
/// `VSL_CODEC_BACKEND_SOFTWARE`
const SOFTWARE: u32 = 3;
/// `VSL_DEC_ERR`
const FAILED: u32 = 1;
const FRAMES: usize = 30;
const SIZE: (u32, u32) = (160, 96);

/// The test pattern, a key frame each ten pictures, one packet for each picture.
fn packets() -> Vec<Vec<u8>> {
    let (width, height) = SIZE;
    let rate = FrameRate::fps(25).unwrap();
    let layout = Layout::new(FourCc::YU12, width, height).unwrap();
    let pattern = TestPattern::new(layout.fourcc, width, height, rate).unwrap();
    let config = EncoderConfig::new(Codec::H264, layout.fourcc, width, height, rate)
        .colorimetry(Colorimetry::BT709);
    let mut encoder = Encoder::new(&config.gop(10).backend(Backend::Software)).unwrap();
    let mut bytes = vec![0; layout.size as usize];
    let mut packets = Vec::new();
    for number in 0..FRAMES as u64 {
        let mut picture = PictureMut::new(&mut bytes, &layout).unwrap();
        pattern.draw(number, &mut picture).unwrap();
        let picture = Picture::new(&bytes, &layout).unwrap();
        encoder.submit(&picture, rate.time_ns(number)).unwrap();
        packets.push(encoder.receive().unwrap().unwrap().annex_b().to_vec());
    }
    packets
}

/// Where the slice of a packet begins: behind delimiters and parameter sets.
fn slice_of(packet: &[u8]) -> usize {
    let starts = (0..packet.len() - 4).filter(|at| packet[*at..].starts_with(&[0, 0, 1]));
    let mut slices = starts.filter(|at| matches!(packet[at + 3] & 0x1f, 1 | 5));
    let at = slices.next().unwrap();
    if at > 0 && packet[at - 1] == 0 {
        at - 1
    } else {
        at
    }
}

/// Frames that come out, each of the colours of the stream, and calls that fail.
fn decode(stream: &[u8]) -> (usize, usize) {
    let decoder = vsl_decoder_create_ex(H264, 25, SOFTWARE);
    let (mut frames, mut failed) = (0, 0);
    let mut rest = stream;
    loop {
        let is_end = rest.is_empty();
        let (mut used, mut frame) = (0, null_mut());
        let length = u32::try_from(rest.len()).unwrap();
        // SAFETY: released below.
        let running = unsafe { decoder.as_mut() };
        let (data, used_bytes) = (rest.as_ptr().cast(), Some(&mut used));
        // SAFETY: as many bytes.
        let code = unsafe { vsl_decode_frame(running, data, length, used_bytes, Some(&mut frame)) };
        failed += usize::from(code & FAILED != 0);
        // Without bytes, what is held back comes out.
        let is_over = is_end && frame.is_null();
        if !frame.is_null() {
            // SAFETY: a frame that was just made.
            let colours = vsl_x_frame_colorimetry(unsafe { frame.as_ref() });
            assert_eq!(colours, Colorimetry::BT709.to_v4l2());
            frames += 1;
            // SAFETY: a frame of this function, once.
            unsafe { vsl_frame_release(frame) };
        }
        rest = &rest[used..];
        if is_over {
            break;
        }
    }
    // SAFETY: from `vsl_decoder_create_ex`, once.
    unsafe { vsl_decoder_release(decoder) };
    (frames, failed)
}

#[test]
fn sets_that_come_once_are_enough_also_after_damage() {
    let packets = packets();
    let without_sets = |packet: &Vec<u8>| packet[slice_of(packet)..].to_vec();
    let mut once: Vec<_> = packets.iter().map(without_sets).collect();
    once[0].clone_from(&packets[0]);
    assert_eq!(decode(&once.concat()), (FRAMES, 0));
    // What is left of picture 5 is no picture; what refers to it goes, too.
    once[5].truncate(12);
    let (frames, failed) = decode(&once.concat());
    assert_eq!((frames, failed > 0), (FRAMES - 5, true));
    // Joined in the middle of the first group.
    let sets = packets[0][..slice_of(&packets[0])].to_vec();
    let late = [sets, once[6..].concat()].concat();
    assert_eq!(decode(&late).0, FRAMES - 10);
}

#[test]
fn sets_and_delimiters_anywhere_make_no_pictures() {
    let packets = packets();
    let sets = packets[0][..slice_of(&packets[0])].to_vec();
    let delimiter = [0, 0, 0, 1, 9, 0xf0];
    let each: Vec<_> = packets
        .iter()
        .flat_map(|packet| [&delimiter[..], &sets, &sets, &packet[slice_of(packet)..]])
        .collect();
    let stream = [&each.concat()[..], &delimiter].concat();
    assert_eq!(decode(&stream), (FRAMES, 0));
}
