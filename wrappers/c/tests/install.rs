//! What `cargo xtask install` installs: programs find the library by pkg-config and by CMake, and
//! run with it, linked dynamically and statically.

#![cfg(target_os = "linux")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use support::{Run, compiler, library_folder, run};
use videostream_testing::skip;

/// DESTDIR with nothing else in it, and the prefix below it. It is made anew by each run.
static TREE: LazyLock<(PathBuf, PathBuf)> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("install");
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{error}"),
        _ => {}
    }
    let prefix = folder.join("usr");
    let mut install = Command::new(env!("CARGO"));
    install
        .args([
            "run",
            "--quiet",
            "--offline",
            "-p",
            "xtask",
            "--",
            "install",
        ])
        .args(["--prefix", "/usr", "--libdir", "lib/here", "--destdir"])
        .arg(&folder)
        .arg("--from")
        .arg(library_folder())
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    run(&mut install, Run::Compiler);
    (folder, prefix)
});

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/c/frame.c");

/// What pkg-config says of the installed library, as words.
fn pkg_config(words: &[&str]) -> Option<Vec<String>> {
    compiler("pkg-config")?;
    let (folder, prefix) = &*TREE;
    let mut ask = Command::new("pkg-config");
    ask.args(words)
        .arg("videostream")
        .env("PKG_CONFIG_LIBDIR", prefix.join("lib/here/pkgconfig"))
        .env("PKG_CONFIG_SYSROOT_DIR", folder)
        .env("PKG_CONFIG_ALLOW_SYSTEM_CFLAGS", "1")
        .env("PKG_CONFIG_ALLOW_SYSTEM_LIBS", "1");
    let answer = ask.output().unwrap();
    assert!(answer.status.success(), "{answer:?}");
    let text = String::from_utf8(answer.stdout).unwrap();
    Some(text.split_whitespace().map(str::to_owned).collect())
}

#[test]
fn the_files_are_those_of_the_2_x_library() {
    let (_, prefix) = &*TREE;
    let libraries = prefix.join("lib/here");
    let link = |name: &str| fs::read_link(libraries.join(name)).unwrap();
    assert_eq!(link("libvideostream.so"), Path::new("libvideostream.so.2"));
    assert_eq!(
        link("libvideostream.so.2"),
        Path::new("libvideostream.so.2.5.1")
    );
    for file in [
        "lib/here/libvideostream.so.2.5.1",
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
    let (Some(mut dynamic), Some(mut fixed)) = (compiler("cc"), compiler("cc")) else {
        return skip(test, "no cc");
    };
    let Some(words) = pkg_config(&["--cflags", "--libs"]) else {
        return skip(test, "no pkg-config");
    };
    assert_eq!(pkg_config(&["--modversion"]).unwrap(), ["2.5.1"]);
    let (folder, prefix) = &*TREE;
    let executable = folder.join("dynamic");
    dynamic.args(["-std=c99", PROGRAM, "-o"]).arg(&executable);
    run(dynamic.args(words), Run::Compiler);
    let mut program = Command::new(&executable);
    program.env("LD_LIBRARY_PATH", prefix.join("lib/here"));
    run(&mut program, Run::Program);

    // The archive by its file name: the linker would take the shared library beside it.
    let words = pkg_config(&["--cflags", "--libs", "--static"]).unwrap();
    let words = words.iter().map(|word| match word.as_str() {
        "-lvideostream" => "-l:libvideostream.a",
        other => other,
    });
    let executable = folder.join("static");
    fixed.args(["-std=c99", "-DVSL_API_STATIC", PROGRAM, "-o"]);
    run(fixed.arg(&executable).args(words), Run::Compiler);
    run(&mut Command::new(&executable), Run::Program);
}

#[test]
fn a_project_of_cmake_finds_the_library() {
    if compiler("cmake").is_none() {
        return skip("a_project_of_cmake_finds_the_library", "no cmake");
    }
    let (_, prefix) = &*TREE;
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
            prefix.join("lib/here/cmake/VideoStream").display()
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
