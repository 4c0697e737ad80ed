//! The `videostream` command, for the rig and as a static program for small machines.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::run::{Run, cargo};
use super::workspace::PACKAGES;
use super::{Outcome, cargo_json, rust};
use crate::process;

/// The machines for which a static command is built.
const TARGETS: [&str; 2] = ["x86_64-unknown-linux-musl", AARCH64];
/// The static target of the aarch64 guest.
pub(crate) const AARCH64: &str = "aarch64-unknown-linux-musl";

/// Most that the command may take of a small root file system, in bytes.
const MOST: u64 = 4 << 20;

/// Debian's compiler for the static target of the aarch64 guest.
pub(super) const CROSS_COMPILER: &str = "aarch64-linux-gnu-gcc";

/// Adds what a build for `target` needs: Rust's own linker and start files. Debian's
/// cross compiler, which is made for another C library, does for the few lines of C in
/// dependencies of tests; the command has none.
pub(crate) fn for_target<'a>(command: &'a mut Command, target: &str) -> &'a mut Command {
    let variable = target.to_uppercase().replace('-', "_");
    if target == AARCH64 && process::find(CROSS_COMPILER).is_some() {
        command.env("CC_aarch64_unknown_linux_musl", CROSS_COMPILER);
    }
    command
        .args(["--target", target])
        .env(format!("CARGO_TARGET_{variable}_LINKER"), "rust-lld")
        .env(
            format!("CARGO_TARGET_{variable}_RUSTFLAGS"),
            "-C link-self-contained=yes",
        )
}

/// Builds the command as it is used on the host, and as its tests do: cargo builds it for one of
/// them.
pub(super) fn host(run: &mut Run) -> Result<PathBuf> {
    let words = [
        "test",
        "--no-run",
        "--message-format=json-render-diagnostics",
        "--test",
        "share",
    ];
    built(&run.output(cargo(&words)?.args(PACKAGES))?)
}

/// Builds the static command, without software encoding.
pub(crate) fn for_machine(run: &mut Run, target: &str) -> Result<PathBuf> {
    let words = [
        "build",
        "--release",
        "-p",
        "videostream-cli",
        "--no-default-features",
        "--message-format=json-render-diagnostics",
    ];
    built(&run.output(for_target(&mut cargo(&words)?, target))?)
}

/// The command that cargo's messages say it built.
pub(super) fn built(messages: &str) -> Result<PathBuf> {
    cargo_json::program(messages, "videostream").context("cargo built no program named videostream")
}

/// The part `static`: builds for every machine, prints the sizes and holds them to [`MOST`].
pub(crate) fn part(run: &mut Run) -> Result<Outcome> {
    for target in TARGETS {
        if let Err(why) = rust::target(target) {
            return Ok(Outcome::Skipped(why));
        }
    }
    for target in TARGETS {
        let size = fs::metadata(for_machine(run, target)?)?.len();
        let line = format!("{target}: {} KiB, stripped", size.div_ceil(1024));
        println!("         {line}");
        run.note(&line)?;
        ensure!(size <= MOST, "{line}: more than {} KiB", MOST / 1024);
    }
    Ok(Outcome::Passed)
}
