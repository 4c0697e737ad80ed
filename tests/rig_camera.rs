//! The camera of the std API on the kernel's virtual camera.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test
//! says that it was skipped.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::thread;

use rustix::fs::fstat;
use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use videostream::colorimetry::{Range, Transfer};
use videostream::hal::format::FourCc;
use videostream::hal::time::deadline_in;
use videostream::hal::v4l2::{Device, ErrorKind, FrameSize, InputKind, NodeKind, Ready, wait};
use videostream::source::{CameraSource, Source as _};
use videostream::{Camera, CameraError, CameraStream, devices};
use videostream_testing::{TIMEOUT, on_the_rig};

/// The path of a node of the virtual camera's driver.
fn node(kind: NodeKind) -> PathBuf {
    let list = devices();
    let found = list
        .devices
        .iter()
        .find(|device| device.driver == "vivid" && device.kind == kind);
    found.unwrap_or_else(|| panic!("{list:?}")).path.clone()
}

fn camera() -> Camera {
    Camera::open(node(NodeKind::Camera)).unwrap()
}

fn stream() -> CameraStream {
    camera()
        .format(FourCc::NV12)
        .size(320, 180)
        .start()
        .unwrap()
}

#[test]
fn a_camera_lists_what_it_is_then_started_with() {
    let Some(_turn) = on_the_rig("a_camera_lists_what_it_is_then_started_with") else {
        return;
    };
    let camera = camera();
    let format = camera.formats().flatten().last().expect("formats");
    let size = camera.sizes(format.fourcc).flatten().next();
    let FrameSize::Discrete { width, height } = size.expect("sizes") else {
        panic!("{size:?}");
    };
    let intervals = camera.intervals(format.fourcc, width, height).flatten();
    assert!(intervals.count() > 0);
    let stream = camera.format(format.fourcc).size(width, height).start();
    let stream = stream.unwrap();
    let got = stream.layout();
    assert_eq!(
        (got.fourcc, got.width, got.height),
        (format.fourcc, width, height)
    );
}

#[test]
fn devices_are_listed_with_formats_sizes_and_rates() {
    let Some(_turn) = on_the_rig("devices_are_listed_with_formats_sizes_and_rates") else {
        return;
    };
    let list = devices();
    assert!(list.unreadable.is_empty(), "{:?}", list.unreadable);
    let camera = list
        .devices
        .iter()
        .find(|device| device.driver == "vivid" && device.kind == NodeKind::Camera)
        .unwrap();
    assert!(!camera.card.is_empty() && camera.bus_info.starts_with("platform:vivid"));
    let yuyv = camera
        .formats
        .iter()
        .find(|format| format.fourcc == FourCc::YUYV)
        .unwrap();
    assert!(!yuyv.compressed && !yuyv.description.is_empty());
    assert!(yuyv.sizes.iter().any(|size| size.size.contains(320, 180)));
    assert!(yuyv.sizes.iter().all(|size| !size.intervals.is_empty()));
    let encoder = list
        .devices
        .iter()
        .find(|device| device.kind == NodeKind::Encoder)
        .unwrap();
    assert!(encoder.formats.iter().all(|format| format.compressed));
    assert!(
        encoder
            .input_formats
            .iter()
            .all(|format| !format.compressed)
    );
}

#[test]
fn frames_come_in_order_in_buffers_that_stay_the_same() {
    let Some(_turn) = on_the_rig("frames_come_in_order_in_buffers_that_stay_the_same") else {
        return;
    };
    let mut stream = stream();
    let inodes: BTreeSet<_> = stream
        .buffers()
        .iter()
        .flat_map(|buffer| &buffer.fds)
        .map(|fd| fstat(fd).unwrap().st_ino)
        .collect();
    assert_eq!(inodes.len(), stream.buffers().len());
    let mut last = None;
    for _ in 0..20 {
        let frame = stream.next_within(TIMEOUT).unwrap();
        let layout = stream.buffers()[frame.index as usize].layout;
        assert_eq!(frame.bytes_used[0], layout.size);
        assert_eq!(frame.plane_count, 1);
        // In a slow guest the driver gives a number twice now and then.
        assert!(last.is_none_or(|last| frame.sequence >= last));
        last = Some(frame.sequence);
        stream.requeue(frame.index).unwrap();
    }
    assert_eq!(stream.counters().delivered, 20);
}

