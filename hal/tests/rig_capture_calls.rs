//! What a frame costs in system calls.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere, and without
//! strace, every test says that it was skipped.

#![cfg(target_os = "linux")]

mod vivid;

use std::collections::BTreeMap;
use std::env;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use vivid::{on_the_rig, patience, stream};

/// How the test calls itself under strace: with the number of frames to take.
const FRAMES: &str = "VIDEOSTREAM_TEST_FRAMES";
const NAME: &str = "a_frame_takes_two_requests_and_at_most_one_poll";

#[test]
fn a_frame_takes_two_requests_and_at_most_one_poll() {
    let Some(_turn) = on_the_rig(NAME) else {
        return;
    };
    if let Some(frames) = env::var_os(FRAMES) {
        let stream = stream();
        for _ in 0..frames.to_str().unwrap().parse().unwrap() {
            drop(stream.next_frame(patience()).unwrap());
        }
        return;
    }
    let strace = Path::new("/usr/bin/strace");
    if !strace.exists() {
        let _ = writeln!(std::io::stderr(), "skipped: {NAME}: no strace");
        return;
    }
    // What 100 frames more take is what the frames take, without start and end.
    let (few, many) = (calls(strace, 50), calls(strace, 150));
    let mut more: BTreeMap<&str, i64> = BTreeMap::new();
    for (call, count) in &many {
        let count = count - few.get(call).unwrap_or(&0);
        if count != 0 {
            more.insert(call, count);
        }
    }
    println!("100 frames: {more:?}");
    assert_eq!(more.remove("VIDIOC_DQBUF"), Some(100));
    assert_eq!(more.remove("VIDIOC_QBUF"), Some(100));
    assert!(more.remove("poll") <= Some(100));
    // Without a clock that user space can read, deadlines ask the kernel.
    assert!(more.remove("clock_gettime") <= Some(100));
    // The test harness waits for its thread.
    assert!(more.remove("futex").is_none_or(|count| count.abs() <= 2));
    assert_eq!(more, BTreeMap::new());
}

/// How often each call is made for a number of frames; ioctls by the name of the request.
fn calls(strace: &Path, frames: u32) -> BTreeMap<String, i64> {
    let log = env::temp_dir().join(format!("calls-{}-{frames}", std::process::id()));
    let status = Command::new(strace)
        .args(["-f", "-qq", "-o"])
        .arg(&log)
        .arg(env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(FRAMES, frames.to_string())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::remove_file(&log).unwrap();
    let mut calls = BTreeMap::new();
    for line in text.lines().filter(|line| !line.contains("resumed>")) {
        let Some((_, call)) = line.split_once(' ') else {
            continue;
        };
        let name = call.trim_start().split('(').next().unwrap();
        let name = match name {
            "ioctl" => call.split(',').nth(1).unwrap().trim(),
            "ppoll" => "poll",
            name => name,
        };
        *calls.entry(name.to_owned()).or_default() += 1;
    }
    calls
}
