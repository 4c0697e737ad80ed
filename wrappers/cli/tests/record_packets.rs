//! Recording a host's packets unchanged in another process, under all circumstances.

mod support;

use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;

use support::{Process, h264, number, place, probe, run, share_pattern, start, times, wait_until};

/// Starts a host that shares packets; its only key frames are the first and requested ones.
fn host(socket: &str, codec: &str) -> Process {
    let words = ["--buffers", "16", "--encode", codec, "--gop", "0"];
    share_pattern(socket, &words)
}

fn recorder(socket: &str, words: &[&str], file: &Path) -> Process {
    let fixed = ["record", "--json", "--timeout", "60", "--ipc", socket];
    start(fixed.iter().chain(words).chain(&[file.to_str().unwrap()]))
}

/// Asserts that each frame of the summary is in the file, decodes, and is shown at its capture
/// time.
fn assert_plays(test: &str, file: &Path, recorded: &Value) {
    let frames = number(recorded, "frames");
    let Some(found) = probe(test, file) else {
        return;
    };
    assert_eq!(found[4], frames.to_string(), "{recorded}");
    let Some(times) = times(file).filter(|_| file.extension().is_some_and(|e| e == "mp4")) else {
        return;
    };
    // In frames of 20 a second.
    let times: Vec<_> = times.into_iter().map(|time| time * 20.0).collect();
    assert_eq!(times.len() as u64, frames, "{recorded}");
    assert_eq!(times[0], 0.0);
    // Each picture in its own place; another host has places of its own.
    let mut between = 0;
    for (one, next) in times.iter().zip(&times[1..]) {
        let step = next - one;
        assert!(step > 0.0, "{times:?}");
        between += u64::from((step - step.round()).abs() > 0.001);
    }
    assert!(between <= number(recorded, "restarts"), "{times:?}");
}

/// Waits until the file has grown so often. One of fragments grows by its header, and by a fragment
/// a second.
fn wait_for_growth(file: &Path, times: u32) {
    let len = || std::fs::metadata(file).map_or(0, |about| about.len());
    let (mut last, mut grown) = (len(), 0);
    wait_until(&format!("{} grows", file.display()), || {
        let len = len();
        grown += u32::from(len > last);
        last = len;
        grown >= times
    });
}

/// Waits until there is more than a fragment.
fn wait_for_fragments(file: &Path) {
    wait_for_growth(file, 3);
}

#[test]
fn a_late_joiner_records_from_a_key_frame() {
    let test = "a_late_joiner_records_from_a_key_frame";
    let (folder, socket) = place();
    let mut host = host(&socket, "h264");
    // The first key frame is long gone when the second one comes.
    for name in ["one.mp4", "two.mp4", "three.h264"] {
        let file = folder.path().join(name);
        let recorded = recorder(&socket, &["-f", "30"], &file).finish().json();
        assert_eq!(recorded["format"], "H264", "{recorded}");
        assert_eq!(recorded["encoder"], "none, packets of the host");
        assert_eq!(number(&recorded, "frames"), 30, "{recorded}");
        assert_plays(test, &file, &recorded);
        // Unless the pattern was late.
        let duration = number(&recorded, "duration_ms");
        assert!(duration >= 1500, "{recorded}");
        if duration == 1500
            && name.ends_with("mp4")
            && let Some(found) = probe(test, &file)
        {
            assert_eq!(Some(found), h264(320, 240, "20/1", 30));
        }
    }
    let short = folder.path().join("short.mp4");
    let recorded = recorder(&socket, &["-t", "0.5"], &short).finish().json();
    assert!(number(&recorded, "duration_ms") >= 500, "{recorded}");
    assert_plays(test, &short, &recorded);
    // Names that say something else.
    for name in ["x.h265", "x.y4m"] {
        let file = folder.path().join(name);
        recorder(&socket, &[], &file)
            .finish()
            .assert_error(2, &[name]);
    }
    assert!(host.is_running());
}

#[test]
fn recording_skips_from_lost_packet_to_key_frame() {
    let test = "recording_skips_from_lost_packet_to_key_frame";
    let (folder, socket) = place();
    let host = host(&socket, "h264");
    let file = folder.path().join("gap.mp4");
    let recording = recorder(&socket, &[], &file);
    wait_for_fragments(&file);
    recording.signal(Signal::STOP);
    // Until it has missed more than the ring holds, by the count of another client.
    let waited = run(["receive", "--every", "--no-verify", "-f", "40", &socket]);
    assert!(waited.status.success(), "{waited:?}");
    recording.signal(Signal::CONT);
    // What was in work before, and what came since.
    wait_for_growth(&file, 2);
    let recorded = recording.interrupt().json();
    let [lost, losses] = ["lost_packets", "losses"].map(|field| number(&recorded, field));
    assert!(lost >= 10 && losses >= 1, "{recorded}");
    assert!(lost >= number(&recorded, "dropped_frames"), "{recorded}");
    assert_plays(test, &file, &recorded);
    drop(host);
}

#[test]
fn what_was_recorded_before_the_host_was_killed_plays() {
    let test = "what_was_recorded_before_the_host_was_killed_plays";
    for name in ["killed.mp4", "killed.264"] {
        let (folder, socket) = place();
        let host = host(&socket, "h264");
        let file = folder.path().join(name);
        let recording = recorder(&socket, &[], &file);
        wait_for_fragments(&file);
        host.signal(Signal::KILL);
        let ended = recording.finish();
        ended.assert_error(5, &[&socket, "host"]);
        let recorded = ended.json_anyway();
        assert!(number(&recorded, "frames") > 0);
        assert_plays(test, &file, &recorded);
    }
}

#[test]
fn a_recording_survives_its_hosts_and_its_own_death() {
    let test = "a_recording_survives_its_hosts_and_its_own_death";
    let (folder, socket) = place();
    let first = host(&socket, "h264");
    let file = folder.path().join("restart.mp4");
    let recording = recorder(&socket, &["--reconnect"], &file);
    wait_for_fragments(&file);
    first.signal(Signal::KILL);
    first.finish();
    let second = host(&socket, "h264");
    // What was in work before, and what came since.
    wait_for_growth(&file, 2);
    let recorded = recording.interrupt().json();
    assert_eq!(number(&recorded, "restarts"), 1, "{recorded}");
    assert_plays(test, &file, &recorded);

    let file = folder.path().join("half.mp4");
    let recording = recorder(&socket, &[], &file);
    wait_for_fragments(&file);
    recording.signal(Signal::KILL);
    recording.finish();
    if let Some(found) = probe(test, &file) {
        assert_ne!(found[4], "0");
    }
    drop(second);
}

#[test]
fn h265_packets_are_recorded_with_libx265() {
    let test = "h265_packets_are_recorded_with_libx265";
    let (folder, socket) = place();
    let words = [
        "stream",
        "--pattern",
        "-r",
        "320x240",
        "-f",
        "1",
        "--encode",
        "h265",
        &socket,
    ];
    let tried = run(words);
    if tried.status.code() == Some(4) {
        tried.assert_error(4, &["libx265-199"]);
        videostream_testing::skip(test, tried.stderr.trim());
        return;
    }
    let host = host(&socket, "h265");
    for name in ["clip.mp4", "clip.h265"] {
        let file = folder.path().join(name);
        let recorded = recorder(&socket, &["-f", "30"], &file).finish().json();
        assert_eq!(number(&recorded, "frames"), 30, "{recorded}");
        assert_plays(test, &file, &recorded);
    }
    drop(host);
}
