//! Existing files with the name of a recording: when they are replaced.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use videostream::encode::{Codec, EncoderConfig};
use videostream::hal::format::{FourCc, Layout};
use videostream::record::{Recorder, Track};

use crate::media::{decode, encode_pattern, fps, has_ffmpeg};

const BEFORE: &[u8] = b"another recording";

/// A folder with a file of another recording.
fn place(name: &str) -> (TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, BEFORE).unwrap();
    (folder, path)
}

fn is_former(path: &Path) -> bool {
    fs::read(path).unwrap() == BEFORE
}

/// Files in the folder of a file, but for itself.
fn others(path: &Path) -> usize {
    fs::read_dir(path.parent().unwrap()).unwrap().count() - 1
}

/// Records 40 frames with a key frame every 15, and lets `check` see each state.
fn record(path: &Path, whole: bool, check: impl Fn(&Recorder)) -> Recorder {
    let layout = Layout::new(FourCc::NV12, 160, 120).unwrap();
    let config = EncoderConfig::new(Codec::H264, FourCc::NV12, 160, 120, fps(30)).gop(15);
    let mut recorder = Recorder::create(path, &Track::from(&config).whole(whole)).unwrap();
    check(&recorder);
    encode_pattern(
        &config,
        &layout,
        fps(30),
        40,
        |_, _| (),
        |packet| {
            recorder.write(packet).unwrap();
            check(&recorder);
        },
    );
    recorder
}

#[test]
fn a_former_file_stays_until_the_new_one_plays() {
    let test = "a_former_file_stays_until_the_new_one_plays";
    let plays = has_ffmpeg(test);
    for name in ["x.mp4", "x.h264"] {
        let (_folder, path) = place(name);
        let recorder = record(&path, false, |recorder| {
            assert_eq!(is_former(&path), recorder.recorded().frames == 0);
        });
        let frames = recorder.recorded().frames;
        assert!(frames >= 15 && others(&path) == 0);
        // As a process that is killed leaves it.
        std::mem::forget(recorder);
        if plays {
            assert_eq!(decode(&path, 160, 120).len() as u64, frames);
        }
    }
}

#[test]
fn a_former_file_stays_until_the_new_one_is_whole() {
    for name in ["x.mp4", "x.h264"] {
        let (_folder, path) = place(name);
        let check = |_: &Recorder| assert!(is_former(&path) && others(&path) == 1);
        drop(record(&path, true, check));
        assert!(is_former(&path) && others(&path) == 0);
        let recorded = record(&path, true, check).finish().unwrap();
        assert_eq!(recorded.frames, 40);
        assert_eq!(fs::metadata(&path).unwrap().len(), recorded.bytes);
        assert_eq!(others(&path), 0);
    }
}

#[test]
fn a_recording_without_a_frame_takes_no_name() {
    for name in ["x.mp4", "x.h264"] {
        let (_folder, path) = place(name);
        let track = Track::new(Codec::H264, 160, 120, fps(30));
        Recorder::create(&path, &track).unwrap().finish().unwrap();
        drop(Recorder::create(&path, &track).unwrap());
        assert!(is_former(&path) && others(&path) == 0);
    }
}
