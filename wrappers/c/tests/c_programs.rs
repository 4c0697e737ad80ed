//! Programs in C (`tests/c`) against the header and the libraries: as C99 and as C++11,
//! linked dynamically and statically, run as processes of their own. Those that name every
//! function, and those of frames, in every language with every linking.

#![cfg(target_os = "linux")]

mod support;

use support::program::{check, check_in_all_ways};

#[test]
fn the_interface_is_that_of_the_2_x_library() {
    check_in_all_ways("abi");
}

#[test]
fn encoders_decoders_and_copies_do_as_the_header_says() {
    check("codec");
}

#[test]
fn core_does_as_the_header_says() {
    check("core");
}

#[test]
fn frames_do_as_the_header_says() {
    check_in_all_ways("frame");
}

#[test]
fn cameras_do_as_the_header_says() {
    check("camera");
}

#[test]
fn discovery_does_as_the_header_says() {
    check("discovery");
}

#[test]
fn shared_frames_do_as_the_header_says() {
    check("share");
}

#[test]
fn memory_of_every_kind_is_shared_as_the_header_says() {
    check("memory");
}

#[test]
fn sockets_and_connections_do_as_the_header_says() {
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
fn additions_do_as_the_header_says() {
    check("additions");
}
