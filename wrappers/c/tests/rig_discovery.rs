//! Lists of devices on a kernel with the virtual drivers: vivid, vicodec, vim2m.
//!
//! rig: arch=x86_64

#![cfg(target_os = "linux")]

mod support;

use support::program::{Language, Linking, Program};
use support::{Run, run, skip};

#[test]
fn the_virtual_devices_are_found_by_a_program_in_c() {
    let test = "the_virtual_devices_are_found_by_a_program_in_c";
    if std::env::var_os("VIDEOSTREAM_RIG").is_none_or(|value| value != "1") {
        return skip(test, "not in the guest of cargo xtask vm");
    }
    if let Some(program) = Program::new("discovery", Language::C99, Linking::Dynamic) {
        run(program.command(&[]).arg("virtual"), Run::Program);
    }
}
