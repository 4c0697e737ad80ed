//! Controls of the std API on the kernel's virtual camera.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test
//! says that it was skipped.

use std::path::PathBuf;
use std::time::Duration;

use videostream::camera::controls::Value;
use videostream::camera::{ControlError, find_device};
use videostream::hal::format::FourCc;
use videostream::hal::time::deadline_in;
use videostream::hal::v4l2::{ControlFlags, ErrorKind, NodeKind};
use videostream::{Camera, CameraError, devices};
use videostream_testing::{TIMEOUT_NS, on_the_rig};

fn path() -> PathBuf {
    let list = devices();
    let mut found = list.devices.iter();
    let found = found.find(|device| device.driver == "vivid" && device.kind == NodeKind::Camera);
    found.unwrap().path.clone()
}

fn control_error(error: CameraError) -> ControlError {
    match error {
        CameraError::Control { error, .. } => error,
        other => panic!("{other}"),
    }
}

#[test]
fn controls_are_set_by_name_all_or_none() {
    let Some(_turn) = on_the_rig("controls_are_set_by_name_all_or_none") else {
        return;
    };
    let camera = Camera::open(path()).unwrap();
    let controls = camera.controls();
    let value = |name| controls.get(name).unwrap().value.unwrap();
    let set = [
        ("Brightness", "17"),
        ("gain_automatic", "off"),
        ("gain", "9"),
    ];
    let done = controls.set(&set).unwrap();
    assert_eq!(done.len(), 3);
    assert_eq!(done[0].value, Some(Value::Number(17)));
    assert_eq!(value("gain_automatic"), Value::Switch(false));
    assert_eq!(value("gain"), Value::Number(9));

    let wrong = [("brightness", "18"), ("contrast", "99999")];
    let error = control_error(controls.set(&wrong).unwrap_err());
    assert!(matches!(&error, ControlError::Value { name, .. } if name == "contrast"));
    assert_eq!(value("brightness"), Value::Number(17));
    // One that only the driver can refuse.
    let wrong = [("brightness", "18"), ("area", "0x0")];
    let error = control_error(controls.set(&wrong).unwrap_err());
    assert!(
        matches!(&error, ControlError::Refused { name: Some(name), .. } if name == "area"),
        "{error}"
    );
    assert_eq!(value("brightness"), Value::Number(17));
    let many = vec![("brightness", "1"); 40];
    let error = control_error(controls.set(&many).unwrap_err());
    assert!(matches!(error, ControlError::TooMany { count: 40 }));

    let reset = controls.reset().unwrap();
    assert!(reset.refused.is_empty(), "{reset:?}");
    assert_eq!(value("brightness"), Value::Number(128));
    assert_eq!(value("gain_automatic"), Value::Switch(true));
}

#[test]
fn every_readable_control_can_be_set_to_its_value() {
    let test = "every_readable_control_can_be_set_to_its_value";
    let Some(_turn) = on_the_rig(test) else {
        return;
    };
    let camera = Camera::open(path()).unwrap();
    let controls = camera.controls();
    let (mut set, mut refused) = (0, 0);
    for control in controls.list().unwrap().controls {
        let Some(value) = &control.value else {
            continue;
        };
        match controls.set(&[(&control.name, value.to_string())]) {
            Ok(_) => set += 1,
            Err(error) => match control_error(error) {
                ControlError::ReadOnly { name } | ControlError::Inactive { name, .. } => {
                    assert_eq!(name, control.name);
                    refused += 1;
                }
                error => panic!("{error}"),
            },
        }
    }
    println!("{set} set, {refused} read-only or inactive");
    assert!(set > 50 && refused > 1, "{set} {refused}");
}

