//! The messages of CUSE as the test rig's devices have them, against the kernel's header.

#![cfg(target_os = "linux")]

mod cuse;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use cuse::wire::{LAYOUTS, NUMBERS};
use videostream_testing::skip;

const HEADER: &str = "/usr/include/linux/fuse.h";

/// Compiles claims; `None` without a compiler, else what it has to say against them.
fn compile(claims: &str) -> Option<String> {
    let mut compiler = Command::new("cc")
        .args(["-fsyntax-only", "-x", "c", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    let program = format!("#include <stddef.h>\n#include \"{HEADER}\"\n{claims}");
    let mut input = compiler.stdin.take().unwrap();
    input.write_all(program.as_bytes()).unwrap();
    drop(input);
    let output = compiler.wait_with_output().unwrap();
    if output.status.success() {
        return Some(String::new());
    }
    Some(String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn messages_are_those_of_the_kernels_header() {
    let test = "messages_are_those_of_the_kernels_header";
    if !Path::new(HEADER).exists() {
        return skip(test, "no kernel headers");
    }
    let mut claims = String::new();
    // Writing to a string does not fail.
    for (name, size, fields) in LAYOUTS {
        let _ = writeln!(
            claims,
            "_Static_assert(sizeof(struct {name}) == {size}, \"{name}\");"
        );
        for (field, offset) in fields.iter().filter(|(field, _)| !field.starts_with('_')) {
            let _ = writeln!(
                claims,
                "_Static_assert(offsetof(struct {name}, {field}) == {offset}, \"{field}\");"
            );
        }
    }
    for (name, value) in NUMBERS {
        let _ = writeln!(claims, "_Static_assert({name} == {value}, \"{name}\");");
    }
    match compile(&claims) {
        None => skip(test, "no C compiler"),
        Some(said) => assert_eq!(said, ""),
    }
    // The compiler looks at what it is given.
    if let Some(said) = compile("_Static_assert(FUSE_IOCTL == 40, \"wrong\");") {
        assert!(said.contains("wrong"), "{said}");
    }
}
