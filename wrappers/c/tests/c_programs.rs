//! Programs in C (`tests/c`) against the header and the libraries: as C99 and as C++11,
//! linked dynamically and statically, run as processes of their own. Those that name every
//! function, and those of frames, in every language with every linking.

#![cfg(target_os = "linux")]

mod support;

use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;

use support::program::{Language, Linking, Program, check, check_in_all_ways};
use support::{Run, run};
use videostream_testing::skip;

#[test]
fn the_interface_is_that_of_the_2_x_library() {
    check_in_all_ways("abi");
}

#[test]
fn codecs_and_copies_are_as_documented() {
    check("codec");
}

#[test]
fn core_is_as_documented() {
    check("core");
}

#[test]
fn frames_are_as_documented() {
    check_in_all_ways("frame");
}

#[test]
fn cameras_are_as_documented() {
    check("camera");
}

#[test]
fn discovery_is_as_documented() {
    check("discovery");
}

#[test]
fn shared_frames_are_as_documented() {
    check("share");
}

#[test]
fn memory_of_every_kind_is_shared() {
    check("memory");
}

#[test]
fn shrinkable_memory_is_shared_without_a_copy() {
    check("unsealed");
}

#[test]
fn clients_of_other_users_get_a_copy() {
    let test = "clients_of_other_users_get_a_copy";
    if !rustix::process::geteuid().is_root() {
        return skip(test, "becomes another user, which root alone may");
    }
    if let Some(program) = Program::new("unsealed", Language::C99, Linking::Dynamic) {
        run(program.command(&[]).arg("others"), Run::Program);
    }
}

#[test]
fn connections_are_as_documented() {
    check("connect");
}

#[test]
fn hosts_and_clients_work_in_processes_of_their_own() {
    check("pair");
}

#[test]
fn misuse_sets_errno_and_does_no_harm() {
    check("misuse");
}

#[test]
fn small_stacks_limits_and_cancellation() {
    check("limits");
}

/// Every warning that users of C++ may have on.
const STRICT: [&str; 8] = [
    "-Wconversion",
    "-Wsign-conversion",
    "-Wold-style-cast",
    "-Wuseless-cast",
    "-Wundef",
    "-Wshadow",
    "-Wzero-as-null-pointer-constant",
    "-pthread",
];

#[test]
fn objects_of_cpp_may_outlive_a_threads_variables() {
    for standard in ["-std=c++11", "-std=c++17", "-std=c++20"] {
        let Some(program) = Program::strict_cpp("hygiene", standard, &STRICT) else {
            return;
        };
        run(&mut program.command(&[]), Run::Program);
        // A callback that throws ends the program: by abort, and not by a return.
        let mut throwing = program.command(&[]);
        let status = throwing
            .arg("throw")
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert_eq!(
            status.signal(),
            Some(rustix::process::Signal::ABORT.as_raw())
        );
    }
}

#[test]
fn the_header_is_clean_c_of_every_standard() {
    let test = "the_header_is_clean_c_of_every_standard";
    for standard in ["-std=c99", "-std=c11", "-std=gnu17", "-std=c2x"] {
        let Some(mut compile) = support::compiler("cc") else {
            return skip(test, "no cc");
        };
        let header = support::header_folder().join("videostream.h");
        compile.args([standard, "-Wall", "-Wextra", "-Werror", "-pedantic"]);
        compile.args(["-Wconversion", "-Wundef", "-Wstrict-prototypes"]);
        compile.args(["-fsyntax-only", "-x", "c"]).arg(header);
        run(&mut compile, Run::Compiler);
    }
}

#[test]
fn additions_are_as_documented() {
    check("additions");
}
