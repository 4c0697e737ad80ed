//! Byte streams of encoders and hardware, complete or cut, converted to MP4 with correct times.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use support::{Ended, encoded_by_ffmpeg, number, run, times};
use tempfile::{TempDir, tempdir};
use videostream::encode::{Backend, Codec, Encoder, EncoderConfig};
use videostream::hal::format::{FourCc, Layout};
use videostream::{FrameRate, Picture, PictureMut, TestPattern};

/// Types of NAL units of H.264 (table 7-1).
const SLICE: u8 = 1;
const IDR: u8 = 5;
const SPS: u8 = 7;
const PPS: u8 = 8;

const DELIMITER: [u8; 2] = [9, 0xf0];
const FRAMES: u64 = 30;

fn kind(nal: &[u8]) -> u8 {
    nal[0] & 0x1f
}

/// The NAL units of a byte stream.
fn units(stream: &[u8]) -> Vec<Vec<u8>> {
    let mut starts: Vec<_> = (0..stream.len().saturating_sub(2))
        .filter(|at| stream[*at..].starts_with(&[0, 0, 1]))
        .collect();
    starts.push(stream.len());
    let between = starts.windows(2).map(|pair| {
        let unit = stream.get(pair[0] + 3..pair[1]).unwrap();
        let zeros = unit.iter().rev().take_while(|byte| **byte == 0).count();
        unit[..unit.len() - zeros].to_vec()
    });
    between.collect()
}

fn stream(units: &[Vec<u8>]) -> Vec<u8> {
    let units = units.iter().flat_map(|unit| [&[0, 0, 0, 1][..], unit]);
    units.collect::<Vec<_>>().concat()
}

fn bits(bytes: &[u8]) -> Vec<u8> {
    let bits = bytes.iter();
    bits.flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1))
        .collect()
}

/// Bits as bytes, without zeros at the end.
fn bytes(bits: &[u8]) -> Vec<u8> {
    let bits = [bits, &[0; 7]].concat();
    let byte = |bits: &[u8]| bits.iter().fold(0, |byte, bit| byte << 1 | bit);
    let mut bytes: Vec<_> = bits.chunks_exact(8).map(byte).collect();
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    bytes
}

/// A stream of the test pattern with a key frame each ten pictures.
fn encoded(width: u32, height: u32, frames: u64) -> Vec<u8> {
    let rate = FrameRate::fps(25).unwrap();
    let layout = Layout::new(FourCc::YU12, width, height).unwrap();
    let pattern = TestPattern::new(layout.fourcc, width, height, rate).unwrap();
    let config = EncoderConfig::new(Codec::H264, layout.fourcc, width, height, rate);
    let config = config.gop(10).backend(Backend::Software);
    let mut encoder = Encoder::new(&config).unwrap();
    let mut bytes = vec![0; layout.size as usize];
    let mut stream = Vec::new();
    for number in 0..frames {
        let mut picture = PictureMut::new(&mut bytes, &layout).unwrap();
        pattern.draw(number, &mut picture).unwrap();
        let picture = Picture::new(&bytes, &layout).unwrap();
        encoder.submit(&picture, rate.time_ns(number)).unwrap();
        while let Some(packet) = encoder.receive().unwrap() {
            stream.extend(packet.annex_b());
        }
    }
    stream
}

/// A stream of a key frame each ten pictures, each with its parameter sets, and where it may be
/// converted.
struct Place {
    folder: TempDir,
    units: Vec<Vec<u8>>,
}

