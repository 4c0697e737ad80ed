//! Recordings of sources with odd clocks or rates, and of streams joined at any point.

mod source;
mod support;

use std::path::Path;

use serde_json::Value;
use videostream::encode::{Codec, Encoder, EncoderConfig, access_units};
use videostream::hal::format::{FourCc, Layout};
use videostream::{FrameRate, Picture};

use source::{Shared, share};
use support::{Ended, encoded_by_ffmpeg, number, place, probe, run, times};

const MS: u64 = 1_000_000;
const HOUR: u64 = 3_600_000 * MS;
/// When a source's first frame is taken.
const START: u64 = 2 * HOUR;
const FRAMES: u64 = 40;

fn record(frames: &[Shared], count: u64, path: &Path) -> Ended {
    let (_folder, socket) = place();
    let count = count.to_string();
    let words = ["record", "--json", "--timeout", "60", "-f", &count];
    let rest = ["--ipc", &socket, path.to_str().unwrap()];
    let words: Vec<_> = words.into_iter().chain(rest).collect();
    share(&socket, frames, || run(words))
}

/// Records frames with these timestamps; what the command says, and the times in the file in
/// milliseconds.
fn times_of(stamps: impl Fn(u64) -> u64) -> (Ended, Vec<f64>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.mp4");
    let frames: Vec<_> = (0..FRAMES).map(|n| Shared::grey(stamps(n))).collect();
    let ended = record(&frames, FRAMES, &path);
    let times = times(&path).unwrap_or_default();
    (ended, times.into_iter().map(|time| time * 1000.0).collect())
}

/// Asserts that the frames are at these times, in milliseconds.
fn assert_times(times: &[f64], expected: impl Fn(u64) -> f64) {
    assert_eq!(times.len() as u64, FRAMES);
    for (time, n) in times.iter().zip(0..) {
        assert!((time - expected(n)).abs() < 1.0, "{n}: {times:?}");
    }
}

fn estimated(ended: &Ended) -> u64 {
    number(&ended.json(), "estimated_times")
}

#[test]
fn frames_of_any_rate_are_shown_when_they_were_taken() {
    let test = "frames_of_any_rate_are_shown_when_they_were_taken";
    if !videostream_testing::has_programs(test, &["ffprobe"]) {
        return;
    }
    // The source says 33 ms.
    for step in [25, 67, 2_000] {
        let (ended, times) = times_of(|n| START + n * step * MS);
        assert_times(&times, |n| (n * step) as f64);
        assert_eq!(estimated(&ended), 0);
    }
    let gap = |n| if n < 20 { 0 } else { 14 * HOUR };
    let (ended, times) = times_of(|n| START + n * 33 * MS + gap(n));
    assert_times(&times, |n| (n * 33 + gap(n) / MS) as f64);
    let duration = number(&ended.json(), "duration_ms");
    assert!((50_401_200..50_401_400).contains(&duration), "{duration}");
}

#[test]
fn a_clock_that_is_set_moves_nothing_and_is_told_once() {
    let test = "a_clock_that_is_set_moves_nothing_and_is_told_once";
    if !videostream_testing::has_programs(test, &["ffprobe"]) {
        return;
    }
    let year = 365 * 24 * HOUR;
    for set in [
        |stamp, _| stamp + 10 * 365 * 24 * HOUR,
        |stamp, _| stamp - HOUR,
    ] as [fn(u64, u64) -> u64; 2]
    {
        let stamp = |n| START + n * 33 * MS;
        let (ended, times) = times_of(|n| {
            if n < 20 {
                stamp(n)
            } else {
                set(stamp(n), year)
            }
        });
        assert_eq!(estimated(&ended), 1, "{ended:?}");
        assert_eq!(ended.stderr.matches("timestamps").count(), 1, "{ended:?}");
        // The frame where it is set is as far behind the one before as it came.
        let behind = times[20] - times[19];
        assert!(behind > 0.0 && behind < 30_000.0, "{times:?}");
        assert_times(&times, |n| match n {
            ..20 => (n * 33) as f64,
            _ => times[20] + ((n - 20) * 33) as f64,
        });
    }
}

#[test]
fn a_first_timestamp_without_sense_moves_nothing() {
    let test = "a_first_timestamp_without_sense_moves_nothing";
    if !videostream_testing::has_programs(test, &["ffprobe"]) {
        return;
    }
    for first in [0, 4_154_505_010_207_436_000] {
        let (ended, times) = times_of(|n| if n == 0 { first } else { START + n * 33 * MS });
        assert_eq!(estimated(&ended), 1, "{ended:?}");
        assert!(times[1] > 0.0 && times[1] < 30_000.0, "{times:?}");
        assert_times(&times, |n| match n {
            0 => 0.0,
            _ => times[1] + ((n - 1) * 33) as f64,
        });
    }
}

