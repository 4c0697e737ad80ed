//! Support for media tests: encoded pattern frames, and checks by ffmpeg.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Stdio};

use videostream::encode::{Encoder, EncoderConfig, Packet};
use videostream::hal::format::{FourCc, Layout};
use videostream::{FrameRate, Picture, PictureMut, TestPattern, pattern};
use videostream_testing::{has_programs, skip};

pub(crate) fn fps(frames: u32) -> FrameRate {
    FrameRate::fps(frames).unwrap()
}

/// Encodes pattern frames `0..frames` and hands each packet on; `before` runs before each frame.
pub(crate) fn encode_pattern(
    config: &EncoderConfig,
    layout: &Layout,
    rate: FrameRate,
    frames: u64,
    mut before: impl FnMut(u64, &mut Encoder),
    mut sink: impl FnMut(&Packet<'_>),
) {
    let pattern = TestPattern::new(layout.fourcc, layout.width, layout.height, rate).unwrap();
    let mut encoder = Encoder::new(config).unwrap();
    let mut bytes = vec![0; layout.size as usize];
    for number in 0..frames {
        pattern
            .draw(number, &mut PictureMut::new(&mut bytes, layout).unwrap())
            .unwrap();
        before(number, &mut encoder);
        encoder
            .submit(&Picture::new(&bytes, layout).unwrap(), rate.time_ns(number))
            .unwrap();
        while let Some(packet) = encoder.receive().unwrap() {
            sink(&packet);
        }
    }
    encoder.finish().unwrap();
    while let Some(packet) = encoder.receive().unwrap() {
        sink(&packet);
    }
}

/// Whether ffmpeg and ffprobe are there; if not, says that `test` is skipped.
pub(crate) fn has_ffmpeg(test: &str) -> bool {
    has_programs(test, &["ffmpeg", "ffprobe"])
}

/// Whether ffmpeg is there and has an encoder; if not, says that `test` is skipped.
pub(crate) fn has_encoder(test: &str, encoder: &str) -> bool {
    if !has_ffmpeg(test) {
        return false;
    }
    let encoders = run("ffmpeg", &["-v", "error", "-encoders"]);
    let has = String::from_utf8_lossy(&encoders).contains(encoder);
    if !has {
        skip(test, &format!("ffmpeg has no {encoder}"));
    }
    has
}

fn run(program: &str, args: &[&str]) -> Vec<u8> {
    let output = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {args:?} failed");
    output.stdout
}

/// What ffprobe says of the first video stream, frames counted by decoding.
pub(crate) fn probe(path: &Path) -> HashMap<String, String> {
    let path = path.to_str().unwrap();
    let args = [
        "-v",
        "error",
        "-count_frames",
        "-select_streams",
        "v:0",
        "-show_streams",
        path,
    ];
    let text = String::from_utf8(run("ffprobe", &args)).unwrap();
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// Key flag and presentation time in seconds of each packet.
pub(crate) fn packets(path: &Path) -> Vec<(bool, f64)> {
    let path = path.to_str().unwrap();
    let entries = "packet=pts_time,flags";
    let args = [
        "-v",
        "error",
        "-select_streams",
        "v:0",
        "-show_entries",
        entries,
        "-of",
        "csv=p=0",
        path,
    ];
    let text = String::from_utf8(run("ffprobe", &args)).unwrap();
    text.lines()
        .map(|line| {
            let mut fields = line.split(',');
            let time = fields.next().unwrap().parse().unwrap();
            (fields.next().unwrap().starts_with('K'), time)
        })
        .collect()
}

/// The frames that ffmpeg decodes, as NV12 without padding.
pub(crate) fn decode(path: &Path, width: u32, height: u32) -> Vec<Vec<u8>> {
    frames(run("ffmpeg", &decoding(path)), width, height)
}

fn decoding(path: &Path) -> [&str; 13] {
    let path = path.to_str().unwrap();
    [
        "-v",
        "error",
        // Starting threads takes longer than decoding small pictures.
        "-threads",
        "1",
        "-i",
        path,
        "-fps_mode",
        "passthrough",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "nv12",
        "-",
    ]
}

fn frames(bytes: Vec<u8>, width: u32, height: u32) -> Vec<Vec<u8>> {
    let layout = Layout::new(FourCc::NV12, width, height).unwrap();
    let frames = bytes.chunks_exact(layout.size as usize);
    assert!(
        frames.remainder().is_empty(),
        "{} bytes are no frames",
        bytes.len()
    );
    frames.map(<[u8]>::to_vec).collect()
}

/// The numbers in decoded pattern frames.
pub(crate) fn numbers(frames: &[Vec<u8>], width: u32, height: u32) -> Vec<u64> {
    let layout = Layout::new(FourCc::NV12, width, height).unwrap();
    let number =
        |frame: &Vec<u8>| pattern::read_number(&Picture::new(frame, &layout).unwrap()).unwrap();
    frames.iter().map(number).collect()
}

/// Peak signal-to-noise ratio of the bytes, in decibels.
pub(crate) fn psnr(one: &[u8], two: &[u8]) -> f64 {
    assert_eq!(one.len(), two.len());
    let square = |(a, b): (&u8, &u8)| f64::from(a.abs_diff(*b)).powi(2);
    let mean = one.iter().zip(two).map(square).sum::<f64>() / one.len() as f64;
    10.0 * (255.0_f64.powi(2) / mean.max(1e-9)).log10()
}
