//! The part of Debian's next release that a newer GStreamer needs: a tree for `/usr`, in which
//! programs of this machine run with the libraries of that release.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::cache;
use super::debian::{self, Archive};
use super::unavailable::Unavailable;
use crate::{process, project};

/// The release, with GStreamer 1.26.
const NAME: &str = "trixie";
/// To be changed with the contents, so that an older cache is not used.
const RECIPE: &str = "1";

/// Packages with all that they depend on: GStreamer and its tools, what programs in Rust and in C++
/// need, and the programs that tests run.
const WHOLE: [&str; 7] = [
    "gstreamer1.0-tools",
    "libgstreamer-plugins-base1.0-0",
    "libgcc-s1",
    "libstdc++6",
    "libopenh264-8",
    "dash",
    "coreutils",
];
/// Packages of plugins. Of those that need other libraries as well GStreamer makes no use.
const ALONE: [&str; 4] = [
    "gstreamer1.0-plugins-base",
    "gstreamer1.0-plugins-good",
    "gstreamer1.0-plugins-bad",
    "libgstreamer-plugins-bad1.0-0",
];

/// The tree, made if it is not there yet.
pub(crate) fn prepared() -> Result<PathBuf> {
    let name = format!("{NAME}-{RECIPE}");
    let tree = cache::made("lock-release", &name, || Ok(()), make)?;
    Ok(tree.join("usr"))
}

fn make(work: &Path, ready: &Path) -> Result<()> {
    let mut ask = Command::new("dpkg");
    let architecture = process::output(ask.arg("--print-architecture")).context(Unavailable)?;
    let archive = Archive::of_release(&work.join("apt"), NAME, architecture.trim());
    let archive = archive.context(Unavailable)?;
    let mut packages = archive.to_install(&WHOLE).context(Unavailable)?;
    packages.extend(ALONE.map(str::to_owned));
    let downloads = work.join("downloads");
    archive
        .download(&packages, &downloads)
        .context(Unavailable)?;
    for package in &packages {
        debian::unpack(&downloads, package, ready)?;
    }
    // Documents and languages, which are most of it.
    project::remove(&ready.join("usr/share"))?;
    for entry in fs::read_dir(ready)? {
        let path = entry?.path();
        if !path.ends_with("usr") {
            project::remove(&path)?;
        }
    }
    eprintln!("rig: GStreamer of Debian {NAME} ready");
    Ok(())
}
