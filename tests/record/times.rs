//! Recordings of sources without a steady rate: each sample's time, by ffprobe.

use std::path::Path;

use videostream::encode::{Codec, Encoder, EncoderConfig, Packet};
use videostream::hal::format::{FourCc, Layout};
use videostream::record::{Recorder, Timeline, Track};
use videostream::{FrameRate, Picture};

use crate::media::{encode_pattern, fps, has_ffmpeg, packets, probe};

const MS: u64 = 1_000_000;
const HOUR: u64 = 3_600_000 * MS;

/// The timestamps of a source of 15 to 60 frames a second, which drops some, pauses for an hour,
/// and goes on.
fn timestamps() -> Vec<u64> {
    let mut state = 7_u32;
    let mut random = |below: u64| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        u64::from(state >> 8) % below
    };
    let mut now = 26 * HOUR + 12_345;
    let mut all = Vec::new();
    // How long a frame takes, which drifts as light does.
    let mut period = 33 * MS;
    for number in 0..1_500 {
        all.push(now);
        period = (period + random(2_000_001) - MS).clamp(1_000 * MS / 60, 1_000 * MS / 15);
        let dropped = match random(25) {
            0 => 1 + random(4),
            _ => 0,
        };
        now += period * (1 + dropped) + random(999);
        if number == 700 {
            now += HOUR;
        }
    }
    all
}

/// Records a frame at each of the times, and asserts that it stands there in the file.
fn assert_times(test: &str, path: &Path, timestamps: &[u64], arrival: impl Fn(usize) -> u64) {
    if !has_ffmpeg(test) {
        return;
    }
    let config = EncoderConfig::new(Codec::H264, FourCc::YU12, 64, 48, fps(30));
    let mut encoder = Encoder::new(&config).unwrap();
    let mut recorder = Recorder::create(path, &Track::from(&config).durable(false)).unwrap();
    let layout = Layout::new(FourCc::YU12, 64, 48).unwrap();
    let mut bytes = vec![128; layout.size as usize];
    let mut timeline = Timeline::new();
    for (number, &timestamp) in timestamps.iter().enumerate() {
        bytes[..64].fill(number as u8);
        let pts_ns = timeline.pts_ns(timestamp, arrival(number));
        let picture = Picture::new(&bytes, &layout).unwrap();
        encoder.submit(&picture, pts_ns).unwrap();
        while let Some(packet) = encoder.receive().unwrap() {
            recorder.write(&packet).unwrap();
        }
    }
    let recorded = recorder.finish().unwrap();
    assert_eq!(recorded.frames, timestamps.len() as u64);
    assert_eq!(timeline.estimated(), 0);
    let found = packets(path);
    assert_eq!(found.len(), timestamps.len());
    for ((_, found), timestamp) in found.iter().zip(timestamps) {
        let expected = (timestamp - timestamps[0]) as f64 / 1e9;
        assert!((found - expected).abs() < 0.001, "{found} for {expected}");
    }
}

#[test]
fn each_sample_is_shown_when_its_frame_was_taken() {
    let test = "each_sample_is_shown_when_its_frame_was_taken";
    let folder = tempfile::tempdir().unwrap();
    let stamps = timestamps();
    // They arrive late, and sometimes several at once.
    let arrival = |number: usize| stamps[number / 5 * 5 + 4] + 40 * MS;
    assert_times(test, &folder.path().join("x.mp4"), &stamps, arrival);
}

#[test]
fn images_of_a_camera_are_shown_when_they_were_taken() {
    if !has_ffmpeg("images_of_a_camera_are_shown_when_they_were_taken") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.mp4");
    let stamps = timestamps();
    let track = Track::new(Codec::Mjpeg, 64, 48, fps(30)).durable(false);
    let mut recorder = Recorder::create(&path, &track).unwrap();
    for timestamp in &stamps {
        let pts_ns = timestamp - stamps[0];
        let bytes = [0xff, 0xd8, 0, 0, 1, 0x67, 0xff, 0xd9];
        let packet = Packet::new(Codec::Mjpeg, &bytes, pts_ns, pts_ns);
        assert!(packet.is_key() && packet.has_picture());
        recorder.write(&packet).unwrap();
    }
    assert_eq!(recorder.finish().unwrap().frames, stamps.len() as u64);
    let found = packets(&path);
    assert_eq!(found.len(), stamps.len());
    for ((key, found), timestamp) in found.iter().zip(&stamps) {
        let expected = (timestamp - stamps[0]) as f64 / 1e9;
        assert!(
            *key && (found - expected).abs() < 0.001,
            "{found} for {expected}"
        );
    }
}

#[test]
fn the_last_picture_is_shown_as_long_as_the_others() {
    let test = "the_last_picture_is_shown_as_long_as_the_others";
    if !has_ffmpeg(test) {
        return;
    }
    // One a day.
    let rate = FrameRate::new(1, 86_400).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.mp4");
    let config = EncoderConfig::new(Codec::H264, FourCc::NV12, 128, 96, fps(30));
    let track = Track::new(Codec::H264, 128, 96, rate);
    let mut recorder = Recorder::create(&path, &track).unwrap();
    let layout = Layout::new(FourCc::NV12, 128, 96).unwrap();
    let before = |_, _: &mut Encoder| ();
    encode_pattern(&config, &layout, rate, 3, before, |packet| {
        recorder.write(packet).unwrap();
    });
    let recorded = recorder.finish().unwrap();
    assert_eq!(recorded.duration_ns, 3 * 24 * HOUR);
    let duration: f64 = probe(&path)["duration"].parse().unwrap();
    assert!((duration - 3. * 86_400.).abs() < 0.001, "{duration}");
    let times = packets(&path).into_iter().map(|(_, time)| time);
    assert_eq!(times.collect::<Vec<_>>(), [0., 86_400., 2. * 86_400.]);
}
