//! The stress test, which kills, stops and restarts processes for a while; see `tests/stress.rs`.

use anyhow::Result;

use super::Outcome;
use super::run::{Run, cargo};
use super::workspace::PACKAGES;

/// How long the mayhem goes on, in seconds, and with `--deep`.
const SECONDS: &str = "40";
const DEEP_SECONDS: &str = "3600";

/// The part `stress`.
pub(crate) fn part(run: &mut Run) -> Result<Outcome> {
    let seconds = if run.is_deep() { DEEP_SECONDS } else { SECONDS };
    let words = ["--test", "stress", "--", "--show-output"];
    run.command(
        cargo(&["test"])?
            .args(PACKAGES)
            .args(words)
            .env("VIDEOSTREAM_STRESS_SECONDS", seconds),
    )?;
    Ok(Outcome::Passed)
}
