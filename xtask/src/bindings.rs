//! `cargo xtask bindings`: the generator of `sys`, with the packages it needs.

use anyhow::Result;

use crate::apt::{self, Package};
use crate::check::cargo;

/// Generate the bindings of the kernel's interfaces from `vendor-headers`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Write nothing; fail if the committed files differ, naming header and item
    #[arg(long)]
    check: bool,
}

/// The library with which the generator parses C.
pub(crate) const LIBCLANG: Package = Package::installed("libclang-dev");

/// Runs the generator; its exit status is the result.
pub(crate) fn run(args: &Args) -> Result<u8> {
    apt::ensure(&[LIBCLANG])?;
    let mut command = cargo(&GENERATOR)?;
    command.arg("--fetch");
    if args.check {
        command.arg("--check");
    }
    Ok(if command.status()?.success() { 0 } else { 1 })
}

/// Arguments of cargo that run the generator.
pub(crate) const GENERATOR: [&str; 9] = [
    "run",
    "--quiet",
    "--package",
    "videostream-sys",
    "--features",
    "bindgen",
    "--bin",
    "bindings",
    "--",
];
