//! Wheels for musl, imported by a Python built from source: Debian has no Python with musl.

use std::env::consts::ARCH;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use super::target::Target;
use super::{Wheels, emulated, skipped};
use crate::check::Run;
use crate::python::interpreter::SUPPORTED;
use crate::python::{Interpreter, Tools, tree};
use crate::rig::cache;
use crate::rig::debian::{self, Archive};
use crate::{interrupt, process};

/// The release with the sources, their package, and the version.
const SOURCES: [&str; 3] = ["trixie", "python3.13", "3.13"];
/// Zig's defaults are for programs that are looked into, and for those that are the same each time.
const FLAGS: &str = "-fno-sanitize=all -Wno-date-time";
/// What builds it, each with the variable that names it.
const PROGRAMS: [(&str, &str); 4] = [
    ("CC", "cc"),
    ("CXX", "c++"),
    ("AR", "ar"),
    ("RANLIB", "ranlib"),
];
/// An interpreter that imports modules, quickly built, without libraries of this machine.
const CONFIGURE: [&str; 7] = [
    "--disable-test-modules",
    "--without-ensurepip",
    "--disable-ipv6",
    "PKG_CONFIG=false",
    // What can't be tried where programs of another machine are built.
    "ac_cv_file__dev_ptmx=yes",
    "ac_cv_file__dev_ptc=no",
    "OPT=-O1",
];
/// To be changed with the contents, so that an older cache is not used.
const RECIPE: &str = "1";

/// Imports `wheel` by a Python with musl, in the emulator if it is for another machine.
pub(super) fn import(wheels: &mut Wheels, wheel: &Path, target: &Target, name: &str) -> Result<()> {
    let emulator = (!target.is_native()).then(|| emulated::emulator(target));
    let emulator = match emulator.transpose() {
        Ok(emulator) => emulator,
        Err(why) => {
            skipped(name, &why);
            return Ok(());
        }
    };
    let python = match prepared(&mut wheels.run, &wheels.tools, target) {
        Ok(python) => python,
        Err(error) => {
            interrupt::check()?;
            skipped(name, &format!("no Python with musl: {error:#}"));
            return Ok(());
        }
    };
    let loader = loader(&python, target);
    let mut command = match emulator {
        None => Command::new(loader),
        Some(mut emulator) => {
            emulator.arg(loader);
            emulator
        }
    };
    command.arg(python.join("bin").join(SOURCES[1]));
    let imported = wheels.imported_unpacked(wheel, &mut command);
    imported.context("with musl")
}

/// musl, which is its own loader.
fn loader(python: &Path, target: &Target) -> PathBuf {
    let folder = format!("usr/lib/{}-linux-musl", target.machine);
    python.join(folder).join("libc.so")
}

/// The interpreter's folder, built if it is not there yet.
fn prepared(run: &mut Run, tools: &Tools, target: &Target) -> Result<PathBuf> {
    let place = format!("python-musl-{}-{RECIPE}", target.machine);
    // One of exactly the same version runs what is run while it is built.
    let name = SUPPORTED
        .into_iter()
        .find(|name| name.to_string() == SOURCES[2]);
    let name = name.context("a version that is not supported")?;
    let helper = tree::fetched(name, tools)?;
    cache::made(
        "lock-musl",
        &place,
        || Ok(()),
        |work, ready| make(run, tools, &helper, target, work, ready),
    )
}

/// Fills `ready` with musl and a Python that is built with it.
fn make(
    run: &mut Run,
    tools: &Tools,
    helper: &Interpreter,
    target: &Target,
    work: &Path,
    ready: &Path,
) -> Result<()> {
    let begin = Instant::now();
    let [release, package, version] = SOURCES;
    let architecture = match target.machine {
        "x86_64" => "amd64",
        _ => "arm64",
    };
    let archive = Archive::of_release(&work.join("apt"), release, architecture)?;
    let downloads = work.join("downloads");
    archive.download(&["musl".to_owned()], &downloads)?;
    debian::unpack(&downloads, "musl", ready)?;
    let sources = Archive::of_sources(&work.join("apt-sources"), release)?;
    let sources = sources.source(package, &work.join("sources"))?;

    let triple = format!("{}-linux-musl", target.machine);
    println!("         building Python {version} for {triple}, once");
    let programs = work.join("programs");
    compilers(tools, &triple, &programs)?;
    let build = work.join("build");
    fs::create_dir_all(&build)?;
    let tool = |(variable, name): (&str, &str)| {
        let program = programs.join(name);
        format!("{variable}={}", program.display())
    };
    let mut configure = Command::new(sources.join("configure"));
    configure
        .arg(format!("--host={triple}"))
        .arg(format!("--build={ARCH}-linux-gnu"))
        .arg(format!("--with-build-python={}", helper.file.display()))
        .args(CONFIGURE)
        .args(PROGRAMS.map(tool))
        .current_dir(&build);
    run.command(&mut configure)?;
    let mut make = Command::new("make");
    let jobs = std::thread::available_parallelism()?;
    run.command(make.arg(format!("-j{jobs}")).current_dir(&build))?;
    collect(&sources, &build, ready)?;
    println!("         took {} s", begin.elapsed().as_secs());
    Ok(())
}

/// Writes Zig's programs for `triple`, as scripts under the names that others look for.
fn compilers(tools: &Tools, triple: &str, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let python = tools.program("python");
    for (_, name) in PROGRAMS {
        let words = match name {
            "cc" | "c++" => format!("{name} -target {triple} -dynamic {FLAGS}"),
            other => other.to_owned(),
        };
        let python = python.display();
        let text = format!("#!/bin/sh\nexec '{python}' -m ziglang {words} \"$@\"\n");
        let file = folder.join(name);
        fs::write(&file, text)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// Copies what was built, and the library's modules, to where the interpreter looks for them.
fn collect(sources: &Path, build: &Path, ready: &Path) -> Result<()> {
    let [_, package, _] = SOURCES;
    let library = ready.join("lib").join(package);
    fs::create_dir_all(ready.join("bin"))?;
    fs::create_dir_all(library.join("lib-dynload"))?;
    fs::copy(build.join("python"), ready.join("bin").join(package))?;
    let mut copy = Command::new("cp");
    copy.arg("-r").arg(sources.join("Lib/.")).arg(&library);
    process::output(&mut copy)?;
    for other in ["test", "idlelib", "ensurepip"] {
        fs::remove_dir_all(library.join(other))?;
    }
    let built = fs::read_to_string(build.join("pybuilddir.txt"))?;
    for entry in fs::read_dir(build.join(built.trim()))? {
        let entry = entry?;
        let to = match entry.path().extension() {
            Some(extension) if extension == "so" => library.join("lib-dynload"),
            Some(extension) if extension == "py" => library.clone(),
            _ => continue,
        };
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}
