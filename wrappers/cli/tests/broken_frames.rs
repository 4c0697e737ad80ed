//! Sources with truncated, empty or damaged frames, and JPEG cameras.

mod source;
mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::tempdir;
use videostream::hal::format::FourCc;

use source::{Shared, share};
use support::{number, place, probe, run, times};

/// When a source's first frame is taken.
const START: u64 = 50_000_000_000;
/// From one frame to the next, in nanoseconds.
const STEP: u64 = 40_000_000;

/// An image of the pattern of 320x240, as a file.
fn image() -> Vec<u8> {
    let folder = tempdir().unwrap();
    let path = folder.path().join("x.jpg");
    let path = path.to_str().unwrap();
    let made = run(["snapshot", "--pattern", "-r", "320x240", path]);
    assert!(made.status.success(), "{made:?}");
    fs::read(path).unwrap()
}

/// Frames of JPEG, one every 40 ms.
fn jpegs<'a>(images: impl IntoIterator<Item = &'a [u8]>) -> Vec<Shared> {
    let images = images.into_iter().zip(0..);
    images
        .map(|(bytes, n)| Shared::new(FourCc::MJPG, bytes, START + n * STEP))
        .collect()
}

fn snapshot(frames: &[Shared], timeout: &str, path: &Path) -> support::Ended {
    let (_folder, socket) = place();
    let words = ["snapshot", "--json", "--timeout", timeout, "--ipc", &socket];
    let words = words.into_iter().chain([path.to_str().unwrap()]);
    share(&socket, frames, || run(words))
}

fn record(frames: &[Shared], words: &[&str], path: &Path) -> Value {
    let (_folder, socket) = place();
    let fixed = ["record", "--json", "--timeout", "60", "--ipc", &socket];
    let words = fixed.iter().chain(words).copied();
    let words: Vec<_> = words.chain([path.to_str().unwrap()]).collect();
    share(&socket, frames, || run(words)).json()
}

/// Asserts that frames 1 to 19 are shown 40 ms apart, but for one that is left out.
fn assert_times(path: &Path, left_out: u32) {
    let times = times(path).unwrap();
    let expected = (1..20_u32)
        .filter(|n| *n != left_out)
        .map(|n| f64::from(n - 1) * 0.04);
    let far = times
        .iter()
        .zip(expected)
        .filter(|(a, b)| (*a - b).abs() > 0.001);
    assert_eq!((times.len(), far.count()), (18, 0), "{times:?}");
}

#[test]
fn a_snapshot_is_of_the_next_whole_frame() {
    let folder = tempdir().unwrap();
    let whole = image();
    let cut = &whole[..whole.len() / 3];
    let no_end = &whole[..whole.len() - 2];
    let middle = whole.len() / 2;
    let no_middle = [&whole[..middle], &whole[middle + middle / 5..]].concat();
    let broken = [cut, &[][..], no_end, &no_middle, &b"no image"[..], &whole];
    let mut frames = jpegs(broken.into_iter().chain([&*whole]));
    frames[5] = frames[5].clone().damaged();
    for name in ["x.jpg", "x.png"] {
        let path = folder.path().join(name);
        let saved = snapshot(&frames, "60", &path).json();
        assert_eq!(number(&saved, "sequence"), 6, "{saved}");
    }
    assert!(fs::read(folder.path().join("x.jpg")).unwrap() == whole);
    let grey: Vec<_> = (0..3).map(|n| Shared::grey(START + n * STEP)).collect();
    let grey = [grey[0].clone().damaged(), grey[1].clone()];
    let saved = snapshot(&grey, "60", &folder.path().join("grey.png")).json();
    assert_eq!(number(&saved, "sequence"), 1, "{saved}");
}

