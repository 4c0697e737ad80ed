//! The installed static library next to others, and in programs without shared libraries.

#![cfg(target_os = "linux")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use support::tree::{PROGRAM, Tree};
use support::{Run, compiler, elf, library_folder, run};
use tempfile::TempDir;
use videostream_testing::skip;

static TREE: LazyLock<Tree> = LazyLock::new(|| Tree::installed("install-static"));

/// Of another author, in Rust, and it unwinds.
const OTHER: &str = r#"
#[unsafe(no_mangle)]
pub extern "C" fn other_sum(n: u64) -> u64 {
    std::panic::catch_unwind(|| {
        assert!(n != 3);
        (0..n).collect::<Vec<u64>>().iter().sum()
    })
    .unwrap_or(33)
}
"#;

/// It has a function that is named as one of the codecs in the library.
const MAIN: &str = r#"
#include <stdint.h>
#include <videostream.h>
uint64_t other_sum(uint64_t);
int WelsThreadCreate(void);
int WelsThreadCreate(void) { return 7; }
int main(void) {
    VSLHost* host = vsl_host_init("/nonexistent/folder/socket");
    const char* why = vsl_x_last_error();
    if (host || !why || !*why)
        return 1;
    return other_sum(10) != 45 || other_sum(3) != 33 || WelsThreadCreate() != 7;
}
"#;

/// In C++, with functions that the codecs have, too, each in a group of its name.
const CPP: &str = r#"
#include <map>
#include <string>
#include <vector>
#include <videostream.h>
int main() {
    std::map<std::string, std::vector<int>> words;
    words[vsl_version()].push_back(1);
    try {
        words.at("").at(0);
    } catch (const std::exception&) {
        return words.size() == 1 ? 0 : 1;
    }
    return 1;
}
"#;

fn archive() -> PathBuf {
    TREE.libraries().join("libvideostream.a")
}

/// Writes a source file into a folder of its own.
fn source(name: &str, text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    fs::write(&file, text).unwrap();
    (folder, file)
}

/// Libraries that a program linked with the archive needs as well.
fn needed() -> Vec<String> {
    let words = TREE.described("Libs.private: ");
    words.split(' ').map(str::to_owned).collect()
}

fn include() -> String {
    format!("-I{}", TREE.prefix.join("include").display())
}

#[test]
fn only_functions_of_its_own_are_visible() {
    let visible = elf::visible(&archive());
    let other: Vec<_> = visible
        .iter()
        .filter(|name| !name.starts_with("vsl_"))
        .collect();
    assert!(
        other.is_empty(),
        "{} of them: {:?}",
        other.len(),
        other.first()
    );
    let shared = elf::exported(&library_folder().join("libvideostream_c.so"));
    assert_eq!(visible, shared);
}

#[test]
fn another_rust_library_can_be_linked() {
    let test = "another_rust_library_can_be_linked";
    if compiler("cc").is_none() || compiler("rustc").is_none() {
        return skip(test, "no cc or no rustc");
    }
    let (folder, main) = source("main.c", MAIN);
    fs::write(folder.path().join("other.rs"), OTHER).unwrap();
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition", "2024", "--crate-type", "staticlib", "other.rs"]);
    run(rustc.current_dir(folder.path()), Run::Compiler);
    let program = folder.path().join("program");
    let mut cc = Command::new("cc");
    cc.arg(include()).arg(&main).arg("-o").arg(&program);
    cc.arg(archive()).arg(folder.path().join("libother.a"));
    run(cc.args(needed()), Run::Compiler);
    run(&mut Command::new(&program), Run::Program);
}

#[test]
fn a_program_in_cpp_has_the_same_templates() {
    let test = "a_program_in_cpp_has_the_same_templates";
    if compiler("c++").is_none() {
        return skip(test, "no c++");
    }
    let (folder, main) = source("main.cpp", CPP);
    let program = folder.path().join("program");
    let mut cpp = Command::new("c++");
    cpp.arg("-std=c++11")
        .arg(include())
        .arg(&main)
        .arg(archive());
    run(cpp.args(needed()).arg("-o").arg(&program), Run::Compiler);
    run(&mut Command::new(&program), Run::Program);
}

#[test]
fn a_program_without_shared_libraries_runs() {
    let test = "a_program_without_shared_libraries_runs";
    if compiler("cc").is_none() {
        return skip(test, "no cc");
    }
    let (folder, empty) = source("empty.c", "int main(void) { return 0; }\n");
    let program = folder.path().join("program");
    for library in needed().iter().map(String::as_str).chain(["-lgcc_eh"]) {
        if library == "-lgcc_s" {
            continue;
        }
        let mut probe = Command::new("cc");
        probe
            .arg("-static")
            .arg(&empty)
            .arg("-o")
            .arg(&program)
            .arg(library);
        if !probe.output().unwrap().status.success() {
            return skip(test, &format!("the system has no static {library}"));
        }
    }
    let Some(words) = TREE.pkg_config(&["--static", "--cflags", "--libs"]) else {
        return skip(test, "no pkg-config");
    };
    let mut cc = Command::new("cc");
    cc.args(["-static", "-std=c99", PROGRAM, "-o"])
        .arg(&program);
    run(cc.args(words), Run::Compiler);
    run(&mut Command::new(&program), Run::Program);
    assert!(!needs_a_linker(&program), "it is not static");
}

/// Whether a program names what the dynamic linker is to load.
fn needs_a_linker(program: &Path) -> bool {
    let bytes = fs::read(program).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    object::Object::section_by_name(&file, ".interp").is_some()
}
