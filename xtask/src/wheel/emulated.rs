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
const EMULATOR: Package = Package::program("qemu-user-static", "qemu-aarch64-static");
/// The release, the one whose Python is the oldest of the stable ABI, and its name of the
/// architecture.
const RELEASE: [&str; 3] = ["bookworm", "python3.11", "arm64"];
/// To be changed with the contents, so that an older cache is not used.
const RECIPE: &str = "1";

/// Imports `wheel` by the emulator.
pub(super) fn import(wheels: &mut Wheels, wheel: &Path, target: &Target, name: &str) -> Result<()> {
    let mut command = match emulator(target) {
        Ok(command) => command,
        Err(why) => {
            skipped(name, &why);
            return Ok(());
        }
    };
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
            skipped(name, &format!("no Python for this target: {error:#}"));
            return Ok(());
        }
    };
    command
        .arg("-L")
        .arg(&tree)
        .arg(tree.join("usr/bin").join(python));
    let imported = wheels.imported_unpacked(wheel, &mut command);
    imported.context("in the emulator")
}

/// What runs programs for `target`, which are its first argument; or why nothing does.
pub(super) fn emulator(target: &Target) -> Result<Command, String> {
    if target.machine != "aarch64" {
        return Err("this machine has no emulator for this target".to_owned());
    }
    has(&[EMULATOR])?;
    Ok(Command::new("qemu-aarch64-static"))
}
