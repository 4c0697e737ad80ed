//! What the kernel's virtual camera can be made to do wrong, and what is reported of it.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test
//! says that it was skipped. The second instance is the one that is unplugged.
//!
//! rig: vivid.n_devs=2

#![cfg(target_os = "linux")]

mod vivid;

use std::collections::BTreeSet;
use std::fs;

use rustix::io::Errno;
use videostream_hal::format::FourCc;
use videostream_hal::time::deadline_in;
use videostream_hal::v4l2::camera::{CameraStream, Wishes};
use videostream_hal::v4l2::{Error, ErrorKind, ExportAccess, NodeKind};
use vivid::{control, on_the_rig, open, open_kind, patience, set, small, start, stream};

/// Presses a button of the driver.
fn press(device: &videostream_hal::v4l2::Device, name: &str) {
    let button = control(device, name);
    device.set_control(&button, 1).unwrap();
}

#[test]
fn a_corrupted_frame_is_delivered_with_its_mark_or_skipped_and_counted() {
    let Some(_turn) =
        on_the_rig("a_corrupted_frame_is_delivered_with_its_mark_or_skipped_and_counted")
    else {
        return;
    };
    let delivering = stream();
    press(delivering.device(), "Inject V4L2_BUF_FLAG_ERROR");
    let marked = (0..20)
        .filter(|_| delivering.next_frame(patience()).unwrap().is_corrupted())
        .count();
    assert_eq!(marked, 1);
    assert_eq!(delivering.counters().skipped, 0);
    drop(delivering);

    let wishes = Wishes {
        skip_corrupted: true,
        ..small(&[FourCc::YUYV])
    };
    let skipping = start(open(), &wishes);
    press(skipping.device(), "Inject V4L2_BUF_FLAG_ERROR");
    for _ in 0..20 {
        assert!(!skipping.next_frame(patience()).unwrap().is_corrupted());
    }
    assert_eq!(skipping.counters().skipped, 1);
    // It went back to the driver: all buffers are there.
    assert_eq!(skipping.queued(), skipping.buffer_count());
}

#[test]
fn dropped_frames_are_gaps_in_the_sequence_and_counted() {
    let Some(_turn) = on_the_rig("dropped_frames_are_gaps_in_the_sequence_and_counted") else {
        return;
    };
    let stream = stream();
    let first = stream.next_frame(patience()).unwrap().sequence;
    let already = stream.counters().lost;
    set(stream.device(), "Percentage of Dropped Buffers", 60);
    let mut last = first;
    let mut lost = 0;
    for _ in 0..20 {
        let frame = stream.next_frame(patience()).unwrap();
        assert_eq!(frame.lost(), frame.sequence - last - 1);
        lost += frame.lost();
        last = frame.sequence;
    }
    set(stream.device(), "Percentage of Dropped Buffers", 0);
    assert!(lost > 0);
    assert_eq!(stream.counters().lost - already, u64::from(lost));
}

#[test]
fn a_sequence_that_wraps_loses_nothing() {
    let Some(_turn) = on_the_rig("a_sequence_that_wraps_loses_nothing") else {
        return;
    };
    let device = open();
    set(&device, "Wrap Sequence Number", 1);
    let stream = start(device, &small(&[FourCc::YUYV]));
    let first = stream.next_frame(patience()).unwrap().sequence;
    assert!(first > u32::MAX - 200, "{first}");
    loop {
        let frame = stream.next_frame(patience()).unwrap();
        assert!(
            frame.lost() < 200,
            "{} lost at {}",
            frame.lost(),
            frame.sequence
        );
        if frame.sequence < 200 {
            break;
        }
    }
    set(stream.device(), "Wrap Sequence Number", 0);
}

#[test]
fn a_start_that_fails_gives_the_device_back() {
    let Some(_turn) = on_the_rig("a_start_that_fails_gives_the_device_back") else {
        return;
    };
    for (button, call) in [
        ("Inject VIDIOC_REQBUFS Error", "VIDIOC_REQBUFS"),
        ("Inject VIDIOC_QBUF Error", "VIDIOC_QBUF"),
        ("Inject VIDIOC_STREAMON Error", "VIDIOC_STREAMON"),
    ] {
        let device = open();
        press(&device, button);
        let error = CameraStream::start(device, &small(&[FourCc::YUYV]), &mut |_| {}).unwrap_err();
        let errno = Errno::INVAL;
        assert_eq!(error, Error::System { call, errno });
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        drop(stream().next_frame(patience()).unwrap());
    }
}

#[test]
fn a_fatal_error_is_reported_and_a_new_start_heals() {
    let Some(_turn) = on_the_rig("a_fatal_error_is_reported_and_a_new_start_heals") else {
        return;
    };
    let broken = stream();
    drop(broken.next_frame(patience()).unwrap());
    press(broken.device(), "Inject Fatal Streaming Error");
    let error = loop {
        // Frames that were finished before come first.
        match broken.next_frame(patience()) {
            Ok(frame) => drop(frame),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::StreamFailed, "{error}");
    let again = broken.next_frame(patience()).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::StreamFailed, "{again}");
    drop(broken);
    drop(stream().next_frame(patience()).unwrap());
}

#[test]
fn a_deadline_ends_the_wait_for_a_camera_that_delivers_nothing() {
    let Some(_turn) = on_the_rig("a_deadline_ends_the_wait_for_a_camera_that_delivers_nothing")
    else {
        return;
    };
    let stream = stream();
    set(stream.device(), "Percentage of Dropped Buffers", 100);
    let error = loop {
        match stream.next_frame(Some(deadline_in(500_000_000))) {
            Ok(frame) => drop(frame),
            Err(error) => break error,
        }
    };
    set(stream.device(), "Percentage of Dropped Buffers", 0);
    assert_eq!(error, Error::TimedOut);
    drop(stream.next_frame(patience()).unwrap());
}

#[test]
fn nothing_is_left_open_after_a_stream() {
    let Some(_turn) = on_the_rig("nothing_is_left_open_after_a_stream") else {
        return;
    };
    let open_files = || -> BTreeSet<_> {
        let fds = fs::read_dir("/proc/self/fd").unwrap();
        fds.filter_map(|fd| fs::read_link(fd.unwrap().path()).ok())
            .map(|path| path.display().to_string())
            .filter(|path| path.contains("dmabuf") || path.contains("/dev/video"))
            .collect()
    };
    assert_eq!(open_files(), BTreeSet::new());
    let stream = stream();
    let fd = stream.export(0, 0, ExportAccess::ReadOnly).unwrap();
    assert!(!open_files().is_empty());
    drop(fd);
    drop(stream);
    assert_eq!(open_files(), BTreeSet::new());
}

#[test]
fn an_unplugged_camera_is_reported_as_such() {
    let Some(_turn) = on_the_rig("an_unplugged_camera_is_reported_as_such") else {
        return;
    };
    let stream = start(open_kind(1, NodeKind::Camera), &small(&[FourCc::YUYV]));
    let held = stream.next_frame(patience()).unwrap().into_index();
    press(stream.device(), "Disconnect");
    let error = loop {
        match stream.next_frame(patience()) {
            Ok(frame) => drop(frame),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    let back = stream.requeue(held).unwrap_err();
    assert_eq!(back.kind(), ErrorKind::Disconnected, "{back}");
    let ask = stream.device().control(0x0098_0900).unwrap_err();
    assert_eq!(ask.kind(), ErrorKind::Disconnected, "{ask}");
    drop(stream);
    // The other instance is not disturbed.
    drop(vivid::stream().next_frame(patience()).unwrap());
}
