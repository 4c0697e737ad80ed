//! Recordings of hours: cuts, seeks, and memory.

#![cfg(all(feature = "software", feature = "record"))]

mod media;

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use videostream::encode::{Codec, EncoderConfig, Packet, RateControl};
use videostream::hal::format::{FourCc, Layout};
use videostream::record::{Recorded, Recorder, Track};
use videostream_testing::counting::{self, Counting};

use media::{encode_pattern, fps, has_ffmpeg};

#[global_allocator]
static COUNTING: Counting = Counting;

const SIZE: (u32, u32) = (160, 120);
const GROUP: u64 = 30;

/// Memory is counted for the whole program.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A second of small pictures, encoded.
fn group() -> Vec<Vec<u8>> {
    let layout = Layout::new(FourCc::NV12, SIZE.0, SIZE.1).unwrap();
    let config = EncoderConfig::new(Codec::H264, FourCc::NV12, SIZE.0, SIZE.1, fps(30))
        .gop(GROUP as u32)
        .rate_control(RateControl::Quantiser(51));
    let mut packets = Vec::new();
    let sink = |packet: &Packet<'_>| packets.push(packet.annex_b().to_vec());
    encode_pattern(&config, &layout, fps(30), GROUP, |_, _| (), sink);
    packets
}

fn track() -> Track {
    Track::new(Codec::H264, SIZE.0, SIZE.1, fps(30)).durable(false)
}

/// Records the group again and again for so many seconds, at times that go on.
fn record(path: &Path, track: &Track, seconds: u64) -> Recorder {
    record_group(path, track, &group(), seconds, || ())
}

fn record_group(
    path: &Path,
    track: &Track,
    packets: &[Vec<u8>],
    seconds: u64,
    mut each: impl FnMut(),
) -> Recorder {
    let mut recorder = Recorder::create(path, track).unwrap();
    for second in 0..seconds {
        for (number, bytes) in (second * GROUP..).zip(packets) {
            let time_ns = fps(30).time_ns(number);
            let packet = Packet::new(Codec::H264, bytes, time_ns, time_ns);
            recorder.write(&packet).unwrap();
        }
        each();
    }
    recorder
}

/// A box: where it begins, where it ends, its name.
type Place = (u64, u64, [u8; 4]);

/// The boxes from byte `at` up to `end`.
fn boxes(file: &File, mut at: u64, end: u64) -> Vec<Place> {
    let mut all = Vec::new();
    while at < end {
        let mut header = [0; 16];
        let len = (end - at).min(16) as usize;
        file.read_exact_at(&mut header[..len], at).unwrap();
        let size = match u32::from_be_bytes(header[..4].try_into().unwrap()) {
            1 => u64::from_be_bytes(header[8..].try_into().unwrap()),
            size => u64::from(size),
        };
        assert!(size >= 8 && at + size <= end, "box of {size} bytes at {at}");
        all.push((at, at + size, header[4..8].try_into().unwrap()));
        at += size;
    }
    all
}

/// The names of the boxes of a file.
fn names(path: &Path) -> Vec<String> {
    let file = File::open(path).unwrap();
    let len = file.metadata().unwrap().len();
    let name = |place: &Place| String::from_utf8(place.2.to_vec()).unwrap();
    boxes(&file, 0, len).iter().map(name).collect()
}

/// The fragments of a file of which each has `GROUP` samples, as they were before there was an
/// index.
fn fragments(path: &Path, from: u64) -> Vec<Place> {
    let file = File::open(path).unwrap();
    let all = boxes(&file, from, file.metadata().unwrap().len());
    let pairs = all.chunks(2);
    let pairs = pairs.map(|pair| {
        assert_eq!((&pair[0].2, &pair[1].2), (b"moof", b"mdat"));
        (pair[0].0, pair[1].1, pair[0].2)
    });
    pairs.collect()
}

/// `count` places from `from` on, always the same ones.
fn places(count: usize, from: u64, to: u64) -> Vec<u64> {
    let mut state = 12345_u64;
    let next = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        from + (state >> 20) % (to - from)
    };
    (0..count).map(next).collect()
}

