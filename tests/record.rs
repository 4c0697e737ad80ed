//! Recordings: what other programs read, and what is left after a cut or a full disk.

mod media;

use std::fs;
use std::path::Path;

use videostream::encode::{Codec, Packet};
use videostream::record::{self, RecordError, Recorded, Recorder, Track};

use media::fps;

fn track() -> Track {
    Track::new(Codec::H264, 320, 240, fps(30))
}

#[test]
fn names_that_say_no_format_are_refused_with_those_that_do() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["x.avi", "x", "x.mp4.part", ".mp4"] {
        let error = Recorder::create(folder.path().join(name), &track()).unwrap_err();
        assert!(
            matches!(error, RecordError::Extension { .. }),
            "{name}: {error}"
        );
        let text = error.to_string();
        assert!(
            text.contains(name) && text.contains(".mp4") && text.contains(".h264"),
            "{text}"
        );
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let error = Recorder::create("/nonexistent/x.h264", &track()).unwrap_err();
    assert!(matches!(error, RecordError::Create { .. }));
    assert!(error.to_string().contains("/nonexistent/x.h264"), "{error}");
}

#[test]
fn recording_begins_with_a_key_frame() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.264");
    let slice = [0, 0, 0, 1, 0x41, 1];
    let key = [
        0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68, 1, 0, 0, 0, 1, 0x65, 1,
    ];
    let mut recorder = Recorder::create(&path, &track()).unwrap();
    for (number, bytes) in [&slice[..], &slice, &key, &slice].into_iter().enumerate() {
        let pts = fps(30).time_ns(number as u64);
        recorder
            .write(&Packet::new(Codec::H264, bytes, pts, pts))
            .unwrap();
    }
    let recorded = recorder.finish().unwrap();
    assert_eq!((recorded.frames, recorded.skipped), (2, 2));
    assert_eq!(fs::read(&path).unwrap(), [&key[..], &slice].concat());
    assert_eq!(recorded.duration_ns, 66_666_666);
}

#[test]
fn a_recording_without_a_packet_ends_without_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["x.h264", "x.mp4"].into_iter();
    for name in names.filter(|name| cfg!(feature = "record") || !name.ends_with("mp4")) {
        let recorder = Recorder::create(folder.path().join(name), &track()).unwrap();
        assert_eq!(recorder.finish().unwrap(), Recorded::default(), "{name}");
    }
}

#[test]
fn the_name_of_another_codec_is_refused_with_the_codec() {
    let error = record::check_path("clip.hevc", Codec::H264).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("clip.hevc") && text.contains("H.265"),
        "{text}"
    );
    let error = record::check_path("clip.avi", Codec::H264).unwrap_err();
    assert!(error.to_string().contains(".265"), "{error}");
}

#[test]
fn a_full_disk_names_the_file_and_ends_the_recording() {
    let folder = tempfile::tempdir().unwrap();
    let key = [
        0, 0, 0, 1, 0x67, 1, 2, 3, 4, 0, 0, 0, 1, 0x68, 1, 0, 0, 0, 1, 0x65, 1,
    ];
    let packet = Packet::new(Codec::H264, &key, 0, 0);
    let mut names = vec!["full.h264"];
    if cfg!(feature = "record") {
        names.push("full.mp4");
    }
    for name in names {
        let path = folder.path().join(name);
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let mut recorder = Recorder::create(&path, &track()).unwrap();
        let error = recorder.write(&packet).unwrap_err();
        assert!(matches!(error, RecordError::Write { .. }), "{error}");
        let text = error.to_string();
        assert!(
            text.contains(name) && text.contains("No space left"),
            "{text}"
        );
        let error = recorder.write(&packet).unwrap_err();
        assert!(matches!(error, RecordError::Ended { .. }), "{error}");
        assert!(matches!(recorder.finish(), Err(RecordError::Ended { .. })));
    }
}

#[cfg(not(all(feature = "software", feature = "record")))]
#[test]
fn recordings_of_the_encoder() {
    println!(
        "skipped: recordings of the encoder: built without the features `software` and `record`"
    );
    if cfg!(not(feature = "record")) {
        let error = Recorder::create(Path::new("x.mp4"), &track()).unwrap_err();
        assert!(error.to_string().contains("feature `record`"), "{error}");
    }
}

#[cfg(all(feature = "software", feature = "record"))]
mod encoded {
    use videostream::FrameRate;
    use videostream::encode::{Encoder, EncoderConfig};
    use videostream::hal::format::{FourCc, Layout};

    use super::*;
    use crate::media::{decode, encode_pattern, has_ffmpeg, numbers, packets, probe};

