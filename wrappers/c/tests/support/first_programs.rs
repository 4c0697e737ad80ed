//! The programs that guides to the interface print, run: what they write is looked at.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use super::probe;
use super::program::{Language, Linking, Program};

fn output(command: &mut Command) -> String {
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{command:?}: {said}");
    said
}

/// It tells success by 0, and asks the frame for the bytes.
pub(crate) fn encode_a_hundred_pictures(test: &str, linking: Linking) {
    let Some(program) = Program::new("first_encode", Language::C99, linking) else {
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

/// The program of the README prints the frames of a host until that ends.
pub(crate) fn print_frames_as_in_the_readme(linking: Linking) {
    const README: &str = include_str!("../../../../README.md");
    let (_, code) = README.split_once("```c\n").expect("a program in C");
    let (code, _) = code.split_once("```").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let code = code.replace("/tmp/camera", socket.to_str().unwrap());
    let source = folder.path().join("readme.c");
    std::fs::write(&source, code).unwrap();
    let Some(program) = Program::of_source("readme", &source, Language::C99, linking) else {
        return;
    };
    let Some(host_program) = Program::new("first_client", Language::C99, linking) else {
        return;
    };
    let mut host = host_program.command(&[]);
    host.arg("host").arg(&socket);
    host.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut host = host.spawn().unwrap();
    let mut ready = String::new();
    let mut said = BufReader::new(host.stdout.take().unwrap());
    said.read_line(&mut ready).unwrap();
    let mut client = program.command(&["stdbuf", "-oL"]);
    let mut client = client.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(client.stdout.take().unwrap()).lines();
    let mut lines = lines.map(Result::unwrap);
    for line in lines.by_ref().take(10) {
        let (serial, pixel) = line.split_once(' ').expect("two numbers");
        assert!(serial.parse::<u64>().unwrap() > 0, "{line}");
        assert!(pixel.parse::<u8>().unwrap() < 100, "{line}");
    }
    drop(host.stdin.take());
    assert!(host.wait().unwrap().success());
    assert!(lines.all(|line| line.contains(' ')));
    assert!(client.wait().unwrap().success());
}

/// A client without a deadline prints ten frames of a host in another process.
pub(crate) fn print_what_a_host_shares(linking: Linking) {
    let Some(program) = Program::new("first_client", Language::C99, linking) else {
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
