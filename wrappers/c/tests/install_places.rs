//! Where an installation puts things, and what it leaves when it fails: prefixes with spaces, links
//! to folders, the umask, what cargo says of where it built.

#![cfg(target_os = "linux")]

mod support;

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use support::tree::{LIBDIR, PROGRAM, Tree, xtask};
use support::{Run, compiler, library_folder, run};
use videostream_testing::skip;

static TREE: LazyLock<Tree> = LazyLock::new(|| Tree::installed("install-places"));

/// Every file and folder below `folder`, with its mode, or where it leads.
fn content(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let meta = fs::symlink_metadata(&path).unwrap();
        let what = match fs::read_link(&path) {
            Ok(target) => target.display().to_string(),
            Err(_) => format!("{:o} {}", meta.permissions().mode() & 0o7777, meta.len()),
        };
        if meta.is_dir() {
            found.extend(content(&path));
        }
        found.insert(path, what);
    }
    found
}

#[test]
fn everybody_can_enter_the_folders() {
    let tree = Tree::new("umask");
    let mut shell = Command::new("sh");
    shell.args(["-c", "umask 077 && exec \"$@\"", "sh"]);
    let install = xtask();
    shell.arg(install.get_program()).args(install.get_args());
    tree.fill(shell.arg("--from").arg(library_folder()), "/usr");
    for (path, mode) in content(&tree.folder) {
        let everybody = match path.is_dir() || path.to_string_lossy().contains(".so.") {
            true => "755 ",
            false => "644 ",
        };
        let is_file = !path.is_symlink();
        assert!(!is_file || mode.starts_with(everybody), "{mode} {path:?}");
    }
    let mode = fs::metadata(&tree.folder).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
}

#[test]
fn a_failed_installation_keeps_the_old_one() {
    let tree = Tree::installed("replace");
    let before = content(&tree.folder);
    let fails = |from: &Path, said: &str| {
        let mut install = xtask();
        install.args(["--prefix", "/usr", "--libdir", LIBDIR, "--from"]);
        let output = install
            .arg(from)
            .arg("--destdir")
            .arg(&tree.folder)
            .output();
        let output = output.unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && text.contains(said), "{text}");
    };
    let from = tempfile::tempdir().unwrap();
    let shared = from.path().join("libvideostream_c.so");
    fs::write(&shared, "half of it").unwrap();
    fails(from.path(), "libvideostream_c.a");
    assert_eq!(content(&tree.folder), before);

    // The last of all can't be put into its place.
    fs::copy(
        library_folder().join("libvideostream_c.a"),
        from.path().join("libvideostream_c.a"),
    )
    .unwrap();
    fs::write(from.path().join("videostream"), "the command").unwrap();
    let command = tree.prefix.join("bin/videostream");
    fs::create_dir_all(&command).unwrap();
    fails(from.path(), "is a folder");
    fs::remove_dir_all(tree.prefix.join("bin")).unwrap();
    assert_eq!(content(&tree.folder), before);
}

#[test]
fn the_plugin_is_where_gstreamer_looks_for_it() {
    let from = tempfile::tempdir().unwrap();
    let (archive, plugin) = ("libvideostream_c.a", "libgstvideostream.so");
    fs::copy(library_folder().join(archive), from.path().join(archive)).unwrap();
    fs::write(from.path().join(plugin), "the plugin").unwrap();
    let tree = Tree::new("plugin");
    tree.fill(xtask().arg("--from").arg(from.path()), "/usr");
    let place = tree.libraries().join("gstreamer-1.0");
    let installed = fs::read_to_string(place.join(plugin));
    assert_eq!(installed.unwrap(), "the plugin");

    let tree = Tree::new("no-plugin");
    let mut install = xtask();
    install.arg("--no-gstreamer").arg("--from").arg(from.path());
    tree.fill(&mut install, "/usr");
    assert!(!tree.libraries().join("gstreamer-1.0").exists());
}

