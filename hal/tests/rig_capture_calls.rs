//! What a frame costs in system calls.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere, and without
//! strace, every test says that it was skipped.

#![cfg(target_os = "linux")]

mod vivid;

use std::collections::BTreeMap;
use std::env;

use videostream_hal::format::FourCc;
use videostream_hal::v4l2::Fraction;
use videostream_hal::v4l2::camera::Wishes;
use videostream_testing::{on_the_rig, strace};
use vivid::{open, patience, small, start};

/// How the test calls itself under strace: with the number of frames to take.
const FRAMES: &str = "VIDEOSTREAM_TEST_FRAMES";
const NAME: &str = "a_frame_takes_two_requests_and_at_most_one_poll";

#[test]
fn a_frame_takes_two_requests_and_at_most_one_poll() {
    let Some(_turn) = on_the_rig(NAME) else {
        return;
    };
    if let Some(frames) = env::var_os(FRAMES) {
        let wishes = Wishes {
            interval: Some(Fraction::from_fps(120)),
            ..small(&[FourCc::YUYV])
        };
        let stream = start(open(), &wishes);
        for _ in 0..frames.to_str().unwrap().parse().unwrap() {
            drop(stream.next_frame(patience()).unwrap());
        }
        return;
    }
    if !strace::is_there(NAME) {
        return;
    }
    // What 1,000 frames more take is what the frames take, without start and end.
    let (few, many) = (calls(50), calls(1050));
    let mut more: BTreeMap<&str, i64> = BTreeMap::new();
    for (call, count) in &many {
        let count = count - few.get(call).unwrap_or(&0);
        if count != 0 {
            more.insert(call, count);
        }
    }
    println!("1000 frames: {more:?}");
    assert_eq!(more.remove("VIDIOC_DQBUF"), Some(1000));
    assert_eq!(more.remove("VIDIOC_QBUF"), Some(1000));
    assert!(more.remove("poll") <= Some(1000));
    // Without a clock that user space can read, the kernel is asked: for the deadline here, and for
    // what is left of it by the poll.
    assert!(more.remove("clock_gettime") <= Some(2000));
    // The test harness waits for its thread.
    assert!(more.remove("futex").is_none_or(|count| count.abs() <= 2));
    assert_eq!(more, BTreeMap::new());
}

/// How often each call is made for a number of frames; ioctls by the name of the request.
fn calls(frames: u32) -> BTreeMap<String, i64> {
    let trace = strace::trace(NAME, &[], (FRAMES, &frames.to_string()));
    let mut calls = BTreeMap::new();
    for (_, call) in strace::calls(&trace) {
        *calls.entry(call.to_owned()).or_default() += 1;
    }
    calls
}
