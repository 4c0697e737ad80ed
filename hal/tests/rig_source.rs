//! Signals of a grabber that go, come back and change their size.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test
//! says that it was skipped. The second instance has the multi-planar interface.
//!
//! rig: vivid.n_devs=2 vivid.multiplanar=1,2

#![cfg(target_os = "linux")]

mod vivid;

use rustix::fd::{AsFd as _, AsRawFd as _};
use videostream_hal::format::FourCc;
use videostream_hal::time::deadline_in;
use videostream_hal::v4l2::camera::{Capture, CaptureRequest, follow_source};
use videostream_hal::v4l2::{Device, Error, ErrorKind, NodeKind, Standards};
use videostream_testing::on_the_rig;
use vivid::{control, error_of, open, open_kind, patience, set};

/// Items of the menu "DV Timings Signal Mode" and "Standard Signal Mode".
const CURRENT: i64 = 0;
const NO_SIGNAL: i64 = 1;
const NO_LOCK: i64 = 2;
const SELECTED: i64 = 4;

const ANY_SIZE: CaptureRequest<'static> = CaptureRequest {
    formats: &[FourCc::YUYV],
    size: None,
    exact_size: true,
    interval: None,
    buffers: 3,
    skip_corrupted: false,
};

/// The grabber at an input; its first input is selected again in the end.
struct Input(Device);

impl Input {
    fn select(name: &str) -> Self {
        Self::of(0, name)
    }

    fn of(instance: u32, name: &str) -> Self {
        let device = open_kind(instance, NodeKind::Camera);
        let input = device
            .inputs()
            .map(Result::unwrap)
            .find(|input| input.name().starts_with(name))
            .unwrap();
        device.set_input(input.index).unwrap();
        Self(device)
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        let _ = self.0.set_input(0);
    }
}

/// Selects the timings of a size that the picture generator sends.
fn send(device: &Device, name: &str) {
    let menu = control(device, "DV Timings");
    let item = device
        .node()
        .menu(&menu)
        .map(Result::unwrap)
        .find(|item| item.name() == name)
        .unwrap();
    set(device, "DV Timings", item.index.into());
    set(device, "DV Timings Signal Mode", SELECTED);
}

fn size(stream: &Capture) -> (u32, u32) {
    let format = stream.negotiated().format;
    (format.width, format.height)
}

#[test]
fn a_changed_signal_is_reported_once() {
    let Some(_turn) = on_the_rig("a_changed_signal_is_reported_once") else {
        return;
    };
    let input = Input::select("HDMI");
    set(&input.0, "DV Timings Signal Mode", CURRENT);
    // Whatever the input had before.
    let mut timings = input.0.dv_timings_list().map(Result::unwrap);
    let full_hd = timings.find(|t| (t.width, t.height) == (1920, 1080));
    input.0.set_dv_timings(&full_hd.unwrap()).unwrap();
    let mut stream = Capture::start(open(), &ANY_SIZE, &mut |_| {}).unwrap();
    drop(stream.next_frame(patience()).unwrap());
    assert_eq!(size(&stream), (1920, 1080));

    send(&input.0, "800x600p60");
    let error = error_of(&stream);
    assert_eq!(error, Error::SourceChanged);
    assert_eq!(error.kind(), ErrorKind::SourceChanged);
    // The old format goes on until the program decides. `send` changes several things, and each
    // is news of its own.
    let frame = (0..4).find_map(|_| stream.next_frame(patience()).ok());
    drop(frame.unwrap());

    stream.renegotiate(&ANY_SIZE, &mut |_| {}).unwrap();
    assert_eq!(size(&stream), (800, 600));
    let frame = stream.next_frame(patience()).unwrap();
    assert_eq!(frame.planes()[0].bytes_used, 800 * 600 * 2);
    drop(frame);
    assert_eq!(stream.device().dv_timings().unwrap().width, 800);

    send(&input.0, "1280x720p60");
    assert_eq!(error_of(&stream), Error::SourceChanged);
    stream.renegotiate(&ANY_SIZE, &mut |_| {}).unwrap();
    assert_eq!(size(&stream), (1280, 720));
    drop(stream);
    set(&input.0, "DV Timings Signal Mode", CURRENT);
}