#[test]
fn without_a_whole_frame_there_is_no_snapshot() {
    let folder = tempdir().unwrap();
    let whole = image();
    let path = folder.path().join("x.png");
    let ended = snapshot(&jpegs([&whole[..99], &whole[..999]]), "1", &path);
    ended.assert_error(6, &["no intact frame among 2", "waited 1 s", "EOI", "999"]);
    let damaged = [Shared::grey(START).damaged()];
    let ended = snapshot(&damaged, "1", &path);
    ended.assert_error(6, &["no intact frame among 1", "damaged"]);
    assert!(!path.exists());
}

#[test]
fn a_recording_skips_and_counts_damaged_frames() {
    let test = "a_recording_skips_and_counts_damaged_frames";
    let folder = tempdir().unwrap();
    let path = folder.path().join("x.mp4");
    let frames: Vec<_> = (0..20)
        .map(|n| {
            let frame = Shared::grey(START + n * STEP);
            match n {
                0 | 7 => frame.damaged(),
                _ => frame,
            }
        })
        .collect();
    let recorded = record(&frames, &["-f", "18"], &path);
    assert_eq!(number(&recorded, "frames"), 18, "{recorded}");
    assert_eq!(number(&recorded, "broken_frames"), 2, "{recorded}");
    assert_eq!(number(&recorded, "estimated_times"), 0, "{recorded}");
    if probe(test, &path).is_some() {
        assert_times(&path, 7);
    }
    let (_folder, socket) = place();
    let words = ["receive", "--every", "--json", "-f", "10", &socket];
    let received = share(&socket, &frames, || run(words)).json();
    let damaged = number(&received, "damaged_frames");
    // A new client begins with the newest frame.
    assert!((1..=2).contains(&damaged), "{received}");
}

#[test]
fn frames_of_jpeg_are_encoded_or_kept_as_they_are() {
    let test = "frames_of_jpeg_are_encoded_or_kept_as_they_are";
    let folder = tempdir().unwrap();
    let whole = image();
    let mut images = vec![&whole[..]; 20];
    images[0] = &whole[..700];
    images[5] = &[];
    let frames = jpegs(images);
    for (name, words, codec, encoder) in [
        ("encoded.mp4", &["-f", "18"][..], "h264", "H.264"),
        (
            "kept.mp4",
            &["-f", "18", "--codec", "mjpeg"],
            "mjpeg",
            "JPEG",
        ),
        ("kept.mjpeg", &["-f", "18"], "mjpeg", "JPEG"),
        ("raw.y4m", &["-f", "18"], "rawvideo", "raw"),
    ] {
        let path = folder.path().join(name);
        let recorded = record(&frames, words, &path);
        assert_eq!(recorded["format"], "MJPG");
        assert!(recorded["encoder"].as_str().unwrap().contains(encoder));
        assert_eq!(number(&recorded, "frames"), 18, "{recorded}");
        assert_eq!(number(&recorded, "broken_frames"), 2, "{recorded}");
        let Some(found) = probe(test, &path) else {
            return;
        };
        assert_eq!((&*found[0], &*found[1], &*found[2]), (codec, "320", "240"));
        assert_eq!(found[4], "18", "{name}: {found:?}");
        if name.ends_with("mp4") {
            assert_times(&path, 5);
        }
    }
    let kept = fs::read(folder.path().join("kept.mjpeg")).unwrap();
    assert!(kept == whole.repeat(18));
}

#[test]
fn only_jpeg_is_kept_as_jpeg() {
    let folder = tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let pattern = ["record", "--pattern", "-r", "320x240", "-f", "2"];
    for (words, says) in [
        (vec![file("x.mjpeg")], "NV12"),
        (
            vec!["--codec".into(), "mjpeg".into(), file("x.mp4")],
            "NV12",
        ),
        (
            vec!["--codec".into(), "mjpeg".into(), file("x.h264")],
            "H.264",
        ),
        (
            vec!["--codec".into(), "h264".into(), file("x.mjpeg")],
            "Motion-JPEG",
        ),
    ] {
        let ended = run(pattern.map(str::to_owned).into_iter().chain(words));
        ended.assert_error(2, &[says]);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
