//! `cargo xtask bench`: the benches, measured on this machine.

use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::project;

/// Measure every figure beside its floor, and print the table
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only figures whose name contains this
    filter: Option<String>,
}

/// Runs them; the exit status is that of `cargo bench`.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let mut command = Command::new("cargo");
    command
        .args([
            "bench",
            "--package",
            "videostream",
            "--bench",
            "figures",
            "--",
        ])
        .args(&args.filter);
    let status = command
        .current_dir(project::root()?)
        .stdin(Stdio::null())
        .status()
        .context("cannot start cargo bench")?;
    Ok(u8::from(!status.success()))
}
