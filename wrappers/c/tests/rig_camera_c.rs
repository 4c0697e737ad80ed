//! Cameras from C, on a kernel with the virtual one in both interfaces: the first instance is
//! single-planar, the second multi-planar.
//!
//! rig: programs=camera,capture,first_capture vivid.n_devs=2 vivid.multiplanar=1,2

#![cfg(target_os = "linux")]

mod support;

use support::program::{Language, Linking, Program};
use support::rig_camera::camera;
use support::{Run, run};
use videostream_testing::on_the_rig;

/// Runs a program in C with both cameras.
fn with_both(name: &str, arguments: impl Fn(bool) -> Option<&'static str>) {
    let Some(program) = Program::new(name, Language::C99, Linking::Dynamic) else {
        return;
    };
    for (instance, is_mplane) in [(0, false), (1, true)] {
        let mut command = program.command(&[]);
        command
            .arg(camera(instance, (1920, 1080)))
            .args(arguments(is_mplane));
        eprint!("{}", run(&mut command, Run::Program));
    }
}

#[test]
fn camera_states_are_as_documented() {
    let Some(_turn) = on_the_rig("camera_states_are_as_documented") else {
        return;
    };
    with_both("camera", |is_mplane| {
        Some(if is_mplane { "mplane" } else { "single" })
    });
}

/// The program that guides print, by what it prints.
#[test]
fn a_first_program_prints_ten_frames() {
    let Some(_turn) = on_the_rig("a_first_program_prints_ten_frames") else {
        return;
    };
    let Some(program) = Program::new("first_capture", Language::C99, Linking::Dynamic) else {
        return;
    };
    let mut command = program.command(&[]);
    let output = command.arg(camera(0, (1920, 1080))).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    let mut lines = said.lines();
    assert_eq!(lines.next(), Some("1920x1080 3231564e"));
    // A whole picture, of the monotonic clock: V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC.
    let is_right = |line: &str| {
        let (bytes, flags) = line.split_once(" bytes, flags ").unwrap();
        bytes.parse::<u32>().unwrap() >= 1920 * 1080 * 3 / 2 && flags == "2000"
    };
    assert!(lines.all(is_right), "{said}");
    assert_eq!(said.lines().count(), 11);
}

#[test]
fn full_hd_is_captured_with_four_buffers() {
    let Some(_turn) = on_the_rig("full_hd_is_captured_with_four_buffers") else {
        return;
    };
    // Slow guests take seconds for it: of the second interface, enough for every buffer.
    with_both("capture", |is_mplane| is_mplane.then_some("12"));
}
