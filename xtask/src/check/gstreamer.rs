//! The GStreamer plugin: built, tested, and tested again with a newer GStreamer than this machine
//! has.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::run::{Run, cargo};
use super::{Outcome, cargo_json, rust, static_command};
use crate::rig::{Unavailable, release};
use crate::{apt, process, project};

/// The package.
pub(crate) const PACKAGE: &str = "videostream-gstreamer";
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

/// A command that sees another tree in place of `/usr`, in a mount namespace.
const IN_TREE: &str = "mount --bind \"$1\" /usr && shift && exec \"$@\"";

/// The part `gstreamer-newer`.
pub(super) fn newer(run: &mut Run) -> Result<Outcome> {
    for folder in [project::root()?, project::target()?] {
        if folder.starts_with("/usr") {
            let why = format!("{} would not be seen", folder.display());
            return Ok(Outcome::Skipped(why));
        }
    }
    let mut unshare = vec!["unshare", "--mount"];
    if !rustix::process::geteuid().is_root() {
        unshare.push("--map-root-user");
    }
    let within = |tree: &Path, program: &Path| {
        let mut command = Command::new(unshare[0]);
        command
            .args(&unshare[1..])
            .args(["sh", "-c", IN_TREE, "sh"]);
        command.arg(tree).arg(program);
        command
    };
    if let Err(error) = process::output(&mut within(Path::new("/usr"), Path::new("true"))) {
        let why = format!("needs a mount namespace: {error:#}");
        return Ok(Outcome::Skipped(
            why.lines().next().unwrap_or_default().to_owned(),
        ));
    }
    let tree = match release::prepared() {
        Ok(tree) => tree,
        Err(error) if Unavailable::marks(&error) => {
            return Ok(Outcome::Skipped(format!("no newer GStreamer: {error:#}")));
        }
        Err(error) => return Err(error),
    };
    let command = static_command::host(run)?;
    let messages = build(run, &[])?;
    let mut plugin = Plugin::of(run, &messages)?;
    plugin.registry.set_extension("newer-registry");
    let inspect = |words: &[&str]| {
        let mut command = within(&tree, Path::new("gst-inspect-1.0"));
        command.args(words);
        plugin.shown_to(&mut command);
        command
    };
    // The first time, it names each plugin whose libraries were left out.
    process::output(&mut inspect(&["--exists", "fakesink"]))?;
    let version = process::output(&mut inspect(&["--version"]))?;
    let version = version.lines().find(|line| line.starts_with("GStreamer "));
    let version = version.context("GStreamer prints no version")?;
    println!("         {version}");
    run.note(version)?;
    let mut trouble = Vec::new();
    for element in ["vslsink", "vslsrc"] {
        let said = run.output(&mut inspect(&[element]))?;
        if !said.contains("DMA_DRM") {
            trouble.push(format!("{element} has no caps of DMA_DRM:\n{said}"));
        }
    }
    for (name, file) in cargo_json::test_programs(&messages) {
        if name.starts_with("rig_") {
            continue;
        }
        run.note(&format!("\n     Running {name} ({})", file.display()))?;
        let mut tests = within(&tree, &file);
        tests
            .arg("--show-output")
            .current_dir(project::root()?.join("wrappers/gstreamer"))
            .env("VIDEOSTREAM_BIN", &command);
        if let Err(error) = run.command(plugin.shown_to(&mut tests)) {
            trouble.push(format!("{error:#}"));
        }
    }
    if !trouble.is_empty() {
        bail!("{}", trouble.join("\n"));
    }
    Ok(Outcome::Passed)
}

/// Builds the plugin's test programs, all or those of these names. Returns cargo's messages.
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

/// The built plugin, in a folder of its own: GStreamer opens every library below the folders that
/// it looks in.
pub(super) struct Plugin {
    pub(super) folder: PathBuf,
    /// The registry of the host's plugins, which would take a guest minutes to build.
    pub(super) registry: PathBuf,
}

impl Plugin {
    /// Finds the plugin in cargo's messages and links it into its folder.
    pub(super) fn of(run: &mut Run, messages: &str) -> Result<Self> {
        let files = cargo_json::files(messages, LIBRARY);
        let name = format!("lib{LIBRARY}.so");
        let file = files.iter().find(|file| file.ends_with(&name));
        let file = file.with_context(|| format!("cargo reports no {name}"))?;
        let place = project::target()?.join("xtask");
        let plugin = Self {
            folder: place.join("gstreamer-1.0"),
            registry: place.join("gstreamer.registry"),
        };
        fs::create_dir_all(&plugin.folder)?;
        let link = plugin.folder.join(&name);
        if !fs::read_link(&link).is_ok_and(|to| to == *file) {
            project::remove(&link)?;
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
