//! Controls and events of the kernel's virtual camera.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test
//! says that it was skipped.

#![cfg(target_os = "linux")]

mod vivid;

use rustix::fd::AsFd;
use rustix::io::Errno;
use videostream_hal::v4l2::control::{ControlValue, ExtControl, id};
use videostream_hal::v4l2::{
    ControlFlags, ControlType, ErrorKind, EventKind, EventSelector, Ready, wait,
};
use videostream_testing::on_the_rig;
use vivid::{control, open, patience, set};

#[test]
fn all_kinds_of_controls_are_listed_and_read() {
    let Some(_turn) = on_the_rig("all_kinds_of_controls_are_listed_and_read") else {
        return;
    };
    let device = open();
    let controls: Vec<_> = device.node().controls().map(Result::unwrap).collect();
    assert!(controls.is_sorted_by_key(|control| control.id));
    for kind in [
        ControlType::Integer,
        ControlType::Boolean,
        ControlType::Menu,
        ControlType::Button,
        ControlType::Integer64,
        ControlType::Class,
        ControlType::String,
        ControlType::Bitmask,
        ControlType::IntegerMenu,
        ControlType::U8,
        ControlType::U16,
        ControlType::U32,
        ControlType::Area,
    ] {
        assert!(
            controls.iter().any(|c| c.control_type == kind),
            "no {kind:?}"
        );
    }
    for info in &controls {
        assert!(!info.name().is_empty());
        let unreadable = info.flags.contains(ControlFlags::WRITE_ONLY)
            || info.control_type == ControlType::Class;
        if info.flags.contains(ControlFlags::HAS_PAYLOAD) {
            let mut bytes = vec![0; usize::try_from(info.payload_len()).unwrap()];
            device.node().control_payload(info, &mut bytes).unwrap();
            let error = device.node().control_value(info).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{info:?}");
        } else if !unreadable {
            let value = device.node().control_value(info).unwrap();
            let fits = match info.control_type {
                ControlType::Bitmask => value & !info.maximum == 0,
                _ => (info.minimum..=info.maximum).contains(&value),
            };
            assert!(fits, "{info:?} {value}");
        }
    }
    println!("{} controls", controls.len());
}

#[test]
fn menus_have_holes_and_names_or_numbers() {
    let Some(_turn) = on_the_rig("menus_have_holes_and_names_or_numbers") else {
        return;
    };
    let device = open();
    let menu = control(&device, "Menu");
    let items: Vec<_> = device.node().menu(&menu).map(Result::unwrap).collect();
    assert!(items.iter().all(|item| !item.name().is_empty()));
    assert!(
        (items.len() as i64) < menu.maximum + 1,
        "{items:?} has no hole"
    );
    let numbers = control(&device, "Integer Menu");
    let items: Vec<_> = device.node().menu(&numbers).map(Result::unwrap).collect();
    assert!(items.iter().any(|item| item.value != 0), "{items:?}");
    let integer = control(&device, "Integer 32 Bits");
    assert_eq!(device.node().menu(&integer).count(), 0);
}

#[test]
fn numbers_are_set_and_rounded_into_their_range() {
    let Some(_turn) = on_the_rig("numbers_are_set_and_rounded_into_their_range") else {
        return;
    };
    let device = open();
    let brightness = device.node().control(id::BRIGHTNESS).unwrap().unwrap();
    assert_eq!(device.node().set_control(&brightness, 77).unwrap(), 77);
    assert_eq!(device.node().control_value(&brightness).unwrap(), 77);
    let most = device
        .node()
        .set_control(&brightness, brightness.maximum + 1000)
        .unwrap();
    assert_eq!(most, brightness.maximum);
    device
        .node()
        .set_control(&brightness, brightness.default_value)
        .unwrap();

    let wide = control(&device, "Integer 64 Bits");
    let value = wide.minimum / 2 + 1;
    let set = device.node().set_control(&wide, value).unwrap();
    assert!(set < i64::from(i32::MIN), "{set}");
    assert_eq!(device.node().control_value(&wide).unwrap(), set);

    let error = device
        .node()
        .set_control(&brightness, i64::MAX)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let read_only = control(&device, "Read-Only Integer 32 Bits");
    let error = device.node().set_control(&read_only, 1).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::ACCESS));
    assert_eq!(
        device.node().control(0x0098_0fff).unwrap().map(|c| c.id),
        None
    );
}

