//! What is taken of the sensor and where it lands in the buffer: crop, compose, scale; and which
//! output a node feeds.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test
//! says that it was skipped. The virtual camera crops, composes and scales as its switches say.

#![cfg(target_os = "linux")]

#[allow(dead_code, reason = "each test program uses a part of it")]
mod pixels;
mod v4l2_ctl;
mod vivid;

use pixels::{Io, capture, hold_still, let_go};
use videostream_hal::format::FourCc;
use videostream_hal::v4l2::{
    BufType, Device, ErrorKind, NodeKind, PixFormat, Rounding, SelectionRect, SelectionTarget,
    nodes,
};
use videostream_testing::on_the_rig;
use vivid::{open, open_kind, set};

const QUEUE: BufType = BufType::VideoCapture;

const fn rect(left: i32, top: i32, width: u32, height: u32) -> SelectionRect {
    SelectionRect {
        left,
        top,
        width,
        height,
    }
}

/// Lets the driver crop, compose and scale, or not, and starts from the whole signal.
fn switches(device: &Device, crop: bool, compose: bool, scale: bool) {
    set(device, "Enable Capture Cropping", crop.into());
    set(device, "Enable Capture Composing", compose.into());
    set(device, "Enable Capture Scaler", scale.into());
    let requested = PixFormat::new(FourCc::GREY, 1920, 1080);
    device.set_format(QUEUE, &requested).unwrap();
}

fn path_of(device: &Device) -> String {
    let about = device.capabilities();
    let found = nodes().unwrap().find(|path| {
        let other = Device::open(path.as_str()).unwrap();
        other.kind() == device.kind() && other.capabilities().bus_info() == about.bus_info()
    });
    found.unwrap().to_string()
}

/// A rectangle as `v4l2-ctl` shows it; `None` where there is no such program.
fn theirs(device: &Device, target: &str) -> Option<SelectionRect> {
    let option = format!("--get-selection=target={target}");
    let text = v4l2_ctl::run(&path_of(device), &option)?;
    let number = |name: &str| {
        let (_, rest) = text.split_once(&format!("{name} ")).unwrap();
        let digits = rest.split([',', '\n']).next().unwrap().trim();
        digits.parse::<i64>().unwrap()
    };
    Some(rect(
        i32::try_from(number("Left")).unwrap(),
        i32::try_from(number("Top")).unwrap(),
        u32::try_from(number("Width")).unwrap(),
        u32::try_from(number("Height")).unwrap(),
    ))
}

/// Sets a rectangle; it is read back as it was set, by us and by `v4l2-ctl`.
fn put(device: &Device, target: SelectionTarget, name: &str, to: SelectionRect) {
    let got = device
        .set_selection(QUEUE, target, Rounding::Nearest, to)
        .unwrap();
    assert_eq!(got, to, "{name}");
    assert_eq!(device.selection(QUEUE, target).unwrap(), to, "{name}");
    if let Some(theirs) = theirs(device, name) {
        assert_eq!(theirs, to, "{name}");
    }
}

/// A picture of the grey format that is set: its bytes, and those of a line.
fn picture(device: &Device) -> (Vec<u8>, usize) {
    let format = device.format(QUEUE).unwrap();
    assert_eq!(format.fourcc, FourCc::GREY);
    let stride = usize::try_from(format.planes()[0].bytes_per_line).unwrap();
    let mut frames = capture(device, QUEUE, Io::Mapped, 1);
    (frames.remove(0), stride)
}

/// The bytes of a rectangle of a picture.
fn part((bytes, stride): &(Vec<u8>, usize), of: SelectionRect) -> Vec<u8> {
    let at = |value: i32| usize::try_from(value).unwrap();
    let (width, height) = (of.width as usize, of.height as usize);
    let lines = bytes.chunks(*stride).skip(at(of.top)).take(height);
    let cut = lines.flat_map(|line| &line[at(of.left)..at(of.left) + width]);
    cut.copied().collect()
}

/// The camera at its HDMI input: at the input of a webcam there are no rectangles.
fn grabber() -> Device {
    let device = open();
    let input = device.inputs().map(Result::unwrap);
    let hdmi = { input }
        .find(|input| input.name().starts_with("HDMI"))
        .unwrap();
    device.set_input(hdmi.index).unwrap();
    // Large enough for all rectangles, whatever signal the input had before.
    let mut timings = device.dv_timings_list().map(Result::unwrap);
    let hd = timings.find(|t| (t.width, t.height) == (1280, 720));
    device.set_dv_timings(&hd.unwrap()).unwrap();
    hold_still(&device);
    device
}

#[test]
fn crop_and_compose_apply_to_the_picture() {
    let test = "crop_and_compose_apply_to_the_picture";
    let Some(_turn) = on_the_rig(test) else {
        return;
    };
    let device = grabber();
    switches(&device, false, false, false);
    let error = device.selection(QUEUE, SelectionTarget::Crop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotSupported);
    let whole = picture(&device);

    // A crop makes the picture as large as it is, of what lies there.
    switches(&device, true, false, false);
    let bounds = device
        .selection(QUEUE, SelectionTarget::CropBounds)
        .unwrap();
    put(&device, SelectionTarget::Crop, "crop", bounds);
    let cut = rect(160, 90, 320, 180);
    put(&device, SelectionTarget::Crop, "crop", cut);
    let format = device.format(QUEUE).unwrap();
    assert_eq!((format.width, format.height), (cut.width, cut.height));
    let small = picture(&device);
    let all = rect(0, 0, cut.width, cut.height);
    assert!(part(&small, all) == part(&whole, cut), "the crop's picture");
    // Not the same everywhere: another place would show.
    let other = rect(700, 300, cut.width, cut.height);
    assert!(part(&whole, cut) != part(&whole, other));
    put(&device, SelectionTarget::Crop, "crop", bounds);

    // With both, what is cut out lies where it is composed to.
    switches(&device, true, true, false);
    put(&device, SelectionTarget::Crop, "crop", cut);
    let place = rect(32, 16, cut.width, cut.height);
    put(&device, SelectionTarget::Compose, "compose", place);
    let composed = picture(&device);
    assert!(
        part(&composed, place) == part(&whole, cut),
        "the composed picture"
    );
    let native = device.selection(QUEUE, SelectionTarget::NativeSize);
    assert_eq!(native.unwrap_err().kind(), ErrorKind::InvalidArgument);

    // As it was for those that come after.
    switches(&device, true, true, true);
    let_go(&device);
    device.set_input(0).unwrap();
}

#[test]
fn the_output_is_the_one_that_was_set() {
    let Some(_turn) = on_the_rig("the_output_is_the_one_that_was_set") else {
        return;
    };
    let device = open_kind(0, NodeKind::Output);
    let before = device.output().unwrap();
    let outputs: Vec<_> = device.outputs().map(Result::unwrap).collect();
    assert!(outputs.len() > 1, "{outputs:?}");
    for output in &outputs {
        device.set_output(output.index).unwrap();
        assert_eq!(device.output().unwrap(), output.index);
        if let Some(text) = v4l2_ctl::run(&path_of(&device), "--get-output") {
            assert!(text.contains(&format!(": {} ", output.index)), "{text}");
        }
    }
    let error = device.set_output(99).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    device.set_output(before).unwrap();
}
