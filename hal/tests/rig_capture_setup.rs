//! What is found and chosen before frames come from the kernel's virtual camera, single-planar: the
//! node, the format, the input, and the part of the picture.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test
//! says that it was skipped.

#![cfg(target_os = "linux")]

mod vivid;

use std::collections::BTreeSet;

use videostream_hal::format::FourCc;
use videostream_hal::v4l2::camera::{CaptureRequest, Reason, Rejected, negotiate};
use videostream_hal::v4l2::{
    BufType, Caps, Device, Error, ErrorKind, Fraction, FrameInterval, FrameSize, NodeKind,
    Rounding, SelectionRect, SelectionTarget, nodes,
};
use videostream_testing::on_the_rig;
use vivid::{open, open_kind, patience, small, start};

#[test]
fn nodes_are_classified_by_what_they_do() {
    let Some(_turn) = on_the_rig("nodes_are_classified_by_what_they_do") else {
        return;
    };
    let mut kinds = BTreeSet::new();
    for node in nodes().unwrap() {
        let device = Device::open(node.as_str()).unwrap();
        let about = device.capabilities();
        println!("{node}: {about:?} {}", device.kind().name());
        kinds.insert((about.driver().to_owned(), device.kind().name()));
    }
    for (driver, kind) in [
        ("vivid", "camera"),
        ("vivid", "output"),
        ("vivid", "metadata"),
        ("vicodec", "encoder"),
        ("vicodec", "decoder"),
        ("vim2m", "converter"),
        ("vimc", "camera"),
    ] {
        assert!(
            kinds.contains(&(driver.to_owned(), kind)),
            "{driver} {kind}: {kinds:?}"
        );
    }
    let camera = open();
    assert!(camera.capabilities().caps().contains(Caps::STREAMING));
    assert!(!camera.capabilities().caps().contains(Caps::VIDEO_OUTPUT));
    assert!(
        camera
            .capabilities()
            .all_caps()
            .contains(Caps::VIDEO_OUTPUT)
    );
}

#[test]
fn requests_are_tried_in_order() {
    let Some(_turn) = on_the_rig("requests_are_tried_in_order") else {
        return;
    };
    let device = open();
    let mut passed = Vec::new();
    let request = CaptureRequest {
        interval: Some(Fraction::from_fps(10)),
        ..small(&[FourCc::MJPG, FourCc::NV12, FourCc::YUYV])
    };
    let got = negotiate(&device, &request, &mut |p| passed.push(p)).unwrap();
    assert_eq!(got.format.fourcc, FourCc::NV12);
    assert_eq!(got.interval, Some(Fraction::new(1, 10)));
    let not_offered = Rejected {
        fourcc: FourCc::MJPG,
        reason: Reason::NotOffered,
    };
    assert_eq!(passed, [not_offered]);

    passed.clear();
    let odd = CaptureRequest {
        size: Some((333, 111)),
        ..small(&[FourCc::YUYV])
    };
    let error = negotiate(&device, &odd, &mut |p| passed.push(p)).unwrap_err();
    let left = device.format(got.buf_type).unwrap();
    assert_eq!(
        (left.fourcc, left.width, left.height),
        (got.format.fourcc, got.format.width, got.format.height),
        "what was refused is not left behind"
    );
    assert!(matches!(
        error,
        Error::NoFormat {
            wanted: FourCc::YUYV
        }
    ));
    assert!(
        matches!(passed[0].reason, Reason::Resized { .. }),
        "{passed:?}"
    );
    let near = CaptureRequest {
        exact_size: false,
        ..odd
    };
    let got = negotiate(&device, &near, &mut |_| {}).unwrap();
    assert_ne!((got.format.width, got.format.height), (333, 111));
}

#[test]
fn nodes_that_are_no_cameras_are_named() {
    let Some(_turn) = on_the_rig("nodes_that_are_no_cameras_are_named") else {
        return;
    };
    let output = open_kind(0, NodeKind::Output);
    let error = negotiate(&output, &CaptureRequest::default(), &mut |_| {}).unwrap_err();
    assert_eq!(
        error,
        Error::WrongKind {
            kind: NodeKind::Output
        }
    );
}