#[test]
fn a_programs_own_poll_loop_is_told_of_frames() {
    let Some(_turn) = on_the_rig("a_programs_own_poll_loop_is_told_of_frames") else {
        return;
    };
    let mut stream = stream();
    for _ in 0..3 {
        let deadline = Some(deadline_in(TIMEOUT.as_nanos() as u64));
        let ready = wait(stream.as_fd(), Ready::CAPTURE, deadline).unwrap();
        assert!(ready.contains(Ready::CAPTURE));
        let frame = stream.next(Some(0)).unwrap();
        stream.requeue(frame.index).unwrap();
    }
}

#[test]
fn what_does_not_exist_is_answered_with_what_does() {
    let Some(_turn) = on_the_rig("what_does_not_exist_is_answered_with_what_does") else {
        return;
    };
    let path = node(NodeKind::Camera);
    let error = Camera::open("/dev/video250").unwrap_err();
    assert!(matches!(&error, CameraError::NotFound { cameras, .. } if cameras.contains(&path)));
    assert!(
        error.to_string().contains(path.to_str().unwrap()),
        "{error}"
    );

    let error = Camera::open("/dev/null").unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("/dev/null is not a video device"),
        "{error}"
    );

    let error = Camera::open(node(NodeKind::Output)).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("is a video output, not a camera"),
        "{error}"
    );

    let error = camera().format(FourCc::HEVC).start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotSupported);
    assert!(
        error.to_string().contains("has no format HEVC; it offers "),
        "{error}"
    );
    assert!(error.to_string().contains("YUYV"), "{error}");

    let error = camera()
        .format(FourCc::YUYV)
        .size(333, 111)
        .start()
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("has no 333x111 in YUYV; the nearest is "),
        "{error}"
    );
    drop(
        camera()
            .format(FourCc::YUYV)
            .size_near(333, 111)
            .start()
            .unwrap(),
    );
}

/// The result for a user that is neither root nor in any group.
fn open_as_stranger(path: &Path) -> CameraError {
    let path = path.to_owned();
    let opening = thread::spawn(move || {
        let (uid, gid) = (Uid::from_raw(1234), Gid::from_raw(4321));
        // Of this thread alone, which ends after it.
        set_thread_groups(&[]).unwrap();
        set_thread_res_gid(gid, gid, gid).unwrap();
        set_thread_res_uid(uid, uid, uid).unwrap();
        Camera::open(path).map(drop).unwrap_err()
    });
    opening.join().unwrap()
}

#[test]
fn permission_error_names_the_cameras_group() {
    let test = "permission_error_names_the_cameras_group";
    let Some(_turn) = on_the_rig(test) else {
        return;
    };
    let path = node(NodeKind::Camera);
    let before = fs::metadata(&path).unwrap();
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    let video = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some("video")).then(|| fields.nth(1)?.parse().ok())?
    });
    let allow = |gid: Option<u32>, mode| {
        chown(&path, None, gid).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    };
    let told: Vec<_> = [(Some(0), 0o600), (video, 0o660)]
        .into_iter()
        .map(|(gid, mode)| {
            allow(gid, mode);
            open_as_stranger(&path)
        })
        .collect();
    allow(Some(before.gid()), before.mode());
    for (error, group) in told.iter().zip([None, video.map(|_: u32| "video")]) {
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        let CameraError::PermissionDenied {
            path: named,
            group: of,
        } = error
        else {
            panic!("{error}");
        };
        assert_eq!((named, of.as_deref()), (&path, group), "{error}");
    }
    // Root may, as before.
    drop(camera());
}

#[test]
fn a_busy_camera_names_the_program_that_has_it() {
    let Some(_turn) = on_the_rig("a_busy_camera_names_the_program_that_has_it") else {
        return;
    };
    let _owner = stream();
    let error = camera().format(FourCc::NV12).start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    let process = format!("(process {})", std::process::id());
    assert!(error.to_string().contains(&process), "{error}");
}

