//! Interpreters of Debian's next releases, unpacked together with their own C library. They start
//! like any other, in virtual environments and in guests, and leave the machine as it is.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::environment::Tools;
use super::interpreter::{Interpreter, Name};
use crate::rig::Unavailable;
use crate::rig::cache;
use crate::rig::debian::{self, Archive};
use crate::{process, project};

/// To be changed with the contents, so that an older cache is not used.
const RECIPE: &str = "1";

/// The releases, with what of each is taken.
const RELEASES: [(&str, &[&str]); 2] = [
    ("trixie", &["python3.13"]),
    ("forky", &["python3.14", "python3.15"]),
];

/// The interpreter of this version, fetched if it is not there yet.
pub(crate) fn fetched(name: Name, tools: &Tools) -> Result<Interpreter> {
    let program = format!("python{name}");
    let release = RELEASES
        .iter()
        .find(|(_, packages)| packages.contains(&program.as_str()));
    let Some((release, packages)) = release else {
        bail!("neither in PATH nor packaged by Debian");
    };
    let place = format!("python-{release}-{RECIPE}");
    let folder = cache::folder()?.join(&place);
    let tree = cache::made(
        "lock-python",
        &place,
        || Ok(()),
        |work, ready| make(release, packages, tools, &folder, work, ready),
    )?;
    Interpreter::of(&tree.join("usr/bin").join(program))
}

/// Fills `ready`, which is moved to `folder` afterwards.
fn make(
    release: &str,
    packages: &[&str],
    tools: &Tools,
    folder: &Path,
    work: &Path,
    ready: &Path,
) -> Result<()> {
    let mut ask = Command::new("dpkg");
    let architecture = process::output(ask.arg("--print-architecture")).context(Unavailable)?;
    let archive = Archive::of_release(&work.join("apt"), release, architecture.trim());
    let archive = archive.context(Unavailable)?;
    let all = archive.to_install(packages).context(Unavailable)?;
    let downloads = work.join("downloads");
    archive.download(&all, &downloads).context(Unavailable)?;
    for package in &all {
        debian::unpack(&downloads, package, ready)?;
    }
    for other in ["etc", "var", "usr/share"] {
        project::remove(&ready.join(other))?;
    }
    for package in packages {
        settle(tools, &ready.join("usr/bin").join(package), folder, ready)?;
    }
    eprintln!("rig: {} of Debian {release} ready", packages.join(", "));
    Ok(())
}

/// Has a program loaded by its own release's loader, from its own release's libraries.
fn settle(tools: &Tools, program: &Path, folder: &Path, ready: &Path) -> Result<()> {
    let patchelf = |words: &[&OsStr]| {
        let mut command = Command::new(tools.program("patchelf"));
        process::output(command.args(words).arg(program))
    };
    let loader = patchelf(&["--print-interpreter".as_ref()])?;
    let loader = Path::new("usr").join(loader.trim().trim_start_matches('/'));
    // A link to the file next to the libraries.
    let file = fs::canonicalize(ready.join(&loader))
        .with_context(|| format!("no {} among the packages", loader.display()))?;
    let libraries = file.parent().context("a loader without a folder")?;
    let libraries = libraries.strip_prefix(fs::canonicalize(ready)?)?;
    let (loader, libraries): (PathBuf, PathBuf) = (folder.join(loader), folder.join(libraries));
    patchelf(&[
        "--set-interpreter".as_ref(),
        loader.as_ref(),
        // The old kind, which counts for what libraries need as well.
        "--force-rpath".as_ref(),
        "--set-rpath".as_ref(),
        libraries.as_ref(),
    ])?;
    Ok(())
}
