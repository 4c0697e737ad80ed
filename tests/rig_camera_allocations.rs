//! No heap allocation per frame of a camera: neither when it is read, nor when it is shared.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test
//! says that it was skipped.

#![cfg(target_os = "linux")]

use videostream::hal::time::deadline_in;
use videostream::hal::v4l2::NodeKind;
use videostream::{Camera, CameraSource, CameraStream, Host, Stream, devices};
use videostream_testing::counting::{Counting, calls};
use videostream_testing::{TIMEOUT, on_the_rig};

/// Frames that each test counts over, after the first ones. They come in real time: the second
/// guest, with the same driver, takes fewer.
const FRAMES: u32 = if cfg!(target_arch = "aarch64") {
    200
} else {
    1000
};
const FIRST: u32 = 10;

#[global_allocator]
static COUNTING: Counting = Counting;

fn stream() -> CameraStream {
    let list = devices();
    let mut found = list.devices.iter();
    let found = found.find(|device| device.driver == "vivid" && device.kind == NodeKind::Camera);
    let camera = Camera::open(&found.expect("a camera").path).unwrap();
    let camera = camera.size(320, 180).fps(120).buffers(8);
    camera.start().unwrap()
}

/// Calls of the allocator for [`FRAMES`] frames that `next` takes.
fn calls_of(mut next: impl FnMut()) -> u64 {
    (0..FIRST).for_each(|_| next());
    calls(|| (0..FRAMES).for_each(|_| next()))
}

#[test]
fn frames_are_captured_without_allocating() {
    let Some(_turn) = on_the_rig("frames_are_captured_without_allocating") else {
        return;
    };
    let mut stream = stream();
    let calls = calls_of(|| {
        let frame = stream.next_within(TIMEOUT).unwrap();
        stream.requeue(frame.index).unwrap();
    });
    assert_eq!(calls, 0);
}

#[test]
fn frames_of_a_camera_are_shared_without_allocating() {
    let Some(_turn) = on_the_rig("frames_of_a_camera_are_shared_without_allocating") else {
        return;
    };
    let name = format!("videostream-allocations-{}", std::process::id());
    let source = CameraSource::new(stream());
    let mut stream = Stream::new(Host::builder(&name), source).unwrap();
    let calls = calls_of(|| {
        let deadline = deadline_in(TIMEOUT.as_nanos() as u64);
        assert!(stream.step(deadline).unwrap().is_some());
    });
    assert_eq!(calls, 0);
}
