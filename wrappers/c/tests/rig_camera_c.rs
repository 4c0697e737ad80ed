//! Cameras from C, on a kernel with the virtual one in both interfaces: the first instance is
//! single-planar, the second multi-planar.
//!
//! rig: arch=x86_64 vivid.n_devs=2 vivid.multiplanar=1,2

#![cfg(target_os = "linux")]

mod support;

use support::program::{Language, Linking, Program};
use support::{Run, run};
use videostream::hal::format::FourCc;
use videostream::hal::v4l2::{Device, Fraction, NodeKind, PixFormat, nodes};
use videostream_testing::on_the_rig;

/// The camera of an instance of the driver: its path. At its first input, a webcam, set to the
/// fastest rate of its large pictures, which stays when a program sets the format, and with bars that move.
fn camera(instance: u32) -> String {
    let bus = format!("platform:vivid-{instance:03}");
    let mut paths = nodes().unwrap().map(|node| node.as_str().to_owned());
    let (path, device) = paths
        .find_map(|path| {
            let device = Device::open(path.as_str()).ok()?;
            let is_it =
                device.kind() == NodeKind::Camera && device.capabilities().bus_info() == bus;
            is_it.then_some((path, device))
        })
        .unwrap_or_else(|| panic!("no camera of {bus}"));
    device.set_input(0).unwrap();
    let queue = device.capture_type().unwrap();
    let wish = PixFormat::wish(FourCc::NV12, 1920, 1080);
    device.set_format(queue, &wish).unwrap();
    device.set_interval(queue, Fraction::from_fps(60)).unwrap();
    for (name, value) in [("Test Pattern", 0), ("Horizontal Movement", 0)] {
        let control = device.control_by_name(name).unwrap().unwrap();
        device.set_control(&control, value).unwrap();
    }
    path
}

/// Runs a program in C with both cameras.
fn with_both(name: &str, arguments: impl Fn(bool) -> Option<&'static str>) {
    let Some(program) = Program::new(name, Language::C99, Linking::Dynamic) else {
        return;
    };
    for (instance, is_mplane) in [(0, false), (1, true)] {
        let mut command = program.command(&[]);
        command.arg(camera(instance)).args(arguments(is_mplane));
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