#[test]
fn lists_of_sizes_and_intervals_hold_what_can_be_set() {
    let Some(_turn) = on_the_rig("lists_of_sizes_and_intervals_hold_what_can_be_set") else {
        return;
    };
    let device = open();
    let sizes: Vec<FrameSize> = device.sizes(FourCc::YUYV).map(Result::unwrap).collect();
    assert!(
        sizes.iter().any(|size| size.contains(320, 180)),
        "{sizes:?}"
    );
    let mut intervals = 0;
    for interval in device.intervals(FourCc::YUYV, 320, 180) {
        let FrameInterval::Discrete(interval) = interval.unwrap() else {
            panic!("a webcam has discrete intervals");
        };
        let request = CaptureRequest {
            interval: Some(interval),
            ..small(&[FourCc::YUYV])
        };
        let got = negotiate(&device, &request, &mut |_| {}).unwrap();
        assert_eq!(got.interval, Some(interval));
        intervals += 1;
    }
    assert!(intervals > 1);
    assert_eq!(device.sizes(FourCc::MJPG).count(), 0);
    assert_eq!(device.intervals(FourCc::YUYV, 1, 1).count(), 0);
}

#[test]
fn each_input_can_be_selected_and_delivers() {
    let Some(_turn) = on_the_rig("each_input_can_be_selected_and_delivers") else {
        return;
    };
    let device = open();
    let inputs: Vec<_> = device.inputs().map(Result::unwrap).collect();
    println!("{inputs:?}");
    assert!(inputs.iter().any(|input| input.has_dv_timings));
    assert!(inputs.iter().any(|input| input.has_standards));
    let before = device.input().unwrap();
    for input in &inputs {
        device.set_input(input.index).unwrap();
        assert_eq!(device.input().unwrap(), input.index);
        let request = CaptureRequest {
            formats: &[FourCc::YUYV],
            ..CaptureRequest::default()
        };
        let stream = start(open(), &request);
        let frame = stream.next_frame(patience()).unwrap();
        assert!(frame.planes()[0].bytes_used > 0, "{}", input.name());
        let busy = device.set_input(before).err().map(Error::kind);
        assert_eq!(busy, (input.index != before).then_some(ErrorKind::Busy));
    }
    device.set_input(before).unwrap();
    let past = device.set_input(inputs.len() as u32).unwrap_err();
    assert_eq!(past.kind(), ErrorKind::InvalidArgument);
}

#[test]
fn a_part_of_the_picture_is_taken() {
    let Some(_turn) = on_the_rig("a_part_of_the_picture_is_taken") else {
        return;
    };
    let device = open();
    let queue = BufType::VideoCapture;
    let before = device.input().unwrap();
    let hdmi = device
        .inputs()
        .map(Result::unwrap)
        .find(|input| input.has_dv_timings)
        .unwrap();
    device.set_input(hdmi.index).unwrap();
    let bounds = device
        .selection(queue, SelectionTarget::CropBounds)
        .unwrap();
    let quarter = SelectionRect {
        left: 16,
        top: 16,
        width: bounds.width / 2,
        height: bounds.height / 2,
    };
    let set = device
        .set_selection(queue, SelectionTarget::Crop, Rounding::Exact, quarter)
        .unwrap();
    assert_eq!(set, quarter);
    let read = device.selection(queue, SelectionTarget::Crop).unwrap();
    assert_eq!(read, quarter);
    device
        .set_selection(queue, SelectionTarget::Crop, Rounding::Nearest, bounds)
        .unwrap();
    device.set_input(before).unwrap();
    let webcam = device.selection(queue, SelectionTarget::Crop).unwrap_err();
    assert_eq!(webcam.kind(), ErrorKind::NotSupported, "{webcam}");
}
