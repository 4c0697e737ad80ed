//! Support for the tests of all packages: time-outs, skips, turns in the guest, counts of
//! allocations, processes in a role, traces of system calls; with the feature `figures`, also for
//! benches.

pub mod counting;
#[cfg(feature = "figures")]
pub mod figures;
pub mod process;
pub mod strace;

use std::io::Write as _;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a test waits for what has to come, on a busy machine and in a slow guest.
pub const TIMEOUT: Duration = Duration::from_secs(60);
/// The same in nanoseconds.
pub const TIMEOUT_NS: u64 = 60_000_000_000;

/// Devices are the same for all, and descriptors are counted for the whole process.
static TURN: Mutex<()> = Mutex::new(());

/// Says that a test is skipped; it has to return then.
pub fn skip(test: &str, why: &str) {
    // Past libtest, which captures what print macros write in a test that passes. In one write:
    // other tests write at the same time.
    let line = format!("skipped: {test}: {why}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// Whether all `programs` can be run; otherwise says that `test` is skipped.
pub fn has_programs(test: &str, programs: &[&str]) -> bool {
    let can_run = |program: &&&str| process::succeeds(Command::new(program).arg("-version"));
    let missing = programs.iter().find(|program| !can_run(program));
    if let Some(program) = missing {
        skip(test, &format!("needs {program}"));
    }
    missing.is_none()
}

/// Whether this is the guest of `cargo xtask vm`.
pub fn is_the_rig() -> bool {
    std::env::var_os("VIDEOSTREAM_RIG").is_some_and(|value| value == "1")
}

/// The turn of a test in the guest; elsewhere `None`, said on standard error.
pub fn on_the_rig(test: &str) -> Option<MutexGuard<'static, ()>> {
    if !is_the_rig() {
        skip(test, "not in the guest of cargo xtask vm");
        return None;
    }
    Some(TURN.lock().unwrap_or_else(PoisonError::into_inner))
}
