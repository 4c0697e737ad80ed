//! Streams that the tests of both codecs decode, and their checks.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use videostream::decode::Decoder;
use videostream::encode::{Codec, EncoderConfig, access_units};
use videostream::hal::format::{FourCc, Layout};
use videostream::{PictureMut, TestPattern, pattern};

use crate::media::{encode_pattern, fps, packets};

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

/// Pattern frames of 320x240 encoded by ffmpeg with libx264 or libx265 and these parameters:
/// packets in the order of decoding, with their times.
pub(crate) fn by_ffmpeg(
    codec: Codec,
    frames: u64,
    parameters: &str,
    pixels: &str,
) -> Vec<(Vec<u8>, u64)> {
    let layout = Layout::new(FourCc::YU12, 320, 240).unwrap();
    let test_pattern = TestPattern::new(FourCc::YU12, 320, 240, fps(30)).unwrap();
    let (library, option, name, quiet) = match codec {
        Codec::H264 => ("libx264", "-x264-params", "x.h264", "threads=1"),
        _ => (
            "libx265",
            "-x265-params",
            "x.hevc",
            "log-level=error:pools=1",
        ),
    };
    let folder = tempfile::tempdir().unwrap();
    let (mp4, stream) = (folder.path().join("x.mp4"), folder.path().join(name));
    let ffmpeg = |words: &[&str], output: &Path, raw: &[u8]| {
        let mut child = Command::new("ffmpeg")
            .args(["-v", "error", "-y"])
            .args(words)
            .arg(output)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(raw).unwrap();
        assert!(child.wait().unwrap().success(), "{words:?}");
    };
    let mut raw = Vec::new();
    for number in 0..frames {
        let mut bytes = vec![0; layout.size as usize];
        let mut target = PictureMut::new(&mut bytes, &layout).unwrap();
        test_pattern.draw(number, &mut target).unwrap();
        raw.extend(bytes);
    }
    let parameters = format!("{quiet}:{parameters}");
    let encode = "-f rawvideo -pix_fmt yuv420p -s 320x240 -r 30 -i - -preset ultrafast -c:v";
    let mut words: Vec<_> = encode.split(' ').collect();
    words.extend([library, "-pix_fmt", pixels, option, &parameters]);
    ffmpeg(&words, &mp4, &raw);
    let times = packets(&mp4);
    let path = mp4.to_str().unwrap();
    ffmpeg(&["-i", path, "-c", "copy"], &stream, &[]);
    let stream = std::fs::read(&stream).unwrap();
    let units = access_units(codec, &stream);
    let packets: Vec<_> = units
        .zip(&times)
        .map(|(unit, (_, seconds))| (unit.to_vec(), (seconds * 1e9).round() as u64))
        .collect();
    assert_eq!(
        (packets.len(), times.len()),
        (frames as usize, frames as usize)
    );
    packets
}