#[test]
fn the_first_camera_is_found_and_its_rate_is_set() {
    let Some(_turn) = on_the_rig("the_first_camera_is_found_and_its_rate_is_set") else {
        return;
    };
    let mut stream = Camera::first()
        .unwrap()
        .size(320, 180)
        .fps(10)
        .buffers(3)
        .start()
        .unwrap();
    assert_eq!(
        stream.interval().unwrap().as_nanoseconds(),
        Some(100_000_000)
    );
    let first = stream.next_within(TIMEOUT).unwrap();
    let second = stream.next_within(TIMEOUT).unwrap();
    let frames = u64::from(second.sequence - first.sequence);
    let between = second.timestamp_ns - first.timestamp_ns;
    // Never much sooner; later, as a slow guest pleases.
    assert!(between + 50_000_000 >= frames * 100_000_000, "{between}");
}

#[test]
fn a_camera_is_found_again_by_its_id() {
    let Some(_turn) = on_the_rig("a_camera_is_found_again_by_its_id") else {
        return;
    };
    let camera = camera();
    let id = camera.id().unwrap();
    assert!(id.bus_info.starts_with("platform:vivid"), "{id:?}");
    let again = Camera::open_id(&id).unwrap();
    assert_eq!(again.path(), camera.path());
    let mut gone = id;
    gone.bus_info = "usb-0000:00:14.0-1".to_owned();
    let error = Camera::open_id(&gone).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let text = error.to_string();
    assert!(
        text.contains("usb-0000:00:14.0-1") && text.contains("/dev/video"),
        "{text}"
    );
}

#[test]
fn a_new_signal_is_taken_up_in_one_call() {
    let Some(_turn) = on_the_rig("a_new_signal_is_taken_up_in_one_call") else {
        return;
    };
    let grabber = camera();
    let device = grabber.device();
    let hdmi = device.inputs().flatten().find(|input| input.has_dv_timings);
    device.set_input(hdmi.unwrap().index).unwrap();
    let mode = device.node().control_by_name("DV Timings Signal Mode");
    let mode = mode.unwrap().unwrap();
    let mut stream = camera().format(FourCc::YUYV).start().unwrap();
    // Without a signal, and with the current one again: both are changes.
    device.node().set_control(&mode, 1).unwrap();
    let error = loop {
        match stream.next_within(TIMEOUT) {
            Ok(frame) => stream.requeue(frame.index).unwrap(),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::SourceChanged, "{error}");
    device.node().set_control(&mode, 0).unwrap();
    stream.renegotiate().unwrap();
    let frame = stream.next_within(TIMEOUT).unwrap();
    assert_eq!(frame.bytes_used[0], stream.layout().size);
    stream.requeue(frame.index).unwrap();

    device.node().set_control(&mode, 1).unwrap();
    let error = stream.renegotiate().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSignal);
    assert!(error.to_string().contains("no signal"), "{error}");
    assert!(!stream.is_streaming() && stream.buffers().is_empty());
    device.node().set_control(&mode, 0).unwrap();
    let error = stream.next_within(TIMEOUT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SourceChanged, "{error}");
    stream.renegotiate().unwrap();
    let frame = stream.next_within(TIMEOUT).unwrap();
    stream.requeue(frame.index).unwrap();
    drop(stream);
    device.set_input(0).unwrap();
}

#[test]
fn a_camera_tells_colours_and_the_shape_of_samples() {
    let Some(_turn) = on_the_rig("a_camera_tells_colours_and_the_shape_of_samples") else {
        return;
    };
    let appearance = |fourcc| {
        let stream = camera().format(fourcc).start().unwrap();
        CameraSource::new(stream).appearance()
    };
    // Without a range the format's default counts.
    let grey = appearance(FourCc::GREY);
    assert_eq!(grey.colorimetry.range, Range::Full);
    let yuv = appearance(FourCc::NV12);
    assert_eq!(yuv.colorimetry.range, Range::Limited);
    assert_eq!(yuv.colorimetry.transfer, Transfer::SRGB);
    assert_eq!(yuv.sample_aspect, None);
    // Analogue television has samples that are not square.
    let device = Device::open(node(NodeKind::Camera)).unwrap();
    let inputs: Vec<_> = device.inputs().flatten().collect();
    let tuner = inputs.iter().find(|input| input.kind == InputKind::Tuner);
    device
        .set_input(tuner.expect("a television input").index)
        .unwrap();
    let television = camera().format(FourCc::NV12).size(720, 576).start();
    let aspect = television.map(|stream| CameraSource::new(stream).appearance().sample_aspect);
    device.set_input(0).unwrap();
    assert!(
        matches!(aspect, Ok(Some((59, 54) | (10, 11)))),
        "{aspect:?}"
    );
}
