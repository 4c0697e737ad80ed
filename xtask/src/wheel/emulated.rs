//! Wheels for another machine: imported by Debian's Python for it, in an emulator of its programs.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::target::Target;
use super::{Wheels, has, skipped};
use crate::apt::Package;
use crate::interrupt;
use crate::rig::cache;
use crate::rig::debian::{self, Archive};

/// Runs programs for aarch64.
pub(super) const EMULATOR: Package = Package::program("qemu-user-static", "qemu-aarch64-static");
/// The release, the one whose Python is the oldest of the stable ABI, and its name of the architecture.
const RELEASE: [&str; 3] = ["bookworm", "python3.11", "arm64"];
/// Changes whenever what is prepared changes, so that an older cache is not used.
const RECIPE: &str = "1";

/// Imports `wheel` by the emulator.
pub(super) fn import(wheels: &mut Wheels, wheel: &Path, target: &Target, name: &str) -> Result<()> {
    if target.machine != "aarch64" {
        skipped(name, "this machine has no emulator for it");
        return Ok(());
    }
    if let Err(why) = has(&[EMULATOR]) {
        skipped(name, &why);
        return Ok(());
    }
    let [release, python, architecture] = RELEASE;
    let place = format!("python-{release}-{architecture}-{RECIPE}");
    let tree = cache::made(
        "lock-python",
        &place,
        || Ok(()),
        |work, ready| {
            let archive = Archive::of_release(&work.join("apt"), release, architecture)?;
            let packages = archive.to_install(&[python, "libgcc-s1"])?;
            let downloads = work.join("downloads");
            archive.download(&packages, &downloads)?;
            for package in &packages {
                debian::unpack(&downloads, package, ready)?;
            }
            Ok(())
        },
    );
    let tree = match tree {
        Ok(tree) => tree,
        Err(error) => {
            interrupt::check()?;
            skipped(name, &format!("no Python for it: {error:#}"));
            return Ok(());
        }
    };
    let folder = wheels.unpacked(wheel)?;
    let mut command = Command::new("qemu-aarch64-static");
    command
        .arg("-L")
        .arg(&tree)
        .arg(tree.join("usr/bin").join(python))
        .env("PYTHONPATH", folder)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    wheels.imported(&mut command).context("in the emulator")
}
