//! The fuzz targets of `fuzz/`, each run for a short while: they build, and find nothing at once.

use std::fs;
use std::process::Command;

use anyhow::{Result, bail};

use super::Outcome;
use super::run::{Run, cargo};
use crate::{process, project};

/// The programs of `fuzz/fuzz_targets`, and the longest input of each. Scripts end before.
const TARGETS: [(&str, u32); 8] = [
    ("wire", 1024),
    ("hostile_client", 1024),
    ("hostile_host", 1024),
    ("annex_b", 8192),
    ("parameter_sets", 1024),
    ("y4m", 4096),
    ("jpeg", 8192),
    ("mp4", 8192),
];
/// How long each runs, in seconds, after it has gone through its seeds.
const SECONDS: u32 = 8;
/// How long one input may take, in seconds, before it counts as a hang.
const HANG: u32 = 60;
/// What `cargo fuzz` gives the compiler: coverage for libFuzzer, and the address sanitizer.
const RUSTFLAGS: [&str; 7] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "--cfg=fuzzing",
    "-Zsanitizer=address",
];
/// Given explicitly, so that build scripts and macros are built without these flags.
const TRIPLE: &str = "x86_64-unknown-linux-gnu";

/// The part `fuzz`.
pub(crate) fn part(run: &mut Run) -> Result<Outcome> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        return Ok(Outcome::Skipped(format!("the targets are for {TRIPLE}")));
    }
    let nightly = process::output(Command::new("rustc").args(["+nightly", "--version"]));
    if nightly.is_err() {
        let why = "needs a nightly compiler (rustup toolchain install nightly)";
        return Ok(Outcome::Skipped(why.to_owned()));
    }
    let folder = project::root()?.join("fuzz");
    let target = project::target()?.join("fuzz");
    run.command(cargo(&["fmt", "--check"])?.current_dir(&folder))?;
    let words = ["+nightly", "build", "--release", "--target", TRIPLE];
    run.command(
        cargo(&words)?
            .current_dir(&folder)
            .env("CARGO_TARGET_DIR", &target)
            .env("RUSTFLAGS", RUSTFLAGS.join(" ")),
    )?;
    let found = target.join("found");
    fs::create_dir_all(&found)?;
    for (name, max_len) in TARGETS {
        let corpus = target.join("corpus").join(name);
        fs::create_dir_all(&corpus)?;
        let mut fuzzer = Command::new(target.join(TRIPLE).join("release").join(name));
        fuzzer
            .arg(&corpus)
            .arg(folder.join("seeds").join(name))
            .arg(format!("-max_total_time={SECONDS}"))
            .arg(format!("-max_len={max_len}"))
            .arg(format!("-timeout={HANG}"))
            .arg(format!("-artifact_prefix={}/{name}-", found.display()))
            // The leak sanitizer needs ptrace, which containers may forbid.
            .arg("-detect_leaks=0")
            .env("ASAN_OPTIONS", "detect_leaks=0");
        run.command(&mut fuzzer)?;
        let text = run.text()?;
        let Some(line) = text.lines().rfind(|line| line.starts_with("Done ")) else {
            bail!("{name} did not say how often it ran");
        };
        let line = format!("{name}: {}", line.trim_start_matches("Done "));
        println!("         {line}");
        run.note(&line)?;
    }
    Ok(Outcome::Passed)
}
