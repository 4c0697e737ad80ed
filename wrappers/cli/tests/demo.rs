//! The demo: its files and numbers, and no leftovers.

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::tempdir;
use videostream::hal::format::{FourCc, Layout};
use videostream::{Picture, pattern};

use support::{Process, h264, number, probe, processes_with, start, times, wait_until};

/// A demo in `folder`, and the name of its socket.
fn demo(folder: &Path, words: &[&str]) -> (Process, String) {
    let fixed = ["demo", "--pattern", "--json", "--output-dir"];
    let folder = folder.to_str().unwrap();
    let process = start(fixed.iter().chain(&[folder]).chain(words));
    let socket = format!("videostream-demo-{}", process.id());
    (process, socket)
}

/// Returns whether a socket of this abstract name exists.
fn socket_is_open(name: &str) -> bool {
    let sockets = fs::read_to_string("/proc/net/unix").unwrap();
    let name = format!("@{name}");
    sockets.lines().any(|line| line.ends_with(&name))
}

fn assert_nothing_is_left(socket: &str) {
    assert_eq!(processes_with(socket), [] as [u32; 0]);
    assert!(!socket_is_open(socket));
}

/// Asserts that a film plays, each of its pictures in its own place of 30 a second.
fn assert_film(test: &str, file: &Path, frames: Option<u64>) {
    let (Some(mut found), Some(times)) = (probe(test, file), times(file)) else {
        return;
    };
    let steps = times.windows(2).map(|pair| (pair[1] - pair[0]) * 30.0);
    let steps: Vec<_> = steps.collect();
    let fits = |step: &f64| *step > 0.5 && (step - step.round()).abs() < 0.01;
    assert!(steps.iter().all(fits), "{times:?}");
    // Of a few, and where a machine was too slow for some, ffprobe can't tell the rate.
    if steps.len() < 10 || steps.iter().any(|step| *step > 1.5) {
        "30/1".clone_into(&mut found[3]);
    }
    assert_ne!(times.len(), 0);
    let frames = frames.unwrap_or(times.len() as u64);
    assert_eq!(Some(found), h264(1280, 720, "30/1", frames));
}

#[test]
fn a_demo_records_as_many_frames_as_it_says() {
    let test = "a_demo_records_as_many_frames_as_it_says";
    let folder = tempdir().unwrap();
    let (process, socket) = demo(folder.path(), &["--seconds", "2"]);
    let summary = process.finish().json();
    assert_nothing_is_left(&socket);
    assert_eq!(summary["interrupted"], false);
    let checker = &summary["checker"];
    let frames = number(checker, "frames_processed");
    assert!(frames > 0);
    assert_eq!(number(checker, "verified_frames"), frames);
    assert_eq!(number(checker, "corrupt_frames"), 0);
    support::assert_accounts(checker);
    assert!(number(&summary["host"], "frames_processed") >= frames);

    if summary["encoder"].is_null() {
        videostream_testing::skip(test, "this build has no encoder");
        return;
    }
    assert_eq!(summary["files"].as_array().unwrap().len(), 2);
    let picture = fs::read(folder.path().join("demo.png")).unwrap();
    assert!(picture.starts_with(b"\x89PNG"));
    let recorded = number(&summary["recorder"], "frames");
    assert_film(test, &folder.path().join("demo.mp4"), Some(recorded));
}

/// Returns the numbers coded in a file's pictures as decoded by ffmpeg; `None` without ffmpeg.
fn numbers(file: &Path, (width, height): (u32, u32)) -> Option<Vec<u64>> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i", file.to_str().unwrap()])
        .args(["-fps_mode", "passthrough", "-f", "rawvideo"])
        .args(["-pix_fmt", "nv12", "-"])
        .stdin(Stdio::null())
        .output();
    let output = output.ok()?;
    assert!(output.status.success(), "{output:?}");
    let layout = Layout::new(FourCc::NV12, width, height).unwrap();
    let pictures = output.stdout.chunks(layout.size as usize);
    let number = |bytes| pattern::read_number(&Picture::new(bytes, &layout).unwrap()).unwrap();
    Some(pictures.map(number).collect())
}

#[test]
fn a_demo_of_so_many_frames_has_so_many() {
    let test = "a_demo_of_so_many_frames_has_so_many";
    let folder = tempdir().unwrap();
    let (process, _) = demo(folder.path(), &["--frames", "20", "--size", "320x240"]);
    let summary = process.finish().json();
    assert_eq!(number(&summary["checker"], "frames_processed"), 20);
    if !summary["encoder"].is_null() {
        assert_eq!(number(&summary["recorder"], "frames"), 20);
        // Both files show the pattern, and the film each of its pictures once.
        let file = |name| numbers(&folder.path().join(name), (320, 240));
        let Some(film) = file("demo.mp4") else {
            return videostream_testing::skip(test, "needs ffmpeg");
        };
        assert_eq!(film.len(), 20);
        assert!(film.is_sorted_by(|a, b| a < b), "{film:?}");
        assert_eq!(file("demo.png").unwrap().len(), 1);
    }
}

#[test]
fn ctrl_c_leaves_only_complete_files() {
    let test = "ctrl_c_leaves_only_complete_files";
    for milliseconds in [0, 30, 100, 300, 1_000] {
        let folder = tempdir().unwrap();
        let (mut process, socket) = demo(folder.path(), &["--seconds", "60"]);
        process.wait_for_signals();
        sleep(Duration::from_millis(milliseconds));
        let ended = process.interrupt();
        let summary = ended.json();
        assert_nothing_is_left(&socket);
        assert_eq!(summary["interrupted"], true);
        let file = folder.path().join("demo.mp4");
        let frames = summary["recorder"]["frames"].as_u64().unwrap_or(0);
        if frames > 0 {
            assert_film(test, &file, Some(frames));
        }
    }
}

#[test]
fn a_killed_demo_leaves_no_process_and_a_complete_recording() {
    let test = "a_killed_demo_leaves_no_process_and_a_complete_recording";
    let folder = tempdir().unwrap();
    let (process, socket) = demo(folder.path(), &["--seconds", "60"]);
    let file = folder.path().join("demo.mp4");
    wait_until("the host works", || socket_is_open(&socket));
    let encodes = cfg!(feature = "software");
    // The first fragment is complete after a second.
    wait_until("something is recorded", || {
        !encodes || fs::metadata(&file).is_ok_and(|about| about.len() > 10_000)
    });
    process.signal(Signal::KILL);
    process.finish();
    wait_until("the others have ended", || {
        processes_with(&socket).is_empty()
    });
    assert_nothing_is_left(&socket);
    if encodes {
        assert_film(test, &file, None);
    }
}