/// A stand-in for cargo, which would build for minutes; reports another target folder.
fn a_cargo_that_builds_into(folder: &Path, shared: bool) -> PathBuf {
    let file = |name: &str| format!("\"{}\"", folder.join(name).display());
    let mut libraries = vec![file("libvideostream_c.a")];
    libraries.extend(shared.then(|| file("libvideostream_c.so")));
    let command = file("videostream");
    let plugin = file("libgstvideostream.so");
    let libraries = libraries.join(",");
    let built = |name: &str, kind: &str, files: &str, executable: &str| {
        format!(
            "echo '{{\"reason\":\"compiler-artifact\",\"package_id\":\"p\",\
             \"target\":{{\"name\":\"{name}\",\"kind\":[\"{kind}\"],\"src_path\":\"/\"}},\
             \"profile\":{{\"opt_level\":\"3\",\
             \"debug_assertions\":false,\"overflow_checks\":false,\"test\":false}},\"features\":[],\
             \"filenames\":[{files}],\"executable\":{executable},\"fresh\":true}}' ;;\n"
        )
    };
    let script = format!(
        "#!/bin/sh\ncase \"$1 $3\" in\n'rustc videostream-gstreamer') {}rustc*) {}build*) {}\
         *) exit 1 ;;\nesac\n",
        built("gstvideostream", "cdylib", &plugin, "null"),
        built("videostream_c", "staticlib", &libraries, "null"),
        built("videostream", "bin", &command, &command),
    );
    let programs = folder.join("programs");
    fs::create_dir(&programs).unwrap();
    fs::write(programs.join("cargo"), script).unwrap();
    fs::set_permissions(programs.join("cargo"), Permissions::from_mode(0o755)).unwrap();
    programs
}

/// What is installed when cargo has built as it says.
fn installed_as_cargo_says(name: &str, shared: bool) -> Tree {
    let built = tempfile::tempdir().unwrap();
    for library in ["libvideostream_c.a", "libvideostream_c.so"] {
        fs::copy(library_folder().join(library), built.path().join(library)).unwrap();
    }
    fs::write(built.path().join("videostream"), "the command").unwrap();
    fs::write(built.path().join("libgstvideostream.so"), "the plugin").unwrap();
    let programs = a_cargo_that_builds_into(built.path(), shared);
    let path = std::env::var("PATH").unwrap_or_default();
    let tree = Tree::new(name);
    let mut install = xtask();
    install.env("PATH", format!("{}:{path}", programs.display()));
    tree.fill(&mut install, "/usr");
    let command = fs::read_to_string(tree.prefix.join("bin/videostream"));
    assert_eq!(command.unwrap(), "the command");
    tree
}

#[test]
fn what_was_built_is_where_cargo_says() {
    let tree = installed_as_cargo_says("elsewhere", true);
    let installed = fs::read(tree.libraries().join("libvideostream.so")).unwrap();
    let built = fs::read(library_folder().join("libvideostream_c.so")).unwrap();
    assert!(installed == built);
    // Where GStreamer's headers are there.
    let plugin = tree.libraries().join("gstreamer-1.0/libgstvideostream.so");
    if let Ok(plugin) = fs::read_to_string(plugin) {
        assert_eq!(plugin, "the plugin");
    }
}

/// As for musl.
#[test]
fn a_target_may_have_no_shared_library() {
    let tree = installed_as_cargo_says("archive-only", false);
    let files = content(&tree.folder);
    assert!(
        !files
            .keys()
            .any(|file| file.to_string_lossy().contains(".so"))
    );
    assert!(tree.prefix.join("include/videostream.h").is_file());
    let test = "a_target_may_have_no_shared_library";
    let Some(words) = tree.pkg_config(&["--cflags", "--libs"]) else {
        return skip(test, "no pkg-config");
    };
    let Some(mut cc) = compiler("cc") else {
        return skip(test, "no cc");
    };
    let program = tree.folder.join("program");
    cc.args(["-std=c99", PROGRAM, "-o"]).arg(&program);
    run(cc.args(words), Run::Compiler);
    run(&mut Command::new(&program), Run::Program);
}