#[test]
fn a_stopped_clock_shows_frames_as_they_came() {
    let test = "a_stopped_clock_shows_frames_as_they_came";
    if !videostream_testing::has_programs(test, &["ffprobe"]) {
        return;
    }
    let (ended, times) = times_of(|_| START);
    assert_eq!(estimated(&ended), FRAMES - 1, "{ended:?}");
    assert_eq!(ended.stderr.matches("timestamps").count(), 1, "{ended:?}");
    assert!(times.is_sorted_by(|one, next| one < next), "{times:?}");
    // They come every 2 ms or later.
    let last = *times.last().unwrap();
    assert!(last > 70.0 && last < 60_000.0, "{times:?}");
}

/// Packets of pictures of 320x240 with a key frame every 10, each its parameter sets and the rest.
fn packets(count: u64) -> Vec<(Vec<u8>, Vec<u8>, bool)> {
    let rate = FrameRate::fps(30).unwrap();
    let config = EncoderConfig::new(Codec::H264, FourCc::YU12, 320, 240, rate).gop(10);
    let mut encoder = Encoder::new(&config).unwrap();
    let layout = Layout::new(FourCc::YU12, 320, 240).unwrap();
    let mut bytes = vec![128; layout.size as usize];
    let mut packets = Vec::new();
    for n in 0..count {
        bytes[..3200].fill(n as u8 * 5);
        let picture = Picture::new(&bytes, &layout).unwrap();
        encoder.submit(&picture, n * 33 * MS).unwrap();
        while let Some(packet) = encoder.receive().unwrap() {
            let (sets, data) = (packet.parameter_sets(), packet.data());
            packets.push((sets.to_vec(), data.to_vec(), packet.is_key()));
        }
    }
    packets
}

fn shared(packets: impl IntoIterator<Item = Vec<u8>>) -> Vec<Shared> {
    let packets = packets.into_iter().zip(0..);
    packets
        .map(|(bytes, n)| Shared::new(FourCc::H264, &bytes, START + n * 33 * MS))
        .collect()
}

fn decode(frames: &[Shared]) -> Value {
    let (_folder, socket) = place();
    let count = frames.len().to_string();
    let words = [
        "receive", "--decode", "--json", "-t", "60", "-f", &count, &socket,
    ];
    share(&socket, frames, || run(words)).json()
}

#[test]
fn every_picture_of_shared_packets_is_decoded() {
    let packets = packets(30);
    let frames = shared(
        packets
            .into_iter()
            .map(|(sets, data, _)| [sets, data].concat()),
    );
    let received = decode(&frames);
    assert_eq!(number(&received, "decoded_frames"), 30, "{received}");
    assert_eq!(number(&received, "key_frames"), 3, "{received}");
}

#[test]
fn parameter_sets_before_the_first_key_frame_count() {
    let test = "parameter_sets_before_the_first_key_frame_count";
    // Said once, and then joined amid a group.
    let packets = packets(40);
    let sets = packets[0].0.clone();
    let amid = packets.iter().skip(5).map(|(_, data, _)| data.clone());
    let mut amid: Vec<_> = amid.collect();
    amid[0].splice(..0, sets);
    let frames = shared(amid);
    let folder = tempfile::tempdir().unwrap();
    for name in ["x.mp4", "x.h264"] {
        let path = folder.path().join(name);
        let recorded = record(&frames, 30, &path).json();
        assert_eq!(number(&recorded, "frames"), 30, "{recorded}");
        assert_eq!(number(&recorded, "lost_packets"), 0, "{recorded}");
        if let Some(found) = probe(test, &path) {
            assert_eq!(found[4], "30", "{found:?}");
        }
    }
    let received = decode(&frames);
    assert_eq!(number(&received, "decoded_frames"), 30, "{received}");
    assert_eq!(number(&received, "undecoded_frames"), 5, "{received}");
}

