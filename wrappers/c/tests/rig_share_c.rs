//! Hosts and clients in C on a kernel of their own: the pair of the machine's tests, unchanged, and
//! a host that shares memory of devices.
//!
//! rig: programs=device_memory,first_client,pair

#![cfg(target_os = "linux")]

mod support;

use support::program::{Language, Linking, Program};
use support::rig_camera::camera;
use support::{Run, first_programs, run};
use videostream_testing::on_the_rig;

#[test]
fn hosts_and_clients_work_in_processes_of_their_own() {
    let Some(_turn) = on_the_rig("hosts_and_clients_work_in_processes_of_their_own") else {
        return;
    };
    if let Some(program) = Program::new("pair", Language::C99, Linking::Static) {
        run(&mut program.command(&[]), Run::Program);
    }
}

#[test]
fn a_client_prints_what_a_host_shares() {
    let Some(_turn) = on_the_rig("a_client_prints_what_a_host_shares") else {
        return;
    };
    first_programs::print_what_a_host_shares(Linking::Static);
}

#[test]
fn device_memory_survives_killed_clients() {
    let Some(_turn) = on_the_rig("device_memory_survives_killed_clients") else {
        return;
    };
    if let Some(program) = Program::new("device_memory", Language::C99, Linking::Static) {
        run(
            program.command(&[]).arg(camera(0, (640, 360))),
            Run::Program,
        );
    }
}
