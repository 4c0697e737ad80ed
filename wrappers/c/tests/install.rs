//! What `cargo xtask install` installs: programs find the library by pkg-config and by CMake, and
//! run with it, linked dynamically and statically. cargo-c, where it is installed, makes the same.

#![cfg(target_os = "linux")]

mod support;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use support::tree::{LIBDIR, PROGRAM, Tree};
use support::{Run, compiler, elf, run};
use videostream_testing::skip;

/// What `cargo xtask install` installs.
static TREE: LazyLock<Tree> = LazyLock::new(|| Tree::installed("install"));

#[test]
fn the_files_are_those_of_the_2_x_library() {
    let prefix = &TREE.prefix;
    let libraries = TREE.libraries();
    let link = |name: &str| fs::read_link(libraries.join(name)).unwrap();
    assert_eq!(link("libvideostream.so"), Path::new("libvideostream.so.2"));
    assert_eq!(
        link("libvideostream.so.2"),
        Path::new("libvideostream.so.2.6.0")
    );
    for file in [
        "lib/here/libvideostream.so.2.6.0",
        "lib/here/libvideostream.a",
        "lib/here/pkgconfig/videostream.pc",
        "lib/here/cmake/VideoStream/VideoStreamConfig.cmake",
        "lib/here/cmake/VideoStream/VideoStreamConfigVersion.cmake",
        "include/videostream.h",
    ] {
        assert!(prefix.join(file).is_file(), "{file}");
    }
}

#[test]
fn a_program_is_built_by_pkg_config_in_both_ways() {
    let test = "a_program_is_built_by_pkg_config_in_both_ways";
    if compiler("cc").is_none() {
        return skip(test, "no cc");
    }
    let Some(version) = TREE.pkg_config(&["--modversion"]) else {
        return skip(test, "no pkg-config");
    };
    assert_eq!(version, ["2.6.0"]);
    TREE.serves_a_program();
}

/// Without software codecs, which would be compiled once more.
#[test]
#[cfg(target_pointer_width = "64")]
fn cargo_c_installs_the_same_library() {
    let test = "cargo_c_installs_the_same_library";
    for tool in ["cargo-cinstall", "cc", "pkg-config"] {
        if compiler(tool).is_none() {
            return skip(test, &format!("no {tool}"));
        }
    }
    let tree = Tree::new("cinstall");
    let mut install = Command::new(env!("CARGO"));
    install
        .args(["cinstall", "--offline", "--profile", "dev"])
        .args(["-p", "videostream-c", "--no-default-features"])
        // cargo-c contains another cargo version: in one folder each would rebuild the other's
        // work.
        .arg("--target-dir")
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("cinstall-target"));
    tree.fill(&mut install, "/usr");

    let names = |tree: &Tree, folder: &str| -> BTreeSet<_> {
        let entries = fs::read_dir(tree.prefix.join(folder)).unwrap();
        entries.map(|entry| entry.unwrap().file_name()).collect()
    };
    let mut libraries = names(&TREE, LIBDIR);
    assert!(libraries.remove(OsStr::new("cmake")));
    // Of another package, if that was built.
    libraries.remove(OsStr::new("gstreamer-1.0"));
    assert_eq!(names(&tree, LIBDIR), libraries);
    for folder in ["include", "lib/here/pkgconfig"] {
        assert_eq!(names(&tree, folder), names(&TREE, folder));
    }
    let header = |tree: &Tree| fs::read(tree.prefix.join("include/videostream.h")).unwrap();
    assert!(header(&tree) == header(&TREE));
    for name in ["libvideostream.so", "libvideostream.so.2"] {
        let [one, other] = [&tree, &TREE].map(|tree| tree.libraries().join(name));
        let file = fs::canonicalize(&one).unwrap();
        assert_eq!(file.file_name(), Some("libvideostream.so.2.6.0".as_ref()));
        assert_eq!(elf::soname(&one), elf::soname(&other));
        assert_eq!(elf::exported(&one), elf::exported(&other));
    }
    for key in [
        "prefix=",
        "libdir=",
        "Name: ",
        "Version: ",
        "Libs: ",
        "Cflags: ",
    ] {
        // Quotes are for spaces, which cargo-c does not think of.
        let ours = TREE.described(key).replace('"', "");
        assert_eq!(tree.described(key), ours, "{key}");
    }
    // Rust's own list has some twice, and one more that is empty in today's C libraries.
    let needed = tree.described("Libs.private: ");
    let needed: BTreeSet<_> = needed.split(' ').collect();
    let of_ours = TREE.described("Libs.private: ");
    for library in of_ours.split(' ').filter(|name| *name != "-lstdc++") {
        assert!(needed.contains(library), "{library} is not in {needed:?}");
    }
    tree.serves_a_program();
}

#[test]
fn a_project_of_cmake_finds_the_library() {
    if compiler("cmake").is_none() {
        return skip("a_project_of_cmake_finds_the_library", "no cmake");
    }
    let folder = tempfile::tempdir().unwrap();
    let lists = format!(
        "cmake_minimum_required(VERSION 3.10)\n\
         project(program C)\n\
         set(CMAKE_C_STANDARD 99)\n\
         find_package(VideoStream 2.4 REQUIRED CONFIG)\n\
         add_executable(dynamic {PROGRAM})\n\
         target_link_libraries(dynamic VideoStream::videostream)\n\
         add_executable(static {PROGRAM})\n\
         target_link_libraries(static VideoStream::videostream_static)\n"
    );
    fs::write(folder.path().join("CMakeLists.txt"), lists).unwrap();
    let mut configure = Command::new("cmake");
    configure
        .args(["-S", ".", "-B", "build"])
        .arg(format!(
            "-DVideoStream_DIR={}",
            TREE.libraries().join("cmake/VideoStream").display()
        ))
        .current_dir(folder.path());
    run(&mut configure, Run::Compiler);
    let mut build = Command::new("cmake");
    build.args(["--build", "build"]).current_dir(folder.path());
    run(&mut build, Run::Compiler);
    for name in ["dynamic", "static"] {
        run(
            &mut Command::new(folder.path().join("build").join(name)),
            Run::Program,
        );
    }
}