#[test]
fn a_packet_whose_header_is_damaged_costs_itself() {
    let test = "a_packet_whose_header_is_damaged_costs_itself";
    let packets = packets(30).into_iter();
    let mut all: Vec<_> = packets
        .map(|(sets, data, _)| [sets, data].concat())
        .collect();
    // A slice with a missing picture parameter set: number 30, as an Exp-Golomb code.
    all[15] = vec![0, 0, 0, 1, 0x41, 0x98, 0x3e, 0x80, 0x55];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.mp4");
    let frames = shared(all);
    let recorded = record(&frames, 29, &path).json();
    assert_eq!(number(&recorded, "frames"), 29, "{recorded}");
    assert_eq!(number(&recorded, "lost_packets"), 1, "{recorded}");
    if let Some(found) = probe(test, &path) {
        assert_eq!(found[4], "29", "{found:?}");
        let step = times(&path).unwrap()[15] * 1000.0;
        assert!((step - 16.0 * 33.0).abs() < 1.0, "{step}");
    }
    // Decoding goes on with the next key frame, and those before the damage are whole.
    let received = decode(&frames);
    assert_eq!(number(&received, "decoded_frames"), 25, "{received}");
    assert_eq!(number(&received, "undecoded_frames"), 5, "{received}");
}

#[test]
fn packets_of_a_refresh_that_is_joined_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.h264");
    let refresh = "keyint=12:intra-refresh=1:bframes=0:scenecut=0:repeat-headers=1";
    if !encoded_by_ffmpeg("libx264", refresh, &path) {
        let test = "packets_of_a_refresh_that_is_joined_are_counted";
        return videostream_testing::skip(test, "needs ffmpeg with libx264");
    }
    let stream = std::fs::read(&path).unwrap();
    let units: Vec<_> = access_units(Codec::H264, &stream)
        .map(<[u8]>::to_vec)
        .collect();
    // Two before the second refresh, whose 11 pictures are not whole.
    let frames = shared(units[10..].to_vec());
    let received = decode(&frames);
    assert_eq!(number(&received, "decoded_frames"), 27, "{received}");
    assert_eq!(number(&received, "undecoded_frames"), 13, "{received}");
    // The first picture that is whole is the one to be saved.
    let (_folder, socket) = place();
    let picture = folder.path().join("x.png");
    let words = ["snapshot", "--json", "--timeout", "60", "--ipc", &socket];
    let words = words.into_iter().chain(picture.to_str());
    let saved = share(&socket, &frames, || run(words)).json();
    assert_eq!(number(&saved, "sequence"), 13, "{saved}");
}

#[test]
fn unrecordable_frames_are_refused_by_file_name() {
    let folder = tempfile::tempdir().unwrap();
    let frames = [Shared::new(FourCc::FWHT, &[0x4f; 4000], START)];
    for (name, code) in [("x.mp4", 1), ("x.h264", 1), ("x.mjpeg", 2), ("x.y4m", 2)] {
        let path = folder.path().join(name);
        let ended = record(&frames, 1, &path);
        ended.assert_error(code, &["FWHT", path.to_str().unwrap()]);
        assert!(!path.exists(), "{name}");
    }
    let layout = Layout::new(FourCc::YU12, 161, 121).unwrap();
    let odd = Shared::picture(layout, &vec![128; layout.size as usize], START);
    let path = folder.path().join("x.mp4");
    record(&[odd], 1, &path).assert_error(1, &["161x121", path.to_str().unwrap(), "even"]);
}

#[test]
fn a_host_whose_frames_are_no_packets_is_named() {
    let (_folder, socket) = place();
    let words = ["receive", "--decode", "-f", "1", &socket];
    let ended = share(&socket, &[Shared::grey(START)], || run(words));
    ended.assert_error(1, &[&socket, "YU12", "--decode"]);
}

#[test]
fn pictures_of_any_rate_are_encoded() {
    let test = "pictures_of_any_rate_are_encoded";
    let folder = tempfile::tempdir().unwrap();
    for (rate, frames) in [("1/2", 2_u64), ("120", 40), ("240", 40)] {
        let path = folder.path().join("x.mp4");
        let count = frames.to_string();
        let words = ["record", "--pattern", "-r", "320x240", "--json", "-F", rate];
        let rest = ["-f", &count, path.to_str().unwrap()];
        let recorded = run(words.into_iter().chain(rest)).json();
        assert_eq!(number(&recorded, "frames"), frames, "{recorded}");
        let Some(found) = probe(test, &path) else {
            return;
        };
        assert_eq!(found[4], count, "{rate}: {found:?}");
        let period = 1.0 / rate.parse::<FrameRate>().unwrap().as_f64();
        let times = times(&path).unwrap();
        // One that was late leaves a gap.
        let steps = times.iter().zip(&times[1..]).map(|(a, b)| (b - a) / period);
        let odd = steps.filter(|step| (step - step.round()).abs() > 0.05 || *step < 0.9);
        assert_eq!(odd.count(), 0, "{rate}: {times:?}");
    }
}
