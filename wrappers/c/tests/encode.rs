//! A program in C that encodes a file and decodes it: other players take the file, too.

#![cfg(target_os = "linux")]

mod support;

use support::program::{Language, Linking, Program};
use support::{Run, probe, run};
use videostream_testing::skip;

/// Encodes, decodes, and asks ffprobe how many frames of what it sees.
fn encode(test: &str, codec: &str, name: &str) {
    let Some(program) = Program::new("encode", Language::C99, Linking::Dynamic) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stream");
    run(program.command(&[]).arg(codec).arg(&file), Run::Program);
    if let Some(seen) = probe(test, &file) {
        assert_eq!(seen, format!("{name},640,360,100"));
    }
}

#[test]
fn a_hundred_frames_of_h264_are_encoded_and_play() {
    encode(
        "a_hundred_frames_of_h264_are_encoded_and_play",
        "H264",
        "h264",
    );
}

#[test]
fn a_hundred_frames_of_h265_are_encoded_and_play() {
    use videostream::decode::{Decoder, DecoderConfig};
    use videostream::encode::{Codec, Encoder, EncoderConfig};
    use videostream::hal::format::FourCc;
    let test = "a_hundred_frames_of_h265_are_encoded_and_play";
    let rate = videostream::FrameRate::fps(30).unwrap();
    let config = EncoderConfig::new(Codec::H265, FourCc::NV12, 640, 360, rate);
    if let Err(why) = Encoder::new(&config) {
        return skip(test, &why.to_string());
    }
    if let Err(why) = Decoder::new(&DecoderConfig::new(Codec::H265)) {
        return skip(test, &why.to_string());
    }
    if let Some(program) = Program::new("codec", Language::C99, Linking::Dynamic) {
        run(program.command(&[]).arg("HEVC"), Run::Program);
    }
    encode(test, "HEVC", "hevc");
}
