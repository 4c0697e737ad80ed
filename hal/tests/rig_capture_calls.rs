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
use videostream_hal::v4l2::camera::CaptureRequest;
use videostream_testing::{on_the_rig, strace};
use vivid::{open, patience, small, start};

/// Set where the test calls itself under strace.
const CHILD: &str = "VIDEOSTREAM_TEST_CHILD";
const NAME: &str = "a_frame_takes_two_requests_and_at_most_one_poll";
/// Frames before those that are counted: what is done once is done by then.
const BEFORE: usize = 50;
/// Fewer where each call of a traced program is emulated twice over.
const FRAMES: usize = if cfg!(target_arch = "x86_64") {
    1000
} else {
    200
};

#[test]
fn a_frame_takes_two_requests_and_at_most_one_poll() {
    let Some(_turn) = on_the_rig(NAME) else {
        return;
    };
    if env::var_os(CHILD).is_some() {
        let request = CaptureRequest {
            interval: Some(Fraction::from_fps(120)),
            ..small(&[FourCc::YUYV])
        };
        let stream = start(open(), &request);
        for _ in 0..BEFORE + FRAMES {
            drop(stream.next_frame(patience()).unwrap());
        }
        return;
    }
    if !strace::is_there(NAME) {
        return;
    }
    let mut calls = calls_of_frames(&strace::trace(NAME, &["-e", "signal=none"], (CHILD, "1")));
    println!("{FRAMES} frames: {calls:?}");
    assert_eq!(calls.remove("VIDIOC_DQBUF"), Some(FRAMES));
    assert_eq!(calls.remove("VIDIOC_QBUF"), Some(FRAMES));
    assert!(calls.remove("poll") <= Some(FRAMES));
    // Without a clock that user space can read, the kernel is asked: for the deadline here, and for
    // what is left of it by the poll.
    assert!(calls.remove("clock_gettime") <= Some(2 * FRAMES));
    assert_eq!(calls, BTreeMap::new());
}

/// How often the thread that takes frames makes each call behind the first of them, up to and with
/// the last one; ioctls by the name of the request. Start, end and other threads are not counted.
fn calls_of_frames(trace: &str) -> BTreeMap<String, usize> {
    let (taker, _) = strace::calls(trace)
        .find(|&(_, call)| call == "VIDIOC_DQBUF")
        .expect("frames are taken");
    let (mut taken, mut calls) = (0, BTreeMap::new());
    for (_, call) in strace::calls(trace).filter(|&(thread, _)| thread == taker) {
        if (BEFORE..BEFORE + FRAMES).contains(&taken) {
            *calls.entry(call.to_owned()).or_default() += 1;
        }
        taken += usize::from(call == "VIDIOC_DQBUF");
    }
    calls
}