#[test]
fn texts_and_arrays_travel_as_bytes() {
    let Some(_turn) = on_the_rig("texts_and_arrays_travel_as_bytes") else {
        return;
    };
    let device = open();
    let text = control(&device, "String");
    let mut bytes = vec![0; usize::try_from(text.payload_len()).unwrap()];
    bytes[..3].copy_from_slice(b"abc");
    device
        .node()
        .set_control_payload(&text, &mut bytes)
        .unwrap();
    let mut read = vec![0xff; bytes.len()];
    device.node().control_payload(&text, &mut read).unwrap();
    assert!(read.starts_with(b"abc\0"), "{read:?}");
    let mut short = [0; 1];
    let error = device
        .node()
        .control_payload(&text, &mut short)
        .unwrap_err();
    assert_eq!(error.errno(), Some(Errno::NOSPC));

    let matrix = control(&device, "U16 8x16 Matrix");
    assert_eq!(
        (matrix.dims[0], matrix.dims[1], matrix.dim_count),
        (8, 16, 2)
    );
    assert_eq!(matrix.payload_len(), 8 * 16 * 2);
    let mut values = vec![0x20; usize::try_from(matrix.payload_len()).unwrap()];
    values[2..4].copy_from_slice(&0x1e_u16.to_ne_bytes());
    device
        .node()
        .set_control_payload(&matrix, &mut values)
        .unwrap();
    let mut read = vec![0; values.len()];
    device.node().control_payload(&matrix, &mut read).unwrap();
    assert_eq!(read, values);
}

#[test]
fn several_are_set_at_once_and_the_wrong_one_is_named() {
    let Some(_turn) = on_the_rig("several_are_set_at_once_and_the_wrong_one_is_named") else {
        return;
    };
    let device = open();
    let entry = |id, value| ExtControl {
        id,
        value: ControlValue::Integer(value),
    };
    let mut list = [
        entry(id::BRIGHTNESS, 10),
        entry(id::CONTRAST, 20),
        entry(id::HFLIP, 1),
    ];
    device.node().set_controls(&mut list).unwrap();
    let value = |id| {
        let info = device.node().control(id).unwrap().unwrap();
        device.node().control_value(&info).unwrap()
    };
    assert_eq!(
        (value(id::BRIGHTNESS), value(id::CONTRAST), value(id::HFLIP)),
        (10, 20, 1)
    );

    let menu = control(&device, "Test Pattern");
    let mut list = [
        entry(id::BRIGHTNESS, 30),
        entry(id::HFLIP, 0),
        entry(menu.id, 10_000),
    ];
    let error = device.node().set_controls(&mut list).unwrap_err();
    assert_eq!(error.index, Some(2), "{error}");
    assert_eq!((value(id::BRIGHTNESS), value(id::HFLIP)), (10, 1));
    set(&device, "Horizontal Flip", 0);
}

#[test]
fn names_are_found_as_people_type_them() {
    let Some(_turn) = on_the_rig("names_are_found_as_people_type_them") else {
        return;
    };
    let device = open();
    let brightness = device
        .node()
        .control_by_name("brightness")
        .unwrap()
        .unwrap();
    assert_eq!(brightness.id, id::BRIGHTNESS);
    let exact = device
        .node()
        .control_by_name("Integer 32 Bits")
        .unwrap()
        .unwrap();
    let typed = device
        .node()
        .control_by_name("integer_32_bits")
        .unwrap()
        .unwrap();
    assert_eq!(exact.id, typed.id);
    assert!(
        device
            .node()
            .control_by_name("no such thing")
            .unwrap()
            .is_none()
    );
}

#[test]
fn a_change_of_a_control_is_an_event() {
    let Some(_turn) = on_the_rig("a_change_of_a_control_is_an_event") else {
        return;
    };
    let device = open();
    assert!(device.node().next_event().unwrap().is_none());
    let selector = EventSelector::Control {
        id: id::BRIGHTNESS,
        initial: true,
    };
    device.node().subscribe(selector).unwrap();
    let event = device.node().next_event().unwrap().unwrap();
    assert!(matches!(
        event.kind,
        EventKind::Control {
            id: id::BRIGHTNESS,
            ..
        }
    ));
    set(&device, "Brightness", 99);
    let ready = wait(device.as_fd(), Ready::EVENT, patience()).unwrap();
    assert!(ready.contains(Ready::EVENT));
    let event = device.node().next_event().unwrap().unwrap();
    let EventKind::Control {
        value,
        value_changed,
        ..
    } = event.kind
    else {
        panic!("{event:?}");
    };
    assert_eq!((value, value_changed), (99, true));
    device.node().unsubscribe(selector).unwrap();
    set(&device, "Brightness", 98);
    assert!(device.node().next_event().unwrap().is_none());
    let no_event = device
        .node()
        .subscribe(EventSelector::FrameSync)
        .unwrap_err();
    assert_eq!(no_event.kind(), ErrorKind::InvalidArgument);
}
