//! Support for the tests of all packages: time-outs, skipped tests, exclusive access to the guest's
//! devices, allocation counts, test processes, and traces of system calls; with the feature
//! `figures`, also for benches.

pub mod counting;
#[cfg(feature = "figures")]
pub mod figures;
pub mod process;
pub mod strace;

use std::io::Write as _;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Time-out for expected events, long enough for a busy machine and a slow guest.
pub const TIMEOUT: Duration = Duration::from_secs(60);
/// [`TIMEOUT`] in nanoseconds.
pub const TIMEOUT_NS: u64 = 60_000_000_000;

/// Serialises tests: they share the devices, and the process shares its descriptors.
static TURN: Mutex<()> = Mutex::new(());

/// Reports that a test is skipped; the test has to return then.
pub fn skip(test: &str, why: &str) {
    // Write to standard error directly, since libtest captures the print macros of tests that pass;
    // and at once, since other tests write at the same time.
    let line = format!("skipped: {test}: {why}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// Returns whether all `programs` can be run; otherwise reports that `test` is skipped.
pub fn has_programs(test: &str, programs: &[&str]) -> bool {
    let can_run = |program: &&&str| process::succeeds(Command::new(program).arg("-version"));
    let missing = programs.iter().find(|program| !can_run(program));
    if let Some(program) = missing {
        skip(test, &format!("needs {program}"));
    }
    missing.is_none()
}

/// Returns whether this is the guest of `cargo xtask vm`.
pub fn is_the_rig() -> bool {
    std::env::var_os("VIDEOSTREAM_RIG").is_some_and(|value| value == "1")
}

/// Waits for a test's turn in the guest; elsewhere reports that it is skipped and returns `None`.
pub fn on_the_rig(test: &str) -> Option<MutexGuard<'static, ()>> {
    if !is_the_rig() {
        skip(test, "not in the guest of cargo xtask vm");
        return None;
    }
    Some(TURN.lock().unwrap_or_else(PoisonError::into_inner))
}
