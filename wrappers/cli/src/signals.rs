//! Ctrl-C, a polite kill, and a parent that died: what runs comes to its end, files included.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
use videostream::hal::time::deadline_in;

use crate::failure::{Failure, GENERAL};

static STOPPED: AtomicBool = AtomicBool::new(false);

/// The longest wait before the next look at [`stopped`], in nanoseconds.
const SLICE_NS: u64 = 100_000_000;

/// From now on a signal to end sets a mark, which [`stopped`] tells.
pub(crate) fn listen() -> Result<(), Failure> {
    ctrlc::set_handler(stop).map_err(|error| Failure::new(GENERAL, error))
}

/// Whether to come to an end.
pub(crate) fn stopped() -> bool {
    // Relaxed: nothing else is told by it.
    STOPPED.load(Ordering::Relaxed)
}

/// Comes to an end, as if a signal had come.
pub(crate) fn stop() {
    STOPPED.store(true, Ordering::Relaxed);
}

/// The deadline of one wait, so that a signal is seen soon.
pub(crate) fn slice() -> u64 {
    deadline_in(SLICE_NS)
}

/// Sleeps, but not past the mark.
pub(crate) fn sleep(time: Duration) {
    let end = Instant::now() + time;
    while !stopped() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        std::thread::sleep(left.min(Duration::from_nanos(SLICE_NS)));
    }
}

/// Ends when the process `parent`, which started this one, ends in whatever way.
pub(crate) fn follow(parent: i32) -> Result<(), Failure> {
    set_parent_process_death_signal(Some(Signal::TERM))
        .map_err(|error| Failure::new(GENERAL, format_args!("prctl: {error}")))?;
    // It may have ended before that: then somebody else is the parent.
    if getppid() != Pid::from_raw(parent) {
        stop();
    }
    Ok(())
}
