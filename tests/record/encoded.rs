//! Recordings of the encoder, read by other programs.

use std::fs;
use std::path::Path;

use videostream::encode::{Codec, Encoder, EncoderConfig, Packet};
use videostream::hal::format::{FourCc, Layout};
use videostream::record::{RecordError, Recorder, Track};
use videostream::{Colorimetry, FrameRate};

use crate::media::{decode, encode_pattern, fps, has_ffmpeg, numbers, packets, probe};

/// `frames` pattern frames with a key frame every 15.
pub(crate) fn record(path: &Path, size: (u32, u32), rate: FrameRate, frames: u64) -> Recorder {
    let layout = Layout::new(FourCc::NV12, size.0, size.1).unwrap();
    let config = EncoderConfig::new(Codec::H264, FourCc::NV12, size.0, size.1, rate).gop(15);
    let track = Track::from(&config).expected_frames(frames);
    let mut recorder = Recorder::create(path, &track).unwrap();
    encode_pattern(
        &config,
        &layout,
        rate,
        frames,
        |_, _| (),
        |packet| {
            recorder.write(packet).unwrap();
        },
    );
    recorder
}

#[test]
fn ffprobe_reads_size_rate_frames_and_key_frames() {
    if !has_ffmpeg("ffprobe_reads_size_rate_frames_and_key_frames") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.mp4");
    for (size, rate) in [
        ((1280, 720), fps(30)),
        ((642, 362), fps(25)),
        ((320, 240), FrameRate::new(30_000, 1_001).unwrap()),
        ((320, 240), FrameRate::new(15, 2).unwrap()),
    ] {
        let recorded = record(&path, size, rate, 60).finish().unwrap();
        assert_eq!(recorded.frames, 60);
        assert_eq!(recorded.bytes, fs::metadata(&path).unwrap().len());
        let stream = probe(&path);
        let says = |key: &str, value: &str| assert_eq!(stream[key], value, "{key} of {size:?}");
        says("codec_name", "h264");
        says("codec_tag_string", "avc1");
        says("width", &size.0.to_string());
        says("height", &size.1.to_string());
        says("r_frame_rate", &rate.to_string());
        says("avg_frame_rate", &rate.to_string());
        says("nb_read_frames", "60");
        let duration: f64 = stream["duration"].parse().unwrap();
        assert!(
            (duration - 60.0 / rate.as_f64()).abs() < 0.001,
            "{duration} s"
        );
        for (number, (key, time)) in packets(&path).into_iter().enumerate() {
            assert_eq!(key, number % 15 == 0, "packet {number}");
            assert!(
                (time - number as f64 / rate.as_f64()).abs() < 0.000_02,
                "{number} at {time}"
            );
        }
        let frames = decode(&path, size.0, size.1);
        assert_eq!(
            numbers(&frames, size.0, size.1),
            (0..60).collect::<Vec<_>>()
        );
    }
}

#[test]
fn an_annex_b_file_holds_every_frame() {
    if !has_ffmpeg("an_annex_b_file_holds_every_frame") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.h264");
    record(&path, (320, 240), fps(30), 40).finish().unwrap();
    let frames = decode(&path, 320, 240);
    assert_eq!(numbers(&frames, 320, 240), (0..40).collect::<Vec<_>>());
}

