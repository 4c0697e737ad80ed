//! The settings that most cameras have, on the kernel's virtual camera, and what `v4l2-ctl` reads
//! back of each.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test
//! says that it was skipped.

#![cfg(target_os = "linux")]

mod v4l2_ctl;
mod vivid;

use std::time::Duration;

use videostream_hal::v4l2::control::{ExposureMode, Setting, SettingError, simple_name};
use videostream_hal::v4l2::{ControlFlags, Device, ErrorKind, NodeKind, nodes};
use videostream_testing::on_the_rig;
use vivid::{open, set};

/// The path of the first camera.
fn path() -> String {
    let found = nodes().unwrap().find(|path| {
        let device = Device::open(path.as_str()).unwrap();
        device.kind() == NodeKind::Camera && device.capabilities().driver() == "vivid"
    });
    found.unwrap().to_string()
}

/// What `v4l2-ctl` reads of a control is `value`; nothing in guests without it.
fn assert_read(name: &str, value: i64) {
    if let Some((text, success)) = v4l2_ctl::ask(&path(), &["-C", name]) {
        assert!(success, "{name}: {text}");
        let read = text.trim().split_once(": ").unwrap().1;
        let read = read.split(' ').next().unwrap();
        assert_eq!(read, value.to_string(), "{name}");
    }
}

#[test]
fn gain_is_the_programs_once_the_automatic_is_off() {
    let Some(_turn) = on_the_rig("gain_is_the_programs_once_the_automatic_is_off") else {
        return;
    };
    let device = open();
    let settings = device.node().settings();
    settings.set_auto_gain(true).unwrap();
    assert!(settings.auto_gain().unwrap());
    assert_read("gain_automatic", 1);
    let error = settings.set_gain(40).unwrap_err();
    assert_eq!(
        error.to_string(),
        "gain has no effect now: switch automatic gain off first"
    );

    settings.set_auto_gain(false).unwrap();
    assert_read("gain_automatic", 0);
    assert_eq!(settings.set_gain(40).unwrap(), 40);
    assert_eq!(settings.gain().unwrap(), 40);
    assert_read("gain", 40);
    let error = settings.set_gain(256).unwrap_err();
    assert_eq!(error.to_string(), "gain 256 is not in 0 to 255");
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert_read("gain", 40);
    settings.set_auto_gain(true).unwrap();
}

#[test]
fn pictures_are_mirrored_and_made_up() {
    let Some(_turn) = on_the_rig("pictures_are_mirrored_and_made_up") else {
        return;
    };
    let device = open();
    let settings = device.node().settings();
    for on in [true, false] {
        settings.set_hflip(on).unwrap();
        assert_eq!(settings.hflip().unwrap(), on);
        assert_read("horizontal_flip", on.into());
        settings.set_vflip(on).unwrap();
        assert_eq!(settings.vflip().unwrap(), on);
        assert_read("vertical_flip", on.into());
    }

    // The driver has its test patterns under a number of its own.
    let patterns: Vec<_> = settings.test_patterns().unwrap().flatten().collect();
    assert!(patterns.len() > 10, "{patterns:?}");
    for pattern in &patterns {
        settings.set_test_pattern(pattern.name()).unwrap();
        assert_eq!(settings.test_pattern().unwrap(), *pattern);
    }
    settings.set_test_pattern("gray_ramp").unwrap();
    let shown = settings.test_pattern().unwrap();
    assert_eq!(shown.name(), "Gray Ramp");
    assert_read("test_pattern", shown.index.into());
    let error = settings.set_test_pattern("no such pattern").unwrap_err();
    assert!(matches!(error, SettingError::NoItem { .. }), "{error}");
    assert_eq!(settings.test_pattern().unwrap(), shown);
    set(&device, "Test Pattern", 0);
}

#[test]
fn what_the_camera_lacks_is_named_with_what_it_has() {
    let Some(_turn) = on_the_rig("what_the_camera_lacks_is_named_with_what_it_has") else {
        return;
    };
    let device = open();
    let settings = device.node().settings();
    let said = |error: SettingError| {
        assert_eq!(error.kind(), ErrorKind::NotSupported);
        error.to_string()
    };
    let time = settings.set_exposure_time(Duration::from_millis(5));
    assert_eq!(
        said(time.unwrap_err()),
        "no control for exposure time and no related one"
    );
    let mode = settings.set_exposure_mode(ExposureMode::Manual);
    assert!(said(mode.unwrap_err()).starts_with("no control for automatic exposure"));
    assert!(said(settings.set_auto_exposure(true).unwrap_err()).contains("automatic exposure"));
    assert!(said(settings.set_white_balance(6500).unwrap_err()).contains("white balance"));
    assert!(said(settings.set_auto_white_balance(true).unwrap_err()).contains("white balance"));
    assert!(said(settings.set_focus(1).unwrap_err()).contains("focus"));
    assert!(said(settings.set_auto_focus(true).unwrap_err()).contains("focus"));
    assert_eq!(
        said(settings.set_rotation(90).unwrap_err()),
        "no control for rotation; related controls: horizontal_flip, vertical_flip"
    );

    // What is named exists under that name.
    let mut missing = 0;
    for setting in Setting::ALL {
        if let Err(error) = settings.control(setting) {
            let SettingError::Missing { related, .. } = error else {
                panic!("{setting}: {error}");
            };
            missing += 1;
            let named = related.to_string();
            let ids: Vec<_> = related.ids().collect();
            let names = named.split(", ").filter(|name| !name.is_empty());
            assert_eq!(names.clone().count(), ids.len(), "{setting}: {named}");
            for (name, id) in names.zip(ids) {
                let info = device.node().control(id).unwrap().unwrap();
                assert!(simple_name(info.name()).eq(name.bytes()), "{info:?} {name}");
            }
        }
    }
    assert_eq!(missing, 7);
}

#[test]
fn settings_that_a_stream_holds_are_refused() {
    let Some(_turn) = on_the_rig("settings_that_a_stream_holds_are_refused") else {
        return;
    };
    let stream = vivid::stream();
    let settings = stream.device().node().settings();
    settings.set_hflip(true).unwrap();
    settings.set_hflip(false).unwrap();
    // None of the typed ones is held by this driver; the flag is told of those that are.
    let scaler = vivid::control(stream.device(), "Enable Capture Scaler");
    assert!(scaler.flags.contains(ControlFlags::GRABBED), "{scaler:?}");
    let error = stream.device().node().set_control(&scaler, 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
}
