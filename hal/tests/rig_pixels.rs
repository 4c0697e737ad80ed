//! The pixels captured are those that `v4l2-ctl` captures, byte for byte, in every format and
//! through every kind of memory.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere, and in
//! guests without `v4l2-ctl`, every test says that it was skipped. The first camera is
//! single-planar, the second multi-planar.
//!
//! rig: vivid.n_devs=2 vivid.multiplanar=1,2 timeout=900

#![cfg(target_os = "linux")]

mod pixels;
mod v4l2_ctl;
mod vivid;

use std::{env, fs, thread};

use pixels::{Io, KINDS, assert_same_picture, capture, hold_still, let_go};
use videostream_hal::format::FourCc;
use videostream_hal::v4l2::{BufType, Device, Fraction, NodeKind, PixFormat, nodes};
use videostream_testing::on_the_rig;

/// Frames taken of each format with each kind of memory: every buffer is filled, and filled again.
/// They come in real time: the second guest, with the same driver, takes fewer.
const FRAMES: usize = if cfg!(target_arch = "aarch64") { 3 } else { 6 };

const SIZE: (u32, u32) = (320, 180);

/// The path and the device of the camera of an instance.
fn camera(instance: u32) -> (String, Device) {
    let device = vivid::open_kind(instance, NodeKind::Camera);
    let bus = device.capabilities().bus_info();
    let path = nodes().unwrap().find(|path| {
        let other = Device::open(path.as_str()).unwrap();
        other.kind() == NodeKind::Camera && other.capabilities().bus_info() == bus
    });
    (path.unwrap().to_string(), device)
}

/// What `v4l2-ctl` writes of a frame; it sets the format, too.
fn theirs(node: &str, fourcc: FourCc) -> Vec<u8> {
    let name = node.trim_start_matches('/').replace('/', "-");
    let file = env::temp_dir().join(format!("frame-{name}"));
    let (width, height) = SIZE;
    let options = [
        format!(
            "--set-fmt-video=width={width},height={height},pixelformat={:#010x}",
            fourcc.0
        ),
        "--stream-mmap".to_owned(),
        "--stream-count=1".to_owned(),
        format!("--stream-to={}", file.display()),
    ];
    let options: Vec<_> = options.iter().map(String::as_str).collect();
    let (text, success) = v4l2_ctl::ask(node, &options).unwrap();
    assert!(success, "{fourcc}: {text}");
    let frame = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    frame
}

/// Captures every format of a camera through every kind of memory.
fn compare(instance: u32, queue: BufType) {
    let (node, device) = camera(instance);
    assert_eq!(device.capture_type(), Some(queue));
    hold_still(&device);
    let formats = device.formats(queue).map(|format| format.unwrap().fourcc);
    let formats: Vec<_> = formats.collect();
    assert!(formats.len() > 60, "{formats:?}");
    let mut bytes = 0;
    for &fourcc in &formats {
        let theirs = theirs(&node, fourcc);
        assert!(theirs.iter().any(|byte| *byte != theirs[0]), "{fourcc}");
        bytes += theirs.len();
        let requested = PixFormat::new(fourcc, SIZE.0, SIZE.1);
        let format = device.set_format(queue, &requested).unwrap();
        assert_eq!((format.fourcc, format.width), (fourcc, SIZE.0));
        device.set_interval(queue, Fraction::from_fps(120)).unwrap();
        for io in KINDS {
            for (at, ours) in capture(&device, queue, io, FRAMES).iter().enumerate() {
                let what = format!("{queue:?} {fourcc} {io} frame {at}");
                assert_same_picture(&what, ours, &theirs);
            }
        }
    }
    let_go(&device);
    println!(
        "{queue:?}: {} formats of {bytes} bytes, {FRAMES} frames each, through {KINDS:?}",
        formats.len()
    );
}

#[test]
fn every_format_is_captured_as_v4l2_ctl_does() {
    let test = "every_format_is_captured_as_v4l2_ctl_does";
    let Some(_turn) = on_the_rig(test) else {
        return;
    };
    if v4l2_ctl::run("/dev/video0", "--info").is_none() {
        videostream_testing::skip(test, "this guest has no v4l2-ctl");
        return;
    }
    // Both cameras at the same time: their frames come at their own pace.
    thread::scope(|scope| {
        scope.spawn(|| compare(0, BufType::VideoCapture));
        scope.spawn(|| compare(1, BufType::VideoCaptureMplane));
    });
}

#[test]
fn all_kinds_of_memory_hold_the_same_picture() {
    let test = "all_kinds_of_memory_hold_the_same_picture";
    let Some(_turn) = on_the_rig(test) else {
        return;
    };
    for (instance, fourcc) in [
        (0, FourCc::NV12),
        (0, FourCc::YUYV),
        (1, FourCc::YM12),
        (1, FourCc::NM12),
    ] {
        let device = vivid::open_kind(instance, NodeKind::Camera);
        let queue = device.capture_type().unwrap();
        hold_still(&device);
        let requested = PixFormat::new(fourcc, SIZE.0, SIZE.1);
        let format = device.set_format(queue, &requested).unwrap();
        assert_eq!(format.fourcc, fourcc);
        let exported = capture(&device, queue, Io::Exported, 1).remove(0);
        for io in KINDS {
            for frame in capture(&device, queue, io, 4) {
                assert_same_picture(&format!("{fourcc} {io}"), &frame, &exported);
            }
        }
        let_go(&device);
    }
}