#[test]
fn typed_settings_name_camera_range_and_patterns() {
    let Some(_turn) = on_the_rig("typed_settings_name_camera_range_and_patterns") else {
        return;
    };
    let path = path();
    let stream = Camera::open(&path).unwrap();
    let mut stream = stream.format(FourCc::NV12).size(320, 180).start().unwrap();
    // Also while it streams.
    let controls = stream.controls();
    controls.set_auto_gain(false).unwrap();
    assert_eq!(controls.set_gain(33).unwrap(), 33);
    assert_eq!(controls.gain().unwrap(), 33);
    let error = controls.set_gain(1000).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let text = format!("{}: gain 1000 is not in 0 to 255", path.display());
    assert_eq!(error.to_string(), text);
    controls.set_auto_gain(true).unwrap();
    for on in [true, false] {
        controls.set_hflip(on).unwrap();
        controls.set_vflip(on).unwrap();
        assert_eq!(
            (controls.hflip().unwrap(), controls.vflip().unwrap()),
            (on, on)
        );
    }
    let error = controls.set_exposure_time(Duration::from_millis(1));
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("no control for exposure time")
    );
    let patterns = controls.test_patterns().unwrap();
    controls.set_test_pattern("noise").unwrap();
    assert_eq!(controls.test_pattern().unwrap(), "Noise");
    let error = controls.set_test_pattern("Mona Lisa").unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("Mona Lisa") && text.contains("Gray Ramp"),
        "{text}"
    );
    controls.set_test_pattern(&patterns[0]).unwrap();
    // A control that the stream holds says so.
    let held = controls.set(&[("enable_capture_scaler", "off")]);
    let error = control_error(held.unwrap_err());
    assert!(matches!(error, ControlError::Busy { .. }), "{error}");
    let frame = stream.next_within(Duration::from_secs(60)).unwrap();
    stream.requeue(frame.index).unwrap();
}

#[test]
fn a_watch_tells_of_changes_beside_a_stream() {
    let Some(_turn) = on_the_rig("a_watch_tells_of_changes_beside_a_stream") else {
        return;
    };
    let camera = Camera::open(path()).unwrap();
    let other = Camera::open(path()).unwrap();
    // What is set to what it was is no change.
    other.controls().reset().unwrap();
    let mut stream = camera.format(FourCc::NV12).size(320, 180).start().unwrap();
    let watch = stream
        .controls()
        .watch(&["brightness", "gain", "string"])
        .unwrap();
    assert!(watch.take().unwrap().is_none());
    other.controls().set(&[("contrast", "20")]).unwrap();
    other.controls().set(&[("brightness", "20")]).unwrap();
    // The stream's own events are apart.
    let frame = stream.next_within(Duration::from_secs(60)).unwrap();
    stream.requeue(frame.index).unwrap();
    let change = watch.next(Some(deadline_in(TIMEOUT_NS))).unwrap();
    assert_eq!(
        (change.name.as_str(), change.value),
        ("brightness", Some(20))
    );
    assert!(change.value_changed && !change.range_changed, "{change:?}");
    // The automatic makes gain active: its flags change.
    other.controls().set_auto_gain(false).unwrap();
    let change = watch.next(Some(deadline_in(TIMEOUT_NS))).unwrap();
    assert_eq!(change.name, "gain");
    assert!(!change.flags.contains(ControlFlags::INACTIVE), "{change:?}");
    other.controls().set(&[("string", "xyz")]).unwrap();
    let change = loop {
        let change = watch.next(Some(deadline_in(TIMEOUT_NS))).unwrap();
        if change.name != "gain" {
            break change;
        }
    };
    assert_eq!((change.name.as_str(), change.value), ("string", None));
    assert!(matches!(
        stream.controls().watch(&["no_such"]).unwrap_err(),
        CameraError::Control { .. }
    ));
    let all = stream.controls().watch(&[]).unwrap();
    other.controls().reset().unwrap();
    assert!(all.next(Some(deadline_in(TIMEOUT_NS))).is_ok());
}

#[test]
fn a_device_is_found_by_what_people_know_of_it() {
    let Some(_turn) = on_the_rig("a_device_is_found_by_what_people_know_of_it") else {
        return;
    };
    let path = path();
    let number = path.to_str().unwrap().strip_prefix("/dev/video").unwrap();
    let camera = Camera::open(&path).unwrap();
    let about = camera.capabilities();
    let card = about.card().to_uppercase();
    for text in [
        number,
        &format!("video{number}"),
        about.bus_info(),
        &card,
        "viv",
    ] {
        assert_eq!(find_device(text).unwrap(), path, "{text}");
    }
    let error = find_device("no such camera").unwrap_err().to_string();
    assert!(
        error.contains("no such camera") && error.contains("/dev/video"),
        "{error}"
    );
}