impl Place {
    fn new() -> Self {
        let folder = tempdir().unwrap();
        let units = units(&encoded(320, 240, FRAMES));
        let count = |of| units.iter().filter(|unit| kind(unit) == of).count();
        assert_eq!([IDR, SPS, PPS, SLICE].map(count), [3, 3, 3, 27]);
        Self { folder, units }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn convert(&self, stream: &[u8]) -> (Ended, PathBuf) {
        let [from, to] = ["from.h264", "to.mp4"].map(|name| self.file(name));
        fs::write(&from, stream).unwrap();
        let words = ["convert", "--json", "-F", "25"];
        let files = [&from, &to].map(|file| file.to_str().unwrap());
        (run(words.into_iter().chain(files)), to)
    }

    fn first(&self, of: u8) -> Vec<u8> {
        self.units
            .iter()
            .find(|unit| kind(unit) == of)
            .unwrap()
            .clone()
    }

    /// Asserts that pictures come through, each in its place, and so many as damaged.
    fn assert_frames(&self, stream: &[u8], places: &[u64], damaged: u64) -> PathBuf {
        let (ended, file) = self.convert(stream);
        let converted: Value = ended.json();
        assert_eq!(number(&converted, "frames"), places.len() as u64);
        assert_eq!(number(&converted, "damaged_frames"), damaged);
        if let Some(times) = times(&file) {
            let found: Vec<_> = times
                .iter()
                .map(|time| (time * 25.0).round() as u64)
                .collect();
            assert_eq!(found, places);
        }
        file
    }
}

fn all() -> Vec<u64> {
    (0..FRAMES).collect()
}

#[test]
fn parameter_sets_are_collected_wherever_they_come() {
    let place = Place::new();
    let (sps, pps) = (place.first(SPS), place.first(PPS));
    // With another number: pic_parameter_set_id 1 takes two bits more than 0.
    let mut unused = vec![pps[0]];
    unused.extend(bytes(&[&[0, 1, 0], &bits(&pps[1..])[1..]].concat()));
    let with = |each: &dyn Fn(&Vec<u8>) -> Vec<Vec<u8>>| {
        stream(&place.units.iter().flat_map(each).collect::<Vec<_>>())
    };

    // A second one that no picture needs.
    let two = with(&|unit| match kind(unit) {
        PPS => vec![unit.clone(), unused.clone()],
        _ => vec![unit.clone()],
    });
    let file = place.assert_frames(&two, &all(), 0);
    let header = fs::read(file).unwrap();
    for set in [&sps, &pps, &unused] {
        let found = header.windows(set.len()).any(|at| at == &**set);
        assert!(found, "{set:x?}");
    }

    // In front of every picture, and twice.
    let each = with(&|unit| vec![pps.clone(), unit.clone()]);
    place.assert_frames(&each, &all(), 0);
    let twice = with(&|unit| match kind(unit) {
        SPS => vec![sps.clone(), pps.clone(), sps.clone()],
        _ => vec![unit.clone()],
    });
    place.assert_frames(&twice, &all(), 0);

    // Once, in the middle of a group that is left out.
    let mut late: Vec<_> = place.units[3..]
        .iter()
        .filter(|unit| ![SPS, PPS].contains(&kind(unit)))
        .cloned()
        .collect();
    late.splice(0..0, [sps, pps]);
    let after = late.iter().position(|unit| kind(unit) == IDR).unwrap() - 2;
    let places: Vec<_> = (0..FRAMES - 1 - after as u64).collect();
    place.assert_frames(&stream(&late), &places, 0);
    let told = place.convert(&stream(&late)).0.json();
    assert_eq!(number(&told, "skipped_frames"), after as u64);
}

#[test]
fn start_codes_and_delimiters_make_no_pictures() {
    let place = Place::new();
    let mut mixed = Vec::new();
    for (number, unit) in place.units.iter().enumerate() {
        mixed.extend(match number % 2 {
            0 => &[0, 0, 1][..],
            _ => &[0, 0, 0, 1],
        });
        mixed.extend(unit);
    }
    place.assert_frames(&mixed, &all(), 0);
    let ends = [&stream(&place.units)[..], &[0, 0, 0, 1], &DELIMITER].concat();
    place.assert_frames(&ends, &all(), 0);
}

#[test]
fn an_unreadable_picture_costs_no_other() {
    let place = Place::new();
    let mut units = place.units.clone();
    let mut slices = units.iter_mut().filter(|unit| kind(unit) == SLICE);
    // Its header names a missing parameter set: 1, 3 and 31, as Exp-Golomb codes.
    let slice = slices.nth(5).unwrap();
    *slice = vec![slice[0], 0b1001_0000, 0b0100_0000, 0x88, 0x80];
    let places: Vec<_> = all().into_iter().filter(|place| *place != 6).collect();
    place.assert_frames(&stream(&units), &places, 1);
}

#[test]
fn another_size_ends_a_file_that_is_complete() {
    let place = Place::new();
    let both = [stream(&place.units), encoded(160, 120, 2)].concat();
    let (ended, file) = place.convert(&both);
    ended.assert_error(1, &["320x240", "160x120", "has the first 30"]);
    assert_plays(&file);
}

/// Asserts that there are all pictures in a file that is complete.
fn assert_plays(file: &Path) {
    let test = "another_size_ends_a_file_that_is_complete";
    if let Some(found) = support::probe(test, file) {
        assert_eq!(Some(found), support::h264(320, 240, "25/1", FRAMES));
    }
}

#[test]
fn damage_costs_one_group_though_sets_come_once() {
    let place = Place::new();
    let mut units = place.units.clone();
    let mut count = 0;
    units.retain(|unit| {
        count += 1;
        count <= 2 || ![SPS, PPS].contains(&kind(unit))
    });
    let mut slices = units.iter_mut().filter(|unit| kind(unit) == SLICE);
    slices.nth(4).unwrap().truncate(20);
    let [from, to] = ["from.h264", "to.y4m"].map(|name| place.file(name));
    fs::write(&from, stream(&units)).unwrap();
    let files = [&from, &to].map(|file| file.to_str().unwrap());
    let told = run(["convert", "--json"].iter().chain(&files)).json();
    let [good, bad] = ["frames", "damaged_frames"].map(|key| number(&told, key));
    // The decoder may hold one back, which is lost then.
    assert!(good + bad == FRAMES && (5..=6).contains(&bad), "{told}");
}

#[test]
fn a_profile_that_can_not_be_decoded_is_named() {
    let place = Place::new();
    // Of High profile, number 0, 4:2:0; made High 4:2:2.
    let sps = place.first(SPS);
    let mut behind = bits(&sps[4..]);
    assert_eq!((sps[1], &behind[..4]), (100, &[1, 0, 1, 0][..]));
    behind[3] = 1;
    let mut other = vec![sps[0], 122, 0, sps[3]];
    other.extend(bytes(&behind));
    let units = place.units.iter().map(|unit| match kind(unit) {
        SPS => other.clone(),
        _ => unit.clone(),
    });
    let units: Vec<_> = units.collect();
    let [from, to] = ["from.h264", "to.y4m"].map(|name| place.file(name));
    fs::write(&from, stream(&units)).unwrap();
    let files = [&from, &to].map(|file| file.to_str().unwrap());
    let ended = run(["convert"].iter().chain(&files));
    ended.assert_error(1, &["from.h264", "High 4:2:2 profile", "not supported"]);
    assert!(!to.exists());
}

#[test]
fn a_given_rate_replaces_a_missing_one() {
    let place = Place::new();
    let [from, to] = ["from.y4m", "to.mp4"].map(|name| place.file(name));
    let picture = [&b"FRAME\n"[..], &[128; 64 * 48 * 3 / 2]].concat();
    let pictures = [
        &b"YUV4MPEG2 W64 H48 F0:0 C420jpeg\n"[..],
        &picture,
        &picture,
    ]
    .concat();
    fs::write(&from, pictures).unwrap();
    for (words, rate) in [(&["-F", "25"][..], 25.0), (&[], 30.0)] {
        let files = [&from, &to].map(|file| file.to_str().unwrap());
        let told = run(["convert", "--json"].iter().chain(words).chain(&files)).json();
        assert_eq!(number(&told, "frames"), 2);
        assert_eq!(told["fps"].as_f64(), Some(rate));
    }
}

#[test]
fn parameter_sets_repeat_after_a_change() {
    let test = "parameter_sets_repeat_after_a_change";
    let folder = tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    for (encoder, parameters) in [
        // The same picture parameter sets behind other sequence parameter sets.
        ("libx265", ["ref=3", "ref=1:bframes=0:rc-lookahead=5"]),
        ("libx264", ["ref=4:bframes=2", "ref=1:bframes=0:cabac=0"]),
    ] {
        let extension = encoder.replace("libx", "h");
        let [one, other, all] = ["one", "other", "all"].map(|n| file(&format!("{n}.{extension}")));
        let encoded = |at: usize, to: &Path| encoded_by_ffmpeg(encoder, parameters[at], to);
        if !encoded(0, &one) || !encoded(1, &other) {
            videostream_testing::skip(test, &format!("needs ffmpeg with {encoder}"));
            continue;
        }
        // Back to those that the file began with.
        let parts = [&one, &other, &one].map(|file| fs::read(file).unwrap());
        fs::write(&all, parts.concat()).unwrap();
        let to = file("all.mp4");
        let files = [&all, &to].map(|file| file.to_str().unwrap());
        let converted = run(["convert", "--json"].into_iter().chain(files)).json();
        assert_eq!(number(&converted, "frames"), 150, "{encoder}");
        let found = support::probe(test, &to).unwrap();
        assert_eq!(found[4], "150", "{encoder}");
    }
}

#[test]
fn leading_pictures_without_references_are_fine() {
    let test = "leading_pictures_without_references_are_fine";
    if !support::has_h265(test) {
        return;
    }
    let folder = tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let open = "keyint=12:min-keyint=12:open-gop=1:bframes=3:scenecut=0:repeat-headers=1";
    if !encoded_by_ffmpeg("libx265", open, &file("whole.hevc")) {
        return videostream_testing::skip(test, "needs ffmpeg with libx265");
    }
    // From the second key frame on. Types of NAL units of H.265 (table 7-1): 32 VPS, 8 and 9 RASL.
    let all = units(&fs::read(file("whole.hevc")).unwrap());
    let kind = |unit: &Vec<u8>| unit[0] >> 1 & 0x3f;
    let begin = all.iter().rposition(|unit| kind(unit) == 32).unwrap();
    let before = all[..begin].iter().rposition(|unit| kind(unit) == 32);
    let cut = &all[before.unwrap()..];
    fs::write(file("cut.hevc"), stream(cut)).unwrap();
    let pictures = cut.iter().filter(|unit| kind(unit) < 32).count() as u64;
    let next = cut.iter().skip(1).position(|unit| kind(unit) == 32);
    let first = &cut[..=next.unwrap()];
    let leading = first.iter().filter(|unit| matches!(kind(unit), 8 | 9));
    let leading = leading.count() as u64;
    assert!(leading > 0);
    for (from, to, skipped) in [
        ("cut.hevc", "cut.y4m", leading),
        ("cut.hevc", "cut.mp4", leading),
        ("cut.mp4", "again.y4m", 0),
    ] {
        let files = [from, to].map(|name| file(name).display().to_string());
        let told = run(["convert".to_owned(), "--json".to_owned()]
            .into_iter()
            .chain(files))
        .json();
        assert_eq!(number(&told, "frames"), pictures - leading, "{to}");
        assert_eq!(number(&told, "skipped_frames"), skipped, "{to}");
        assert_eq!(number(&told, "damaged_frames"), 0, "{to}");
        assert_eq!(
            number(&told, "duration_ms"),
            (pictures - leading) * 40,
            "{to}"
        );
    }
}

#[test]
fn a_refresh_that_begins_a_stream_is_no_damage() {
    let folder = tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let refresh = "keyint=12:intra-refresh=1:bframes=0:scenecut=0:repeat-headers=1";
    if !encoded_by_ffmpeg("libx264", refresh, &file("whole.h264")) {
        let test = "a_refresh_that_begins_a_stream_is_no_damage";
        return videostream_testing::skip(test, "needs ffmpeg with libx264");
    }
    // From the second refresh on: 11 pictures are not whole.
    let all = units(&fs::read(file("whole.h264")).unwrap());
    let begin = all.iter().skip(1).position(|unit| kind(unit) == SPS);
    let cut = &all[begin.unwrap() + 1..];
    let convert = |units: &[Vec<u8>]| {
        fs::write(file("cut.h264"), stream(units)).unwrap();
        let files = ["cut.h264", "cut.y4m"].map(|name| file(name).display().to_string());
        let words = ["convert", "--json"].map(str::to_owned);
        run(words.into_iter().chain(files))
    };
    let told = convert(cut).json();
    let counts = ["frames", "skipped_frames", "damaged_frames"].map(|name| number(&told, name));
    assert_eq!(counts, [50 - 12 - 11, 11, 0]);
    let slices = cut.iter().scan(0, |slices, unit| {
        *slices += u64::from(kind(unit) == SLICE);
        Some(*slices)
    });
    let refreshing = slices.take_while(|slices| *slices <= 11).count();
    let ended = convert(&cut[..refreshing]);
    let says = "none of its 11 frames can be decoded: they need frames before the first";
    assert!(ended.stderr.contains(says), "{}", ended.stderr);
    // One that is lost in it is.
    let lost = cut.iter().position(|unit| kind(unit) == SLICE).unwrap() + 1;
    let told = convert(&[&cut[..lost], &cut[lost + 1..]].concat()).json();
    let damaged = number(&told, "damaged_frames");
    assert!(damaged > 0, "{told}");
}

#[test]
fn another_size_ends_raw_video_that_is_complete() {
    let place = Place::new();
    let both = [stream(&place.units), encoded(160, 120, 2)].concat();
    let [from, to] = ["from.h264", "to.y4m"].map(|name| place.file(name));
    fs::write(&from, both).unwrap();
    let files = [&from, &to].map(|file| file.to_str().unwrap());
    let ended = run(["convert"].into_iter().chain(files));
    ended.assert_error(1, &["from.h264", "320x240", "160x120", "has the first 30"]);
    assert_eq!(fs::metadata(&to).unwrap().len() / (320 * 240 * 3 / 2), 30);
}
