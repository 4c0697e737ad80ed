//! System calls per shared frame, from the camera's driver to a sleeping client.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere, and without
//! strace, it says that it was skipped. Only on x86_64: under emulation strace itself gets in the
//! way.
//!
//! rig: arch=x86_64

#![cfg(target_os = "linux")]

mod vivid;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use videostream::hal::time::deadline_in;
use videostream::{Camera, CameraSource, Client, Host, Mode, Stream};
use videostream_testing::{TIMEOUT, on_the_rig, strace};
use vivid::traced;

const NAME: &str = "a_shared_frame_takes_two_requests_a_poll_and_a_wake";
/// Paths that there are not, asked for before the frames that count and after them.
const MARKS: [&str; 2] = ["/frames-begin", "/frames-end"];
const FRAMES: u64 = 100;
const BUFFERS: u32 = 8;

#[test]
fn a_shared_frame_takes_two_requests_a_poll_and_a_wake() {
    let Some(_turn) = on_the_rig(NAME) else {
        return;
    };
    let Some(trace) = traced(NAME, &["-e", "signal=none"], share) else {
        return;
    };
    let mut calls = calls(&trace);
    println!("{FRAMES} frames: {calls:?}");
    let mut take = |call| calls.remove(call).unwrap_or(0);
    assert_eq!(take("VIDIOC_DQBUF"), FRAMES);
    // Buffers that are out at one mark and not at the other come back in other numbers.
    assert!(take("VIDIOC_QBUF").abs_diff(FRAMES) <= u64::from(BUFFERS));
    // One for each frame, and a few for deadlines.
    assert!(take("poll") <= FRAMES + 10);
    assert!(take("futex") + take("sendto") <= FRAMES + 10);
    // Without a clock that user space can read, deadlines ask the kernel.
    take("clock_gettime");
    assert_eq!(calls, BTreeMap::new());
}

/// Shares frames of the virtual camera with a thread that sleeps between them.
fn share(path: &str) {
    let camera = Camera::open(path).unwrap();
    let camera = camera.size(640, 360).fps(30).buffers(BUFFERS);
    let source = CameraSource::new(camera.start().unwrap());
    let name = format!("videostream-calls-{}", std::process::id());
    let mut stream = Stream::new(Host::builder(&name), source).unwrap();
    let reads = Arc::new(AtomicBool::new(false));
    let client = std::thread::spawn({
        let reads = Arc::clone(&reads);
        move || {
            let client = Client::builder(&name).mode(Mode::Every);
            let mut client = client.connect_timeout(TIMEOUT).connect().unwrap();
            let mut last = None;
            // Until the host says goodbye.
            while let Ok(frame) = client.next(TIMEOUT) {
                assert!(last < Some(frame.sequence()));
                last = Some(frame.sequence());
                reads.store(true, Ordering::Relaxed);
            }
            assert!(last.is_some());
        }
    });
    let mut share = |frames| {
        let mut shared = 0;
        while shared < frames {
            let deadline = deadline_in(TIMEOUT.as_nanos() as u64);
            shared += u64::from(stream.step(deadline).unwrap().is_some());
        }
    };
    // Once the client has had a frame, all buffers go around.
    while !reads.load(Ordering::Relaxed) {
        share(1);
    }
    share(2 * u64::from(BUFFERS));
    for (mark, frames) in MARKS.into_iter().zip([FRAMES, 0]) {
        assert!(std::fs::metadata(mark).is_err());
        share(frames);
    }
    drop(stream);
    client.join().unwrap();
}

/// How often the thread that shares makes each call between the marks; ioctls by the name of the
/// request.
fn calls(trace: &str) -> BTreeMap<String, u64> {
    let [begin, end] = MARKS.map(|mark| {
        let at = trace.find(mark).expect("it came to the mark");
        trace[..at].rfind('\n').map_or(0, |newline| newline + 1)
    });
    let (host, _) = trace[begin..].split_once(' ').unwrap();
    let mut between = strace::calls(&trace[begin..end]).filter(|&(thread, _)| thread == host);
    between.next().expect("the mark itself");
    let mut calls = BTreeMap::new();
    for (_, call) in between {
        *calls.entry(call.to_owned()).or_default() += 1;
    }
    calls
}
