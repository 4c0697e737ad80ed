//! The plugin for GStreamer, which has needs of its own: built, tested, and where pipelines find it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::run::{Run, cargo};
use super::{Outcome, cargo_json, rust, static_command};
use crate::{apt, project};

/// The package.
pub(super) const PACKAGE: &str = "videostream-gstreamer";
/// Its library, whose name is that of the plugin.
const LIBRARY: &str = "gstvideostream";

/// What the plugin is built with.
pub(crate) const HEADERS: [apt::Package; 3] = [
    apt::Package::program("pkg-config", "pkg-config"),
    apt::Package::library("libgstreamer1.0-dev", "gstreamer-check-1.0 >= 1.20"),
    apt::Package::library(
        "libgstreamer-plugins-base1.0-dev",
        "gstreamer-video-1.0 >= 1.20",
    ),
];

/// The part `gstreamer`.
pub(super) fn part(run: &mut Run) -> Result<Outcome> {
    let package = ["-p", PACKAGE];
    match rust::component("cargo-clippy", "clippy") {
        Ok(()) => {
            let words = ["--all-targets", "--", "-D", "warnings"];
            run.command(cargo(&["clippy"])?.args(package).args(words))?;
        }
        Err(why) => run.left_out("clippy", &why)?,
    }
    let mut doc = cargo(&["doc", "--no-deps", "--lib"])?;
    run.command(doc.args(package).env("RUSTDOCFLAGS", "-D warnings"))?;
    let command = static_command::host(run)?;
    let messages = build(run, &[])?;
    let plugin = Plugin::of(run, &messages)?;
    let mut tests = cargo(&["test", "--no-fail-fast"])?;
    tests.args(package).args(["--", "--show-output"]);
    tests.env("VIDEOSTREAM_BIN", command);
    run.command(plugin.shown_to(&mut tests))?;
    Ok(Outcome::Passed)
}

/// Builds the plugin's test programs, all or those of these names. The result is what cargo says of them.
pub(super) fn build(run: &mut Run, names: &[&str]) -> Result<String> {
    let words = [
        "test",
        "--no-run",
        "--message-format=json-render-diagnostics",
        "-p",
        PACKAGE,
    ];
    let mut command = cargo(&words)?;
    command.args(names.iter().flat_map(|name| ["--test", name]));
    run.output(&mut command)
}

/// The built plugin, in a folder of its own: GStreamer opens every library below the folders that it looks in.
pub(super) struct Plugin {
    pub(super) folder: PathBuf,
    /// What the host's plugins are, which takes a guest minutes to find out.
    pub(super) registry: PathBuf,
}

impl Plugin {
    /// The one in what cargo says it built.
    pub(super) fn of(run: &mut Run, messages: &str) -> Result<Self> {
        let files = cargo_json::files(messages, LIBRARY);
        let name = format!("lib{LIBRARY}.so");
        let file = files.iter().find(|file| file.ends_with(&name));
        let file = file.with_context(|| format!("cargo says of no {name} that it built it"))?;
        let place = project::target()?.join("xtask");
        let plugin = Self {
            folder: place.join("gstreamer-1.0"),
            registry: place.join("gstreamer.registry"),
        };
        fs::create_dir_all(&plugin.folder)?;
        let link = plugin.folder.join(&name);
        if !fs::read_link(&link).is_ok_and(|to| to == *file) {
            remove(&link)?;
            symlink(file, &link).with_context(|| format!("link {}", link.display()))?;
        }
        // Without the program, the first test finds out.
        let mut inspect = Command::new("gst-inspect-1.0");
        inspect.args(["--exists", "fakesink"]);
        if let Err(error) = run.command(plugin.shown_to(&mut inspect)) {
            run.note(&format!("no registry of plugins yet: {error:#}"))?;
        }
        Ok(plugin)
    }

    /// A command that finds the plugin.
    pub(super) fn shown_to<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("GST_PLUGIN_PATH", &self.folder)
            .env("GST_REGISTRY", &self.registry)
    }
}

fn remove(file: &Path) -> Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", file.display()))
        }
        _ => Ok(()),
    }
}