#[test]
fn sets_among_the_samples_are_told() {
    let test = "sets_among_the_samples_are_told";
    if !has_ffmpeg(test) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::new(FourCc::NV12, 320, 240).unwrap();
    for codec in [Codec::H264, Codec::H265] {
        let config = EncoderConfig::new(codec, FourCc::NV12, 320, 240, fps(30)).gop(10);
        if let Err(error) = Encoder::new(&config) {
            videostream_testing::skip(test, &error.to_string());
            continue;
        }
        let other = config.appearance(Colorimetry::BT709.into());
        for (other, in_band) in [(config, false), (other, true)] {
            for ends in [true, false] {
                let path = folder.path().join("x.mp4");
                let mut recorder = Recorder::create(&path, &Track::from(&config)).unwrap();
                for (config, from) in [(config, 0), (other, 20)] {
                    encode_pattern(
                        &config,
                        &layout,
                        fps(30),
                        20,
                        |_, _| (),
                        |packet| {
                            let [pts_ns, dts_ns] = [packet.pts_ns(), packet.dts_ns()]
                                .map(|time_ns| time_ns + fps(30).time_ns(from));
                            let packet = Packet::new(codec, packet.annex_b(), pts_ns, dts_ns);
                            recorder.write(&packet).unwrap();
                        },
                    );
                }
                match ends {
                    true => drop(recorder.finish().unwrap()),
                    // In fragments.
                    false => drop(recorder),
                }
                let expected = match (codec, in_band) {
                    (Codec::H264, false) => "avc1",
                    (Codec::H264, true) => "avc3",
                    (_, false) => "hvc1",
                    (_, true) => "hev1",
                };
                let stream = probe(&path);
                assert_eq!(stream["codec_tag_string"], expected, "{ends}");
                assert_eq!(stream["nb_read_frames"], "40", "{expected}, {ends}");
            }
        }
    }
}

#[test]
fn fragments_are_at_most_a_second_long() {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::new(FourCc::NV12, 160, 120).unwrap();
    let config = EncoderConfig::new(Codec::H264, FourCc::NV12, 160, 120, fps(30)).gop(0);
    let mut recorder =
        Recorder::create(folder.path().join("x.mp4"), &Track::from(&config)).unwrap();
    encode_pattern(
        &config,
        &layout,
        fps(30),
        95,
        |_, _| (),
        |packet| {
            recorder.write(packet).unwrap();
            assert!(recorder.waiting() <= 30);
        },
    );
    assert_eq!(recorder.recorded().frames, 90);
    assert_eq!(recorder.finish().unwrap().duration_ns, 3_166_666_666);
}

#[test]
fn times_grow_despite_gaps_and_stopped_clocks() {
    if !has_ffmpeg("times_grow_despite_gaps_and_stopped_clocks") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.mp4");
    let layout = Layout::new(FourCc::NV12, 160, 120).unwrap();
    let config = EncoderConfig::new(Codec::H264, FourCc::NV12, 160, 120, fps(30));
    let mut recorder = Recorder::create(&path, &Track::from(&config)).unwrap();
    let mut encoder = Encoder::new(&config).unwrap();
    let bytes = vec![128; layout.size as usize];
    for pts_ms in [1000, 1033, 1033, 900, 1100, 4000, 4033] {
        let picture = videostream::Picture::new(&bytes, &layout).unwrap();
        encoder.submit(&picture, pts_ms * 1_000_000).unwrap();
        recorder
            .write(&encoder.receive().unwrap().unwrap())
            .unwrap();
    }
    assert_eq!(recorder.finish().unwrap().frames, 7);
    let times: Vec<_> = packets(&path).into_iter().map(|(_, time)| time).collect();
    assert_eq!(times.len(), 7);
    assert!(
        (times[5] - 3.0).abs() < 0.001 && (times[4] - 0.1).abs() < 0.001,
        "{times:?}"
    );
    assert_eq!(decode(&path, 160, 120).len(), 7);
}

#[test]
fn pictures_of_another_size_do_not_get_into_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut recorder = record(&folder.path().join("x.mp4"), (320, 240), fps(30), 5);
    let layout = Layout::new(FourCc::NV12, 640, 480).unwrap();
    let config = EncoderConfig::new(Codec::H264, FourCc::NV12, 640, 480, fps(30));
    encode_pattern(
        &config,
        &layout,
        fps(30),
        1,
        |_, _| (),
        |packet| {
            let error = recorder.write(packet).unwrap_err();
            let RecordError::Changed { was, now, recorded } = error else {
                panic!("{error}");
            };
            assert_eq!((was.1, was.2, now.1, now.2), (320, 240, 640, 480));
            assert_eq!(recorded.frames, 5);
        },
    );
    assert_eq!(recorder.finish().unwrap().frames, 5);
}
