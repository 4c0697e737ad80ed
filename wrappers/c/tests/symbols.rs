//! What the shared library exports and is called: the functions of the header, no more and
//! no fewer.

#![cfg(target_os = "linux")]

mod support;

use std::collections::BTreeSet;
use std::path::PathBuf;

fn library() -> PathBuf {
    support::library_folder().join("libvideostream_c.so")
}

/// Names before a `(` that start with `vsl_`, in lines that declare a function.
fn declared() -> BTreeSet<String> {
    let header = std::fs::read_to_string(support::header_folder().join("videostream.h")).unwrap();
    let declarations = header.lines().filter(|line| line.starts_with("VSL_API "));
    declarations
        .map(|line| {
            let head = line.split_once('(').expect("a function").0;
            let name = head.rsplit([' ', '*']).next().unwrap();
            assert!(name.starts_with("vsl_"), "{line}");
            name.to_owned()
        })
        .collect()
}

/// Names in the first column of the guide's tables.
fn documented() -> BTreeSet<String> {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/c-api.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let section = guide.split_once("## Functions\n").unwrap().1;
    let section = section.split("\n## ").next().unwrap();
    let words = section.split('`').filter(|word| word.starts_with("vsl_"));
    words.map(str::to_owned).collect()
}

#[test]
fn exports_are_the_header_functions() {
    let exported = support::elf::exported(&library());
    assert!(exported.len() > 20, "{exported:?}");
    assert_eq!(exported, declared());
}

/// Functions that the 2.x library has not.
const ADDITIONS: &[&str] = &[
    "vsl_x_frame_colorimetry",
    "vsl_x_frame_set_colorimetry",
    "vsl_x_encoder_create_config",
    "vsl_x_encoder_copies",
    "vsl_x_client_fd",
    "vsl_x_host_stats",
    "vsl_x_last_error",
];

/// The functions of the 2.x library, which `tests/c/abi.c` declares once more.
fn of_the_old_library() -> BTreeSet<String> {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/c/abi.c");
    let source = std::fs::read_to_string(source).unwrap();
    let lines = source.lines().filter(|line| line.starts_with("extern "));
    let names = lines.filter_map(|line| {
        let words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let mut names = words.filter(|word| word.starts_with("vsl_"));
        // A type may come before the name.
        names.find(|name| line.contains(&format!("{name}(")))
    });
    names.map(str::to_owned).collect()
}

#[test]
fn the_functions_are_the_102_of_2_x_and_additions() {
    let mut names = of_the_old_library();
    assert_eq!(names.len(), 102);
    names.extend(ADDITIONS.iter().map(|name| (*name).to_owned()));
    assert_eq!(declared(), names);
}

/// Nothing else compares a prototype in C with the function in Rust that it stands for.
#[test]
fn each_function_takes_and_gives_what_the_header_says() {
    let header = support::signatures::in_the_header();
    let library = support::signatures::in_the_library();
    for (name, signature) in &header {
        assert_eq!(library.get(name), Some(signature), "{name}");
    }
    assert_eq!(library.len(), header.len());
    let names: BTreeSet<String> = header.into_keys().collect();
    assert_eq!(names, declared());
}

#[test]
fn the_guide_lists_the_functions_of_the_header() {
    assert_eq!(documented(), declared());
}

#[test]
#[cfg(all(target_pointer_width = "64", target_endian = "little"))]
fn the_linker_knows_the_library_by_the_old_name() {
    assert_eq!(support::elf::soname(&library()), "libvideostream.so.2");
}
