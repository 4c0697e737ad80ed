//! The programs that guides to the interface print: what they write is looked at.

#![cfg(target_os = "linux")]

mod support;

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use support::probe;
use support::program::{Language, Linking, Program};
use videostream_testing::skip;

fn output(command: &mut Command) -> String {
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{command:?}: {said}");
    said
}

/// It tells success by 0, and asks the frame for the bytes.
#[test]
fn a_hundred_pictures_are_encoded() {
    let test = "a_hundred_pictures_are_encoded";
    if cfg!(not(feature = "software")) {
        return skip(test, "built without software codecs");
    }
    let Some(program) = Program::new("first_encode", Language::C99, Linking::Dynamic) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stream.h264");
    let said = output(program.command(&[]).arg(&file));
    assert!(said.starts_with("key frame at 0\n"), "{said}");
    assert!(said.ends_with("\n100 pictures\n"), "{said}");
    if let Some(seen) = probe(test, &file) {
        assert_eq!(seen, "h264,1280,720,100");
    }
}

#[test]
fn a_client_prints_what_a_host_shares() {
    let Some(program) = Program::new("first_client", Language::C99, Linking::Dynamic) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let mut host = program.command(&[]);
    host.arg("host").arg(&socket);
    host.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut host = host.spawn().unwrap();
    let mut ready = String::new();
    let mut said = BufReader::new(host.stdout.take().unwrap());
    said.read_line(&mut ready).unwrap();
    assert_eq!(ready, "ready\n");
    let said = output(program.command(&[]).arg("client").arg(&socket));
    drop(host.stdin.take());
    assert!(host.wait().unwrap().success());
    assert_eq!(said.lines().count(), 10, "{said}");
    for line in said.lines() {
        let (size, values) = line.split_once(", first ").unwrap();
        assert_eq!(size, "640x480 460800 bytes");
        let (first, last) = values.split_once(" last ").unwrap();
        assert_eq!(first, last, "{line}");
    }
}
