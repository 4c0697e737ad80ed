//! Encoders and decoders of the hardware from C, on the kernel's virtual codec. Only on x86_64, as
//! the tests of the Rust API: coding is slow under emulation.
//!
//! rig: programs=hardware arch=x86_64

#![cfg(target_os = "linux")]

mod support;

use support::program::{Language, Linking, Program};
use support::{Run, run};
use videostream_testing::on_the_rig;

#[test]
fn hardware_codecs_work_from_c() {
    let Some(_turn) = on_the_rig("hardware_codecs_work_from_c") else {
        return;
    };
    if let Some(program) = Program::new("hardware", Language::C99, Linking::Dynamic) {
        eprint!("{}", run(&mut program.command(&[]), Run::Program));
    }
}
