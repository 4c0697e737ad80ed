//! The parts that are a few cargo commands over the workspace.

use std::process::Command;

use anyhow::{Result, bail};

use super::counts::Counts;
use super::run::{Run, cargo};
use super::{Outcome, gstreamer, rust, tools};
use crate::bindings::GENERATOR;
use crate::{project, python};

/// The packages that need nothing of the system: all but the plugin for GStreamer and the module
/// for Python, which have parts of their own. Every part names the same ones, and chooses its
/// programs by other words: for another choice of packages cargo builds what they depend on once
/// more, with other features.
pub(super) const PACKAGES: [&str; 5] = [
    "--workspace",
    "--exclude",
    gstreamer::PACKAGE,
    "--exclude",
    python::PACKAGE,
];

/// The packages that are looked at: the module for Python, too, as it is built for any Python. It
/// needs none for that.
const CHECKED: [&str; 5] = [
    "--workspace",
    "--exclude",
    gstreamer::PACKAGE,
    "--features",
    "videostream-sys/bindgen,videostream-python/abi3",
];

/// The crates that also build for targets without an operating system.
const CORE: [&str; 6] = [
    "-p",
    "videostream-sys",
    "-p",
    "videostream-hal",
    "-p",
    "videostream-ipc",
];

/// Bugs of lock-free code need few switches at bad moments: 3 finds all that the models
/// have been weakened with. `--deep` sets no bound.
const LOOM_PREEMPTIONS: &str = "3";

/// Miri interprets programs of systems other than its own. On one that is not Linux the
/// modules that make system calls, which Miri does not know, are left out.
const MIRI_TARGET: &str = "x86_64-unknown-freebsd";

/// The part `fmt`.
pub(super) fn fmt(run: &mut Run) -> Result<Outcome> {
    if let Err(why) = rust::component("rustfmt", "rustfmt") {
        return Ok(Outcome::Skipped(why));
    }
    run.command(&mut cargo(&["fmt", "--all", "--check"])?)?;
    Ok(Outcome::Passed)
}

/// Lets the Python module build without an interpreter.
fn without_python(command: &mut Command) -> &mut Command {
    let (name, value) = python::MODULE;
    command.env(name, value).env("PYO3_NO_PYTHON", "1")
}

/// The part `clippy`.
pub(super) fn clippy(run: &mut Run) -> Result<Outcome> {
    if let Err(why) = rust::component("cargo-clippy", "clippy") {
        return Ok(Outcome::Skipped(why));
    }
    let mut clippy = cargo(&["clippy", "--all-targets"])?;
    clippy.args(CHECKED).args(["--", "-D", "warnings"]);
    run.command(without_python(&mut clippy))?;
    Ok(Outcome::Passed)
}

/// The part `tests`.
pub(super) fn tests(run: &mut Run) -> Result<Outcome> {
    let words = [
        // Tested with its generator, by `bindings`.
        "--exclude",
        "videostream-sys",
        "--lib",
        "--bins",
        "--tests",
        "--no-fail-fast",
        "--",
        "--show-output",
    ];
    // The examples, too: a test runs them.
    run.command(cargo(&["test", "--no-run"])?.args(PACKAGES))?;
    let mut tests = cargo(&["test"])?;
    tests.args(PACKAGES).args(words);
    match tools::CARGO_C.path(run)? {
        Ok(path) => {
            tests.env("PATH", path);
        }
        // The test that wants it skips itself.
        Err(why) => run.note(&why)?,
    }
    run.command(&mut tests)?;
    Ok(Outcome::Passed)
}

/// The part `doc`.
pub(super) fn doc(run: &mut Run) -> Result<Outcome> {
    let mut build = cargo(&["doc", "--no-deps", "--lib"])?;
    build
        .args(PACKAGES)
        .args(["--features", "videostream-sys/bindgen"])
        .env("RUSTDOCFLAGS", "-D warnings");
    run.command(&mut build)?;
    let words = ["--doc", "--no-fail-fast", "--", "--show-output"];
    run.command(cargo(&["test"])?.args(PACKAGES).args(words))?;
    Ok(Outcome::Passed)
}

