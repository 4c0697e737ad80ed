//! Tests of many threads under ThreadSanitizer, with a standard library built for it.
//!
//! No report is suppressed. The sanitizer does not model bare fences, and need not: the ring's
//! fences only decide which of two sides goes on; memory is always ordered by a release and an
//! acquire of one word.

use anyhow::{Result, bail};

use super::run::{Run, cargo};
use super::workspace::some_tests;
use super::{Outcome, rust};
use crate::project;

/// Where a sanitized standard library can be built and run.
const TARGET: &str = "x86_64-unknown-linux-gnu";
/// With `tsan`, mappings stay: see the drop of `videostream_hal::memory::Mapping`.
const FLAGS: &str = "-Zsanitizer=thread --cfg tsan";

/// How often a race may go unreported.
const TRIES: usize = 20;

/// The part `tsan`.
pub(crate) fn part(run: &mut Run) -> Result<Outcome> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        return Ok(Outcome::Skipped(format!("the programs are for {TARGET}")));
    }
    if let Err(why) = rust::nightly(&["rust-src"]) {
        return Ok(Outcome::Skipped(why));
    }
    let hal = ["-p", "videostream-hal", "--lib", "--"];
    sanitized(run, &[&hal[..], &["ring::tests"]].concat())?;
    sanitized(run, &["-p", "videostream", "--test", "threads"])?;
    sanitized(
        run,
        &[
            "-p",
            "videostream-c",
            "--no-default-features",
            "--test",
            "threads",
        ],
    )?;
    let outcome = some_tests(run, "no test with threads")?;
    // And it would tell. Not each time: the sanitizer forgets.
    for _ in 0..TRIES {
        let race = sanitized(run, &[&hal[..], &["ring::race"]].concat());
        if race.is_err() && run.text()?.contains("WARNING: ThreadSanitizer: data race") {
            return Ok(outcome);
        }
    }
    bail!("a data race was not reported");
}

fn sanitized(run: &mut Run, words: &[&str]) -> Result<()> {
    let build = ["+nightly", "test", "-Zbuild-std", "--target", TARGET];
    run.command(
        cargo(&build)?
            .args(words)
            .env("RUSTFLAGS", FLAGS)
            .env("CARGO_TARGET_DIR", project::target()?.join("tsan"))
            // The first report ends the program. A race whose first access is no longer
            // remembered is not reported: as much memory as there may be.
            .env("TSAN_OPTIONS", "halt_on_error=1 history_size=7"),
    )
}
