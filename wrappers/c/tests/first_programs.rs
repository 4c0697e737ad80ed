//! The programs that guides to the interface print.

#![cfg(target_os = "linux")]

mod support;

use support::first_programs;
use support::program::Linking;
use videostream_testing::skip;

#[test]
fn a_hundred_pictures_are_encoded() {
    let test = "a_hundred_pictures_are_encoded";
    if cfg!(not(feature = "software")) {
        return skip(test, "built without software codecs");
    }
    first_programs::encode_a_hundred_pictures(test, Linking::Dynamic);
}

#[test]
fn a_client_prints_what_a_host_shares() {
    first_programs::print_what_a_host_shares(Linking::Dynamic);
}

#[test]
fn readme_program_prints_frames() {
    first_programs::print_frames_as_in_the_readme(Linking::Dynamic);
}