/// Frames that ffmpeg decodes from `seconds` on, of one second at most; whatever it says is an
/// error.
fn decoded_from(path: &Path, seconds: u64) -> Vec<u8> {
    let output = Command::new("ffmpeg")
        .args([
            "-v",
            "fatal",
            "-threads",
            "1",
            "-ss",
            &seconds.to_string(),
            "-i",
        ])
        .arg(path)
        .args([
            "-fps_mode",
            "passthrough",
            "-frames:v",
            "30",
            "-f",
            "rawvideo",
        ])
        .args(["-pix_fmt", "nv12", "-"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

/// The numbers of decoded pictures, which repeat with each group.
fn numbers(bytes: &[u8]) -> Vec<u64> {
    let layout = Layout::new(FourCc::NV12, SIZE.0, SIZE.1).unwrap();
    let frames: Vec<Vec<u8>> = bytes
        .chunks_exact(layout.size as usize)
        .map(<[u8]>::to_vec)
        .collect();
    media::numbers(&frames, SIZE.0, SIZE.1)
}

/// Packets that ffprobe finds between two times, and the first and last of their times.
fn packets(path: &Path, from: u64) -> Vec<f64> {
    let output = Command::new("ffprobe")
        .args([
            "-v",
            "fatal",
            "-select_streams",
            "v:0",
            "-show_entries",
            "packet=pts_time",
        ])
        .args(["-of", "csv=p=0", "-read_intervals", &format!("{from}%+1")])
        .arg(path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let times = text
        .lines()
        .filter_map(|line| line.trim_end_matches(',').parse().ok());
    times.collect()
}

#[test]
fn a_long_recording_seeks_and_survives_a_cut() {
    let _turn = turn();
    let test = "a_long_recording_seeks_and_survives_a_cut";
    if !has_ffmpeg(test) {
        return;
    }
    const SECONDS: u64 = 3 * 3600;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.mp4");
    let recorder = record(&path, &track(), SECONDS);
    // The one that grows yet, without what has not been written.
    let growing = recorder.recorded();
    assert_eq!(growing.frames + recorder.waiting(), SECONDS * GROUP);
    let first = {
        let file = File::open(&path).unwrap();
        let all = boxes(&file, 0, file.metadata().unwrap().len());
        assert_eq!(
            (&all[1].2, &all[2].2, &all[3].2),
            (b"free", b"moov", b"moof")
        );
        all[3].0
    };
    let recorded = recorder.finish().unwrap();
    assert_eq!(recorded.frames, SECONDS * GROUP);
    assert_eq!(recorded.bytes, fs::metadata(&path).unwrap().len());
    assert_eq!(names(&path), ["ftyp", "moov", "mdat"]);

    // It is as long as it should be, and begins at once wherever one looks.
    let fragments = fragments(&path, first);
    assert_eq!(fragments.len() as u64, SECONDS);
    for second in [0, 1, 1800, 7201, SECONDS - 1] {
        let times = packets(&path, second);
        assert!(
            times.len() as u64 >= GROUP && times[0] == second as f64,
            "{times:?}"
        );
        let decoded = numbers(&decoded_from(&path, second));
        assert_eq!(decoded, (0..GROUP).collect::<Vec<_>>(), "second {second}");
    }

    // Random places, from the last one down, so that one file is enough; and all boxes of a `moof`.
    let mut cuts = places(200, first, recorded.bytes);
    let file = File::open(&path).unwrap();
    for &(begin, ..) in fragments.iter().step_by(fragments.len() / 2 - 1).skip(1) {
        let header = |at: u64| {
            let mut size = [0; 4];
            file.read_exact_at(&mut size, at).unwrap();
            u64::from(u32::from_be_bytes(size))
        };
        // mfhd, traf, and in that tfhd, tfdt, trun; the header of mdat.
        let traf = begin + 8 + header(begin + 8);
        let tfhd = traf + 8;
        let tfdt = tfhd + header(tfhd);
        let trun = tfdt + header(tfdt);
        let mdat = begin + header(begin);
        for at in [begin, begin + 8, traf, tfhd, tfdt, trun, mdat] {
            cuts.extend([at + 3, at + 8, at + 13]);
        }
    }
    cuts.sort_unstable_by(|a, b| b.cmp(a));
    let writable = File::options().write(true).open(&path).unwrap();
    for cut in cuts {
        writable.set_len(cut).unwrap();
        let complete = fragments.partition_point(|(_, end, _)| *end <= cut) as u64;
        let Some(last) = complete.checked_sub(1) else {
            continue;
        };
        let times = packets(&path, last);
        let whole = times.iter().filter(|time| **time < complete as f64 - 0.001);
        assert_eq!(
            whole.count() as u64,
            GROUP,
            "cut at {cut}, fragment {last}: {times:?}"
        );
    }
    // And all of what is left decodes.
    let left = decoded_from(&path, 0);
    assert_eq!(numbers(&left), (0..GROUP).collect::<Vec<_>>());
}

#[test]
fn a_day_long_recording_takes_little_memory() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("day.mp4");
    const DAY: u64 = 86_400;
    // What is in the pictures does not matter.
    let mut tiny = group();
    tiny[1..].fill(vec![0, 0, 0, 1, 0x41, 0x9a, 0x20, 0x08]);
    let before = counting::bytes();
    let mut most = 0;
    let recorder = record_group(&path, &track(), &tiny, DAY, || {
        most = most.max(counting::bytes() - before);
    });
    assert!(most < 6 << 20, "{most} bytes");
    let Recorded {
        frames,
        duration_ns,
        ..
    } = recorder.finish().unwrap();
    assert_eq!((frames, duration_ns), (DAY * GROUP, DAY * 1_000_000_000));
    assert_eq!(names(&path), ["ftyp", "moov", "mdat"]);
    if has_ffmpeg("a_day_long_recording_takes_little_memory") {
        let times = packets(&path, DAY - 1);
        assert_eq!((times.len() as u64, times[0]), (GROUP, (DAY - 1) as f64));
    }
}

#[test]
fn a_short_recording_is_a_small_file() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("short.mp4");
    let recorded = record(&path, &track(), 5).finish().unwrap();
    let about = fs::metadata(&path).unwrap();
    assert_eq!(recorded.bytes, about.len());
    assert!(about.blocks() * 512 < 1 << 20, "{} blocks", about.blocks());
    assert_eq!(names(&path)[..2], ["ftyp", "moov"]);
    // With the duration given up front there is no hole.
    let known = track().expected_frames(5 * GROUP);
    let recorded = record(&path, &known, 5).finish().unwrap();
    assert!(recorded.bytes < 256 << 10, "{} bytes", recorded.bytes);
    assert_eq!(names(&path), ["ftyp", "moov", "mdat"]);
}

#[test]
fn a_recording_without_index_room_stays_fragmented() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.mp4");
    let known = track().expected_frames(100);
    record(&path, &known, 800).finish().unwrap();
    assert_eq!(names(&path), ["ftyp", "moov", "mdat"]);
    record(&path, &known, 1200).finish().unwrap();
    let names = names(&path);
    assert_eq!(names[..4], ["ftyp", "free", "moov", "moof"]);
    if has_ffmpeg("a_recording_without_index_room_stays_fragmented") {
        let times = packets(&path, 1199);
        assert_eq!((times.len() as u64, times[0]), (GROUP, 1199.0));
    }
}
