//! What sharing a camera's frame costs in system calls, from the driver to a client that sleeps.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere, and without
//! strace, it says that it was skipped. Under emulation of the other architecture strace itself gets
//! in the way: it is done on one.
//!
//! rig: arch=x86_64

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::env;
use std::time::Duration;

use videostream::hal::time::deadline_in;
use videostream::hal::v4l2::NodeKind;
use videostream::{Camera, CameraSource, Client, Host, Mode, Stream, devices};
use videostream_testing::{on_the_rig, strace};

const NAME: &str = "a_shared_frame_takes_two_requests_a_poll_and_a_wake";
/// How the test calls itself under strace: with the number of frames to share.
const FRAMES: &str = "VIDEOSTREAM_TEST_FRAMES";
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn a_shared_frame_takes_two_requests_a_poll_and_a_wake() {
    let Some(_turn) = on_the_rig(NAME) else {
        return;
    };
    if let Some(frames) = env::var_os(FRAMES) {
        return share(frames.to_str().unwrap().parse().unwrap());
    }
    if !strace::is_there(NAME) {
        return;
    }
    // What 100 frames more take is what the frames take, without start and end.
    let (few, many) = (calls(50), calls(150));
    let mut more = many;
    for (call, count) in few {
        *more.entry(call).or_default() -= count;
    }
    more.retain(|_, count| *count != 0);
    println!("100 frames: {more:?}");
    let mut take = |call| more.remove(call).unwrap_or(0);
    assert_eq!(take("VIDIOC_DQBUF"), 100);
    // Buffers still with the client or readable at the end come back in other numbers.
    assert!((95..=105).contains(&take("VIDIOC_QBUF")));
    // One for each frame, and a few for a client that comes and goes or a deadline.
    assert!(take("poll") <= 110);
    assert!(take("futex") + take("sendto") <= 110);
    // Without a clock that user space can read, deadlines ask the kernel.
    take("clock_gettime");
    // Coming and going of the client does not happen at the same frame each time, and where
    // the allocator's arenas fall decides whether it trims them.
    for call in [
        "brk",
        "mmap",
        "mprotect",
        "munmap",
        "epoll_wait",
        "epoll_pwait",
        "epoll_ctl",
        "accept4",
        "recvmsg",
        "close",
    ] {
        assert!(take(call).abs() <= 5, "{call}");
    }
    assert_eq!(more, BTreeMap::new());
}

/// Shares frames of the virtual camera with a thread that sleeps between them.
fn share(frames: u64) {
    let list = devices();
    let vivid =
        |d: &&videostream::camera::DeviceInfo| d.driver == "vivid" && d.kind == NodeKind::Camera;
    let path = list.devices.iter().find(vivid).unwrap().path.clone();
    let camera = Camera::open(path).unwrap();
    let camera = camera.size(640, 360).fps(30).buffers(8).start().unwrap();
    let name = format!("videostream-calls-{}", std::process::id());
    let mut stream = Stream::new(Host::builder(&name), CameraSource::new(camera)).unwrap();
    let client = std::thread::spawn(move || {
        let mut client = Client::builder(&name).mode(Mode::Every).connect().unwrap();
        let mut last = 0;
        // Until the host says goodbye.
        while let Ok(frame) = client.next(PATIENCE) {
            assert!(frame.sequence() > last || last == 0);
            last = frame.sequence();
        }
        assert!(last > 0);
    });
    let mut shared = 0;
    while shared < frames {
        let deadline = deadline_in(PATIENCE.as_nanos() as u64);
        shared += u64::from(stream.step(deadline).unwrap().is_some());
    }
    drop(stream);
    client.join().unwrap();
}

/// How often the thread that shares makes each call for a number of frames; ioctls by the
/// name of the request.
fn calls(frames: u32) -> BTreeMap<String, i64> {
    let trace = strace::trace(NAME, &["-e", "signal=none"], (FRAMES, &frames.to_string()));
    let (host, _) = strace::calls(&trace)
        .find(|&(_, call)| call == "VIDIOC_DQBUF")
        .expect("frames were taken");
    let mut calls = BTreeMap::new();
    for (_, call) in strace::calls(&trace).filter(|&(thread, _)| thread == host) {
        *calls.entry(call.to_owned()).or_default() += 1;
    }
    calls
}