/// The stream goes on in one call after the signal was gone, and the device was not closed.
fn loses_and_finds((instance, input): (u32, &Input), mode: &str, lost: i64) {
    set(&input.0, mode, CURRENT);
    let camera = open_kind(instance, NodeKind::Camera);
    let mut stream = Capture::start(camera, &ANY_SIZE, &mut |_| {}).unwrap();
    drop(stream.next_frame(patience()).unwrap());
    let number = stream.device().as_fd().as_raw_fd();

    set(&input.0, mode, lost);
    assert_eq!(error_of(&stream), Error::SourceChanged);
    for _ in 0..2 {
        let error = stream.renegotiate(&ANY_SIZE, &mut |_| {}).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoSignal, "{error}");
        assert!(!stream.is_streaming());
        assert_eq!(stream.buffer_count(), 0);
    }
    let status = input.0.inputs().map(Result::unwrap);
    let selected = input.0.input().unwrap();
    let status = status.filter(|i| i.index == selected).map(|i| i.status);
    assert!(status.last().is_some_and(|status| !status.is_empty()));
    let none = stream.next_frame(Some(deadline_in(50_000_000)));
    assert_eq!(none.unwrap_err(), Error::TimedOut);
    // The buffers are free: another program could stream now.
    input
        .0
        .set_format(stream.negotiated().buf_type, &stream.negotiated().format)
        .unwrap();

    set(&input.0, mode, CURRENT);
    assert_eq!(error_of(&stream), Error::SourceChanged);
    stream.renegotiate(&ANY_SIZE, &mut |_| {}).unwrap();
    assert!(stream.is_streaming());
    drop(stream.next_frame(patience()).unwrap());
    assert_eq!(stream.device().as_fd().as_raw_fd(), number);
}

#[test]
fn a_lost_signal_is_reported_and_taken_up_again() {
    let Some(_turn) = on_the_rig("a_lost_signal_is_reported_and_taken_up_again") else {
        return;
    };
    for (name, mode) in [
        ("HDMI", "DV Timings Signal Mode"),
        ("TV", "Standard Signal Mode"),
        ("S-Video", "Standard Signal Mode"),
    ] {
        for instance in 0..2 {
            let input = Input::of(instance, name);
            for lost in [NO_SIGNAL, NO_LOCK] {
                println!("{name} of {instance}, item {lost} of {mode}");
                loses_and_finds((instance, &input), mode, lost);
            }
        }
    }
}

#[test]
fn unplugging_ends_the_wait_for_a_signal() {
    let Some(_turn) = on_the_rig("unplugging_ends_the_wait_for_a_signal") else {
        return;
    };
    let input = Input::select("HDMI");
    let mut stream = Capture::start(open(), &ANY_SIZE, &mut |_| {}).unwrap();
    set(&input.0, "DV Timings Signal Mode", NO_SIGNAL);
    stream.renegotiate(&ANY_SIZE, &mut |_| {}).unwrap_err();
    set(&input.0, "DV Timings Signal Mode", CURRENT);
    let button = control(&input.0, "Disconnect");
    input.0.node().set_control(&button, 1).unwrap();
    let error = loop {
        match stream.next_frame(patience()) {
            Err(Error::SourceChanged) => {}
            other => break other.map(drop).unwrap_err(),
        }
    };
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    let error = stream.renegotiate(&ANY_SIZE, &mut |_| {}).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    drop(stream);
    // The driver plugs itself in again when the last handle is closed.
    drop(input);
    let webcam = open();
    webcam.set_input(0).unwrap();
    let stream = Capture::start(webcam, &ANY_SIZE, &mut |_| {}).unwrap();
    drop(stream.next_frame(patience()).unwrap());
}

#[test]
fn analogue_standards_are_found_and_followed() {
    let Some(_turn) = on_the_rig("analogue_standards_are_found_and_followed") else {
        return;
    };
    for name in ["TV", "S-Video"] {
        let input = Input::select(name);
        let device = &input.0;
        set(device, "Standard Signal Mode", CURRENT);
        device.set_standard(Standards::PAL).unwrap();
        assert_eq!(device.standard().unwrap(), Standards::PAL);
        let mut pal = Capture::start(open(), &ANY_SIZE, &mut |_| {}).unwrap();
        assert_eq!(size(&pal), (720, 576));
        drop(pal.next_frame(patience()).unwrap());
        let busy = device.set_standard(Standards::NTSC).unwrap_err();
        assert_eq!(busy.kind(), ErrorKind::Busy, "{busy}");

        // The first item of the menu is NTSC-M.
        set(device, "Standard", 0);
        set(device, "Standard Signal Mode", SELECTED);
        assert_eq!(error_of(&pal), Error::SourceChanged);
        pal.renegotiate(&ANY_SIZE, &mut |_| {}).unwrap();
        let ntsc = pal;
        assert_eq!(size(&ntsc), (720, 480), "{name}");
        drop(ntsc.next_frame(patience()).unwrap());
        drop(ntsc);

        set(device, "Standard Signal Mode", NO_SIGNAL);
        let error = follow_source(device).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoSignal, "{error}");
        set(device, "Standard Signal Mode", CURRENT);
        device.set_standard(Standards::PAL).unwrap();
    }
}

#[test]
fn cameras_without_signals_have_nothing_to_follow() {
    let Some(_turn) = on_the_rig("cameras_without_signals_have_nothing_to_follow") else {
        return;
    };
    let webcam = open();
    assert!(!follow_source(&webcam).unwrap());
    assert_eq!(webcam.standards().count(), 0);
    assert_eq!(webcam.dv_timings_list().count(), 0);
    let none = webcam.dv_timings().unwrap_err();
    assert_eq!(none.kind(), ErrorKind::NotSupported, "{none}");
}
