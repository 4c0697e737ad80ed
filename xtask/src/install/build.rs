//! The files to install: built now, at the paths that cargo reports, or built before.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::Args;
use crate::check::cargo_json;
use crate::check::{GSTREAMER_HEADERS, cargo};
use crate::{apt, process};

/// Cargo's names of the two libraries; `libvideostream` alone is the Rust one.
const SHARED: &str = "libvideostream_c.so";
const STATIC: &str = "libvideostream_c.a";

/// GStreamer's plugin, and where GStreamer looks for it below the folder of libraries.
pub(super) const PLUGIN: &str = "libgstvideostream.so";
pub(super) const PLUGINS: &str = "gstreamer-1.0";

/// Variables by which pkg-config finds the libraries of another machine.
const CROSS: [&str; 2] = ["PKG_CONFIG_ALLOW_CROSS", "PKG_CONFIG_SYSROOT_DIR"];

/// The command.
pub(super) const COMMAND: &str = "videostream";

/// The built files.
pub(super) struct Built {
    /// Missing for some targets: programs for musl are static by default.
    pub(super) shared: Option<PathBuf>,
    pub(super) archive: PathBuf,
    /// Missing where GStreamer's headers are.
    pub(super) plugin: Option<PathBuf>,
    pub(super) command: Option<PathBuf>,
}

impl Built {
    /// Builds libraries, plugin and command.
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
        let archive = named(STATIC).context("cargo reports no static library")?;
        let messages = build(args, &["build", "-p", "videostream-cli"], None)?;
        let command = cargo_json::program(&messages, COMMAND);
        let shared = named(SHARED);
        if shared.is_none() {
            println!("no shared library: the target has none, programs are linked statically");
        }
        // It is a shared library, too.
        let plugin = match &shared {
            Some(_) => plugin(args)?,
            None => None,
        };
        Ok(Self {
            shared,
            archive,
            plugin,
            command: Some(command.context("cargo reports no command")?),
        })
    }

    /// Finds them in `folder`.
    pub(super) fn found(folder: &Path, args: &Args) -> Self {
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
            plugin: match args.no_gstreamer {
                true => None,
                false => there(PLUGIN, "GStreamer plugin"),
            },
            command: there(COMMAND, "command"),
        }
    }
}

/// Builds the GStreamer plugin if possible; otherwise prints why not.
fn plugin(args: &Args) -> Result<Option<PathBuf>> {
    if args.no_gstreamer {
        return Ok(None);
    }
    if let Some(why) = no_plugin(args)? {
        println!("no GStreamer plugin: {why}");
        return Ok(None);
    }
    let words = [
        "rustc",
        "-p",
        "videostream-gstreamer",
        "--lib",
        "--crate-type",
        "cdylib",
    ];
    let messages = build(args, &words, None)?;
    let mut files = cargo_json::files(&messages, "gstvideostream").into_iter();
    let plugin = files.find(|file| file.ends_with(PLUGIN));
    Ok(Some(plugin.context("cargo reports no GStreamer plugin")?))
}

/// Why the plugin can't be built.
fn no_plugin(args: &Args) -> Result<Option<String>> {
    if let Some(target) = &args.target {
        let version = process::output(Command::new("rustc").arg("-vV"))?;
        let is_host = version
            .lines()
            .any(|line| *line == format!("host: {target}"));
        if !is_host && CROSS.iter().all(|name| env::var_os(name).is_none()) {
            return Ok(Some(format!(
                "for {target}, set {} to where its GStreamer headers are, and PKG_CONFIG_LIBDIR \
                 to what describes them",
                CROSS[1]
            )));
        }
    }
    let missing = apt::missing(&GSTREAMER_HEADERS);
    Ok((!missing.is_empty()).then(|| format!("needs {}", missing.join(" "))))
}

/// Runs cargo with its progress shown; returns its messages.
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