    /// `frames` pattern frames with a key frame every 15.
    fn record(path: &Path, size: (u32, u32), rate: FrameRate, frames: u64) -> Recorder {
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
    fn other_programs_read_size_rate_frames_and_key_frames() {
        if !has_ffmpeg("other_programs_read_size_rate_frames_and_key_frames") {
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

    fn word(bytes: &[u8], at: usize) -> usize {
        u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
    }

    /// Where each fragment begins and ends, and the frames up to its end, by the boxes' own headers.
    fn fragments(bytes: &[u8], first: usize) -> Vec<(usize, usize, u64)> {
        let (mut at, mut frames, mut all) = (first, 0, Vec::new());
        while at < bytes.len() {
            let moof = &bytes[at..at + word(bytes, at)];
            assert_eq!(&moof[4..8], b"moof");
            let trun = moof.windows(4).position(|name| name == b"trun").unwrap();
            frames += word(moof, trun + 8) as u64;
            let end = at + moof.len() + word(bytes, at + moof.len());
            all.push((at, end, frames));
            at = end;
        }
        all
    }

    /// `count` places from `from` on, always the same ones.
    fn places(count: usize, from: usize, to: usize) -> Vec<usize> {
        let mut state = 12345_u64;
        let next = |_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            from + (state >> 33) as usize % (to - from)
        };
        (0..count).map(next).collect()
    }

    /// Lets two threads, which see a folder of their own, check half of the places each.
    fn in_shards(places: &[usize], check: impl Fn(&Path, usize) + Sync) {
        std::thread::scope(|scope| {
            for shard in places.chunks(places.len().div_ceil(2)) {
                let check = &check;
                scope.spawn(move || {
                    let folder = tempfile::tempdir().unwrap();
                    shard.iter().for_each(|&len| check(folder.path(), len));
                });
            }
        });
    }

    #[test]
    fn a_recording_that_stops_at_any_byte_plays_all_complete_fragments() {
        if !has_ffmpeg("a_recording_that_stops_at_any_byte_plays_all_complete_fragments") {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("growing.mp4");
        let recorder = record(&path, (160, 120), fps(30), 135);
        let whole = fs::read(&path).unwrap();
        assert_eq!(recorder.recorded().frames, 120);
        let header = whole.windows(4).position(|name| name == b"moof").unwrap() - 4;
        let fragments = fragments(&whole, header);
        assert_eq!(fragments.last().unwrap().2, 120);
        in_shards(&places(100, header, whole.len()), |folder, len| {
            let complete = fragments.iter().rev().find(|(_, end, _)| *end <= len);
            let frames = complete.map_or(0, |(_, _, frames)| *frames);
            // As the file is before its last piece is there: the type of that is still `free`.
            let mut part = whole[..len].to_vec();
            let (begin, ..) = fragments.iter().find(|(_, end, _)| *end > len).unwrap();
            for (byte, free) in part.iter_mut().skip(begin + 4).zip(b"free") {
                *byte = *free;
            }
            let cut = folder.join("cut.mp4");
            fs::write(&cut, &part).unwrap();
            if frames > 0 {
                let numbers = numbers(&decode(&cut, 160, 120), 160, 120);
                assert_eq!(numbers, (0..frames).collect::<Vec<_>>(), "byte {len}");
            }
        });
    }

    #[test]
    fn a_finished_recording_that_is_cut_at_any_byte_plays_what_is_there() {
        if !has_ffmpeg("a_finished_recording_that_is_cut_at_any_byte_plays_what_is_there") {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("whole.mp4");
        record(&path, (160, 120), fps(30), 135).finish().unwrap();
        let whole = fs::read(&path).unwrap();
        let header = whole.windows(4).position(|name| name == b"moof").unwrap() - 4;
        let fragments = fragments(&whole, header);
        assert_eq!(fragments.last().unwrap().2, 135);
        let mut places = places(200, header, whole.len());
        // And in every `moof`, which is little of the file and where others give up.
        places.extend(fragments.iter().map(|(begin, ..)| begin + 60));
        in_shards(&places, |folder, len| {
            let complete = fragments.iter().rev().find(|(_, end, _)| *end <= len);
            let frames = complete.map_or(0, |(_, _, frames)| *frames);
            let cut = folder.join("cut.mp4");
            fs::write(&cut, &whole[..len]).unwrap();
            if frames > 0 {
                // Complete pictures of the last fragment are there besides, and a part of one.
                let decoded = decode(&cut, 160, 120);
                let decoded = &decoded[..frames as usize];
                let numbers = numbers(decoded, 160, 120);
                assert_eq!(numbers, (0..frames).collect::<Vec<_>>(), "byte {len}");
            }
        });
    }

    #[test]
    fn a_recorder_that_is_dropped_or_killed_leaves_a_playable_file() {
        if !has_ffmpeg("a_recorder_that_is_dropped_or_killed_leaves_a_playable_file") {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dropped.mp4");
        drop(record(&path, (160, 120), fps(30), 40));
        assert_eq!(decode(&path, 160, 120).len(), 40);
        let path = folder.path().join("killed.mp4");
        let recorder = record(&path, (160, 120), fps(30), 40);
        let recorded = recorder.recorded();
        assert_eq!(recorded.frames + recorder.waiting(), 40);
        std::mem::forget(recorder);
        assert_eq!(decode(&path, 160, 120).len() as u64, recorded.frames);
        assert!(recorded.frames >= 15);
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
    fn gaps_and_clocks_that_stand_still_keep_times_growing() {
        if !has_ffmpeg("gaps_and_clocks_that_stand_still_keep_times_growing") {
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
    fn other_parameter_sets_do_not_get_into_the_file() {
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
                let RecordError::ParameterSetsChanged { recorded } = error else {
                    panic!("{error}");
                };
                assert_eq!(recorded.frames, 5);
            },
        );
        assert_eq!(recorder.finish().unwrap().frames, 5);
    }
}
