//! What is installed: built, and where cargo says that it put it; or what was built before.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::Args;
use crate::check::cargo;
use crate::check::cargo_json;
use crate::process;

/// Cargo's names of the two libraries; `libvideostream` alone is the Rust one.
const SHARED: &str = "libvideostream_c.so";
const STATIC: &str = "libvideostream_c.a";

/// The command.
pub(super) const COMMAND: &str = "videostream";

/// Files that were built.
pub(super) struct Built {
    /// Not for every target: programs for musl are static if nothing else is asked for.
    pub(super) shared: Option<PathBuf>,
    pub(super) archive: PathBuf,
    pub(super) command: Option<PathBuf>,
}

impl Built {
    /// Builds libraries and command.
    pub(super) fn new(args: &Args) -> Result<Self> {
        // As Rust library, too, which tests and benches need, it would not be optimised as a whole.
        let libraries = [
            "rustc",
            "-p",
            "videostream-c",
            "--lib",
            "--crate-type",
            "cdylib,staticlib",
        ];
        let messages = build(args, &libraries, Some("convert"))?;
        let files = cargo_json::files(&messages, "videostream_c");
        let named = |name: &str| files.iter().find(|file| file.ends_with(name)).cloned();
        let archive = named(STATIC).context("cargo says of no static library that it built it")?;
        let messages = build(args, &["build", "-p", "videostream-cli"], None)?;
        let command = cargo_json::executable(&messages, "bin", COMMAND, None);
        let shared = named(SHARED);
        if shared.is_none() {
            println!("no shared library: the target has none, programs are linked statically");
        }
        Ok(Self {
            shared,
            archive,
            command: Some(command.context("cargo says of no command that it built it")?),
        })
    }

    /// What lies in `folder`.
    pub(super) fn found(folder: &Path) -> Self {
        let there = |name: &str, what: &str| {
            let file = folder.join(name);
            if !file.exists() {
                println!("no {what} in {}: not installed", folder.display());
                return None;
            }
            Some(file)
        };
        Self {
            shared: there(SHARED, "shared library"),
            archive: folder.join(STATIC),
            command: there(COMMAND, "command"),
        }
    }
}

/// Runs cargo, whose messages are the result; what it says of its progress is shown.
fn build(args: &Args, words: &[&str], reduced: Option<&str>) -> Result<String> {
    let mut command: Command = cargo(words)?;
    command.args(["--profile", &args.profile]);
    command.arg("--message-format=json-render-diagnostics");
    if let Some(target) = &args.target {
        command.args(["--target", target]);
    }
    if args.no_software {
        command.arg("--no-default-features");
        command.args(reduced.map(|feature| format!("--features={feature}")));
    }
    process::output_shown(&mut command)
}
