//! `cargo xtask bench`: the benches, measured on this machine.

mod python;

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::check::gstreamer;
use crate::{apt, project};

/// The figures with iceoryx2 for comparison, in a separate package.
const WITH_ICEORYX2: &str = "benches/iceoryx2/Cargo.toml";

/// Measure every figure and its floor, and print them as a table
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only figures whose name contains this
    filter: Option<String>,
    /// Skip the comparison with iceoryx2, which needs libclang to build
    #[arg(long)]
    without_iceoryx2: bool,
}

/// Runs the benches; returns the exit status.
pub(crate) fn run(args: &Args) -> Result<u8> {
    // Its figures are named for it, and all others are not: what is not measured need not be built,
    // for minutes.
    let filter = args.filter.as_deref();
    if filter.is_some_and(|filter| filter.starts_with(python::PREFIX)) {
        return Ok(u8::from(!python(args)?));
    }
    let root = project::root()?;
    let mut command = if args.without_iceoryx2 {
        println!("skipped: iceoryx2: left out as asked");
        alone(&root)
    } else if succeeds(&mut with_iceoryx2(&root, "build"))? {
        let mut command = with_iceoryx2(&root, "run");
        command.args(["--", "--bench"]);
        command
    } else {
        println!("skipped: iceoryx2: it could not be built (see above; it needs libclang)");
        alone(&root)
    };
    let figures = succeeds(command.args(&args.filter))?;
    // Encoding, decoding and conversion, and the C interface compared with the Rust one.
    let mut codecs = bench(&root, "videostream", "codecs", &["--features", "software"]);
    let codecs = succeeds(codecs.args(&args.filter))?;
    let mut exports = bench(
        &root,
        "videostream-c",
        "exports",
        &["--no-default-features"],
    );
    let exports = succeeds(exports.args(&args.filter))?;
    let elements = match apt::missing(&gstreamer::HEADERS) {
        missing if missing.is_empty() => {
            let mut elements = bench(&root, gstreamer::PACKAGE, "elements", &[]);
            succeeds(elements.args(&args.filter))?
        }
        missing => {
            println!(
                "skipped: elements of GStreamer: needs {}",
                missing.join(", ")
            );
            true
        }
    };
    let python = filter.is_some() || python(args)?;
    Ok(u8::from(
        !(figures && codecs && exports && elements && python),
    ))
}

/// The Python package compared with others.
fn python(args: &Args) -> Result<bool> {
    match python::command()? {
        Ok(mut bench) => succeeds(bench.args(&args.filter)),
        Err(why) => {
            println!("skipped: the Python package: {why}");
            Ok(true)
        }
    }
}

/// The command for a bench of a package, without arguments for the bench itself.
fn bench(root: &Path, package: &str, name: &str, words: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(root);
    command.args(["bench", "--package", package, "--bench", name]);
    command.args(words).arg("--");
    command
}

/// The figures without a comparison.
fn alone(root: &Path) -> Command {
    bench(root, "videostream", "figures", &[])
}

fn with_iceoryx2(root: &Path, verb: &str) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(root);
    // Criterion's report goes where that of all benches goes.
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    command.env("CARGO_TARGET_DIR", target);
    command.args([verb, "--release", "--bin", "figures"]);
    command.args(["--manifest-path", WITH_ICEORYX2]);
    command
}

fn succeeds(command: &mut Command) -> Result<bool> {
    let status = command.stdin(Stdio::null()).status();
    Ok(status.context("cannot start cargo")?.success())
}