#[test]
fn a_prefix_may_have_a_space() {
    let test = "a_prefix_may_have_a_space";
    if compiler("cc").is_none() || compiler("pkg-config").is_none() {
        return skip(test, "no cc or no pkg-config");
    }
    let folder = tempfile::tempdir().unwrap();
    let prefix = folder.path().join("my prefix");
    let mut install = xtask();
    install.arg("--prefix").arg(&prefix);
    run(install.arg("--from").arg(library_folder()), Run::Compiler);
    let program = folder.path().join("program");
    let mut shell = Command::new("sh");
    shell
        .args([
            "-c",
            "eval \"cc -std=c99 $1 -o $2 $(pkg-config --cflags --libs videostream)\"",
        ])
        .args(["sh", PROGRAM])
        .arg(&program)
        .env("PKG_CONFIG_LIBDIR", prefix.join("lib/pkgconfig"));
    run(&mut shell, Run::Compiler);
    let mut program = Command::new(&program);
    run(
        program.env("LD_LIBRARY_PATH", prefix.join("lib")),
        Run::Program,
    );
}

/// Compilers are told the whole path, wherever they run.
#[test]
fn a_prefix_may_be_relative() {
    let tree = Tree::new("relative");
    fs::create_dir_all(&tree.folder).unwrap();
    // Cargo finds the project from the folder in which it runs: past that, by the manifest.
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml");
    let mut install = Command::new(env!("CARGO"));
    install
        .args([
            "run",
            "--quiet",
            "--offline",
            "-p",
            "xtask",
            "--manifest-path",
            manifest,
        ])
        .args([
            "--", "install", "--prefix", "usr", "--libdir", LIBDIR, "--from",
        ])
        .arg(library_folder())
        .current_dir(&tree.folder);
    run(&mut install, Run::Compiler);
    assert_eq!(Path::new(&tree.described("prefix=")), tree.prefix);
}

/// Has CMake look for the package; what it says of it.
fn cmake_finds(root: &Path, version: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let lists = format!(
        "cmake_minimum_required(VERSION 3.19)\n\
         project(program C)\n\
         find_package(VideoStream {version} CONFIG)\n\
         get_target_property(folder VideoStream::videostream INTERFACE_INCLUDE_DIRECTORIES)\n\
         message(STATUS \"found: ${{VideoStream_FOUND}} ${{folder}}\")\n"
    );
    fs::write(folder.path().join("CMakeLists.txt"), lists).unwrap();
    let mut cmake = Command::new("cmake");
    cmake
        .args(["-S", ".", "-B", "build"])
        .current_dir(folder.path());
    cmake.arg(format!("-DCMAKE_PREFIX_PATH={}", root.display()));
    let text = String::from_utf8(cmake.output().unwrap().stdout).unwrap();
    let mut lines = text
        .lines()
        .filter_map(|line| line.strip_prefix("-- found: "));
    lines.next().unwrap_or_else(|| panic!("{text}")).to_owned()
}

#[test]
fn cmake_finds_it_by_way_of_a_link() {
    if compiler("cmake").is_none() {
        return skip("cmake_finds_it_by_way_of_a_link", "no cmake");
    }
    let root = tempfile::tempdir().unwrap();
    // As /lib is one to /usr/lib: four folders above it there is no header.
    symlink(TREE.libraries(), root.path().join("lib")).unwrap();
    let found = cmake_finds(root.path(), "2");
    let include = found
        .strip_prefix("1 ")
        .unwrap_or_else(|| panic!("{found}"));
    assert!(
        Path::new(include).join("videostream.h").is_file(),
        "{include}"
    );
}

#[test]
fn both_ends_of_a_version_range_count() {
    if compiler("cmake").is_none() {
        return skip("both_ends_of_a_version_range_count", "no cmake");
    }
    let root = tempfile::tempdir().unwrap();
    symlink(TREE.libraries(), root.path().join("lib")).unwrap();
    for (range, found) in [
        ("2.0...2.4", false),
        ("2.0...2.999", true),
        ("2.0...<3", true),
        ("2.998...2.999", false),
        ("1.0...1.9", false),
        ("2.4", true),
        ("3", false),
        ("", true),
    ] {
        let said = cmake_finds(root.path(), range);
        assert_eq!(said.starts_with("1 "), found, "{range}: {said}");
    }
}
