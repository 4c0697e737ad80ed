//! What tests of several packages have in common: skips, turns in the guest, counts of allocations,
//! processes in a role, traces of calls; and what benches have, with the feature `figures`.

pub mod counting;
#[cfg(feature = "figures")]
pub mod figures;
pub mod process;
pub mod strace;

use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Devices are the same for all, and descriptors are counted for the whole process.
static TURN: Mutex<()> = Mutex::new(());

/// Says that a test is skipped; it has to return then.
pub fn skip(test: &str, why: &str) {
    // Past libtest, which keeps what print macros write of a test that passes. In one piece: other tests write, too.
    let line = format!("skipped: {test}: {why}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
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