/// The part `bindings`.
pub(super) fn bindings(run: &mut Run) -> Result<Outcome> {
    // Where the kernel's headers cannot be had, the tests skip themselves, by name.
    let mut headers = cargo(&GENERATOR)?;
    if let Err(why) = run.command(headers.args(["--headers", "--fetch"])) {
        run.note(&format!("no kernel headers: {why:#}"))?;
    }
    let words = [
        "test",
        "-p",
        "videostream-sys",
        "--features",
        "bindgen",
        "--lib",
        "--tests",
        "--no-fail-fast",
    ];
    run.command(cargo(&words)?.args(["--", "--show-output"]))?;
    some_tests(run, "no test of the bindings")
}

/// The part `no_std`.
pub(super) fn no_std(run: &mut Run) -> Result<Outcome> {
    const TARGET: &str = "x86_64-unknown-none";
    if let Err(why) = rust::target(TARGET) {
        return Ok(Outcome::Skipped(why));
    }
    run.command(cargo(&["build", "--target", TARGET])?.args(CORE))?;
    Ok(Outcome::Passed)
}

/// The part `loom`.
pub(super) fn loom(run: &mut Run) -> Result<Outcome> {
    let words = [
        "test",
        "--release",
        "-p",
        "videostream-hal",
        "-p",
        "videostream-ipc",
    ];
    let mut command = cargo(&words)?;
    command
        .args(["--lib", "--no-fail-fast", "loom_"])
        .env("RUSTFLAGS", "--cfg loom")
        .env("CARGO_TARGET_DIR", project::target()?.join("loom"))
        .env("CARGO_PROFILE_RELEASE_LTO", "off");
    if run.is_deep() {
        command.env_remove("LOOM_MAX_PREEMPTIONS");
    } else {
        command.env("LOOM_MAX_PREEMPTIONS", LOOM_PREEMPTIONS);
    }
    run.command(&mut command)?;
    some_tests(run, "no model named loom_*")
}

/// The part `miri`.
pub(super) fn miri(run: &mut Run) -> Result<Outcome> {
    if let Err(why) = rust::nightly(&["miri", "rust-src"]) {
        return Ok(Outcome::Skipped(why));
    }
    for (package, filter) in [("videostream-hal", "ring"), ("videostream-ipc", "wire")] {
        let words = [
            "+nightly",
            "miri",
            "test",
            "-p",
            package,
            "--lib",
            "--no-fail-fast",
        ];
        run.command(
            cargo(&words)?
                .args(["--target", MIRI_TARGET, filter])
                .env("CARGO_TARGET_DIR", project::target()?.join("miri")),
        )?;
    }
    some_tests(run, "no test of the ring or of messages")
}

/// The part `deny`.
pub(super) fn deny(run: &mut Run) -> Result<Outcome> {
    let path = match tools::DENY.path(run)? {
        Ok(path) => path,
        Err(why) => return Ok(Outcome::Skipped(why)),
    };
    // `--workspace`: the root is a package, too, and would be checked alone.
    let mut deny = cargo(&["deny", "--workspace", "--locked", "check"])?;
    deny.args(["bans", "licenses", "sources"]);
    run.command(deny.env("PATH", &path))?;
    // Separate workspaces. Duplicate versions do no harm in them.
    for folder in ["benches/iceoryx2", "fuzz", "tests/nostd-host"] {
        let mut deny = cargo(&["deny", "--locked", "--config", "deny.toml"])?;
        deny.arg("--manifest-path")
            .arg(format!("{folder}/Cargo.toml"))
            .args(["check", "licenses", "sources"])
            .env("PATH", &path);
        run.command(&mut deny)?;
    }
    Ok(Outcome::Passed)
}

/// Skips a part whose filter matched no test: it has shown nothing.
pub(super) fn some_tests(run: &mut Run, none: &str) -> Result<Outcome> {
    let counts = Counts::of(&run.text()?);
    if counts.failed > 0 {
        bail!("{} failed", counts.failed);
    }
    if counts.passed == 0 {
        return Ok(Outcome::Skipped(none.to_owned()));
    }
    Ok(Outcome::Passed)
}
