//! Wheels for musl: imported by a Python that is built with it, since Debian has none.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use super::target::Target;
use super::{Wheels, emulated, has, skipped};
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
/// Changes whenever what is prepared changes, so that an older cache is not used.
const RECIPE: &str = "1";

/// Imports `wheel` by a Python with musl, in the emulator if it is for another machine.
pub(super) fn import(wheels: &mut Wheels, wheel: &Path, target: &Target, name: &str) -> Result<()> {
    if !target.is_native() {
        if target.machine != "aarch64" {
            skipped(name, "this machine has no emulator for it");
            return Ok(());
        }
        if let Err(why) = has(&[emulated::EMULATOR]) {
            skipped(name, &why);
            return Ok(());
        }
    }
    let python = match prepared(&mut wheels.run, &wheels.tools, target) {
        Ok(python) => python,
        Err(error) => {
            interrupt::check()?;
            skipped(name, &format!("no Python with musl: {error:#}"));
            return Ok(());
        }
    };
    let folder = wheels.unpacked(wheel)?;
    let loader = loader(&python, target);
    let mut command = if target.is_native() {
        Command::new(loader)
    } else {
        let mut command = Command::new("qemu-aarch64-static");
        command.arg(loader);
        command
    };
    command
        .arg(python.join("bin").join(SOURCES[1]))
        .env("PYTHONPATH", folder)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    wheels.imported(&mut command).context("with musl")
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
    let folder = sources.source(package, &work.join("sources"))?;

    let triple = format!("{}-linux-musl", target.machine);
    let programs = work.join("programs");
    fs::create_dir_all(&programs)?;
    for (name, words) in [
        ("cc", format!("cc -target {triple} -dynamic {FLAGS}")),
        ("c++", format!("c++ -target {triple} -dynamic {FLAGS}")),
        ("ar", "ar".to_owned()),
        ("ranlib", "ranlib".to_owned()),
    ] {
        let python = tools.program("python");
        let text = format!(
            "#!/bin/sh\nexec '{}' -m ziglang {words} \"$@\"\n",
            python.display()
        );
        let file = programs.join(name);
        fs::write(&file, text)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
    }
    let build = work.join("build");
    fs::create_dir_all(&build)?;
    println!("         building Python {version} for {triple}, once");
    let tool = |variable: &str, name: &str| format!("{variable}={}", programs.join(name).display());
    let mut configure = Command::new(folder.join("configure"));
    configure
        .args([
            format!("--host={triple}"),
            "--build=x86_64-linux-gnu".to_owned(),
        ])
        .arg(format!("--with-build-python={}", helper.file.display()))
        .args([
            "--disable-test-modules",
            "--without-ensurepip",
            "--disable-ipv6",
        ])
        .args([
            // Libraries of this machine are no use.
            "PKG_CONFIG=false",
            "ac_cv_file__dev_ptmx=yes",
            "ac_cv_file__dev_ptc=no",
            "OPT=-O1",
        ])
        .args([
            tool("CC", "cc"),
            tool("CXX", "c++"),
            tool("AR", "ar"),
            tool("RANLIB", "ranlib"),
        ])
        .current_dir(&build);
    run.command(&mut configure)?;
    let mut make = Command::new("make");
    let jobs = std::thread::available_parallelism()?;
    run.command(make.arg(format!("-j{jobs}")).current_dir(&build))?;

    let library = ready.join("lib").join(package);
    fs::create_dir_all(ready.join("bin"))?;
    fs::create_dir_all(library.join("lib-dynload"))?;
    fs::copy(build.join("python"), ready.join("bin").join(package))?;
    let mut copy = Command::new("cp");
    copy.arg("-r").arg(folder.join("Lib/.")).arg(&library);
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
    println!("         took {} s", begin.elapsed().as_secs());
    Ok(())
}
