//! Cameras from C, on a kernel with the virtual one in both interfaces: the first instance is
//! single-planar, the second multi-planar.
//!
//! rig: programs=camera,capture vivid.n_devs=2 vivid.multiplanar=1,2

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
fn a_camera_goes_through_its_states_as_the_header_says() {
    let Some(_turn) = on_the_rig("a_camera_goes_through_its_states_as_the_header_says") else {
        return;
    };
    with_both("camera", |is_mplane| {
        Some(if is_mplane { "mplane" } else { "single" })
    });
}

#[test]
fn a_hundred_full_hd_frames_are_captured_with_four_buffers() {
    let Some(_turn) = on_the_rig("a_hundred_full_hd_frames_are_captured_with_four_buffers") else {
        return;
    };
    // Slow guests take seconds for it: of the second interface, enough for every buffer.
    with_both("capture", |is_mplane| is_mplane.then_some("12"));
}
