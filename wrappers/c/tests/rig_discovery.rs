//! Lists of devices on a kernel with the virtual drivers: vivid, vicodec, vim2m.
//!
//! rig: programs=discovery

#![cfg(target_os = "linux")]

mod support;

use support::program::{Language, Linking, Program};
use support::{Run, run};
use videostream_testing::on_the_rig;

#[test]
fn virtual_devices_are_found_from_c() {
    let Some(_turn) = on_the_rig("virtual_devices_are_found_from_c") else {
        return;
    };
    if let Some(program) = Program::new("discovery", Language::C99, Linking::Dynamic) {
        run(program.command(&[]).arg("virtual"), Run::Program);
    }
}
