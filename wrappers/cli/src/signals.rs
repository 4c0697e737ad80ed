//! Termination signals: SIGINT, SIGTERM and SIGHUP stop the command gracefully and complete its
//! files. A second signal, or SIGTERM or SIGHUP while the command is blocked, ends it immediately.

use std::ffi::c_int;
use std::fs;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, SigmaskHow};
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
use rustix::time::{ClockId, clock_gettime};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::{Handle, Signals};
use signal_hook::low_level::emulate_default_handler;
use videostream::hal::time::deadline_in;

use crate::failure::{Failure, GENERAL};

static STOPPED: AtomicBool = AtomicBool::new(false);

/// Handle to the signals in use, to add another.
static LISTENING: OnceLock<Handle> = OnceLock::new();

/// The longest wait between two checks of [`stopped`].
const SLICE_NS: u64 = 100_000_000;

/// Signals within this time are one request: `timeout` signals its child and then its whole group,
/// and a terminal and a wrapper may both pass on the same Ctrl-C.
const SAME: Duration = Duration::from_millis(100);

/// Time between two checks whether the command is blocked.
const LOOK: Duration = Duration::from_millis(100);

/// Checks without progress after which the command counts as blocked. None of its own waits is
/// longer than [`SLICE_NS`].
const LOOKS: u32 = 7;

/// Sets up the signals of every subcommand.
pub(crate) fn prepare() -> Result<(), Failure> {
    // A write beyond RLIMIT_FSIZE fails with EFBIG, which is reported, instead of killing.
    catch(SIGXFSZ)
}

/// Makes children's exit status available even if SIGCHLD is ignored by inheritance.
pub(crate) fn keep_children() -> Result<(), Failure> {
    // While SIGCHLD is ignored, the kernel reaps children and discards their status.
    catch(SIGCHLD)
}

/// Catches a signal without doing anything. Child programs get the default action again.
fn catch(signal: c_int) -> Result<(), Failure> {
    undisturbed(|| signal_hook::flag::register(signal, Arc::default())).map(drop)
}

/// Starts to catch termination signals, after which [`stopped`] returns true.
///
/// Signals that were ignored when the command was started stay ignored: `nohup` ignores SIGHUP, and
/// a script's shell ignores SIGINT for background jobs.
pub(crate) fn listen() -> Result<(), Failure> {
    let ignored = ignored();
    let ending = [SIGINT, SIGTERM, SIGHUP];
    let ending = ending.into_iter();
    let signals =
        undisturbed(|| Signals::new(ending.filter(|signal| ignored & (1 << (signal - 1)) == 0)))?;
    LISTENING.get_or_init(|| signals.handle());
    let watching = thread::Builder::new().name("signals".into());
    watching.spawn(move || watch(signals)).map_err(fail)?;
    Ok(())
}

/// Sets up handlers with all signals blocked: a signal during the set-up would be lost.
fn undisturbed<T>(set_up: impl FnOnce() -> std::io::Result<T>) -> Result<T, Failure> {
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_BLOCK);
    let before = before.map_err(|errno| fail(errno.into()))?;
    let done = set_up().map_err(fail);
    before
        .thread_set_mask()
        .map_err(|errno| fail(errno.into()))?;
    done
}

/// Returns the signals that the process ignores, bit n - 1 for signal n; 0 without /proc.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

/// Handles signals. Nothing here may block, because this ends a blocked command.
fn watch(mut signals: Signals) {
    let mut first: Option<Instant> = None;
    for signal in &mut signals {
        if first.is_some_and(|first| first.elapsed() >= SAME) {
            end_by(signal);
        }
        first.get_or_insert_with(Instant::now);
        stop();
        let patience = thread::Builder::new().name("patience".into());
        // Without this thread a second signal still ends the command.
        let _ = patience.spawn(move || end_if_blocked(signal));
    }
}

/// Ends the process by the default action of `signal`.
fn end_by(signal: c_int) {
    let _ = emulate_default_handler(signal);
}

/// Watches a command that should be stopping. If it is blocked in a system call (a pipe without a
/// reader), SIGTERM and SIGHUP end it; after SIGINT the user is told to press Ctrl-C again.
fn end_if_blocked(signal: c_int) {
    let mut before = Progress::now();
    let mut unmoved = 0;
    while unmoved < LOOKS {
        thread::sleep(LOOK);
        let now = Progress::now();
        let moves = match (&before, &now) {
            (Some(before), Some(now)) => now.has_moved_since(before),
            // Unknown without /proc.
            _ => true,
        };
        unmoved = if moves { 0 } else { unmoved + 1 };
        before = now;
    }
    if signal == SIGINT {
        let note = "still waiting, perhaps for a reader of the output; Ctrl-C again ends at once\n";
        let _ = std::io::stderr().write_all(note.as_bytes());
    } else {
        end_by(signal);
    }
}

/// Evidence of progress in the main thread.
#[derive(PartialEq)]
struct Progress {
    /// Whether it is in an interruptible sleep, and so neither runs nor waits for a core or disk.
    sleeps: bool,
    /// How often it has gone to sleep.
    sleeps_begun: u64,
    /// CPU time of all threads, in nanoseconds.
    cpu_ns: i128,
}

impl Progress {
    fn now() -> Option<Self> {
        let path = format!("/proc/self/task/{}/status", std::process::id());
        let status = fs::read_to_string(path).ok()?;
        let field = |name| status.lines().find_map(|line| line.strip_prefix(name));
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        Some(Self {
            sleeps: field("State:")?.trim_start().starts_with('S'),
            sleeps_begun: field("voluntary_ctxt_switches:")?.trim().parse().ok()?,
            cpu_ns: i128::from(cpu.tv_sec) * 1_000_000_000 + i128::from(cpu.tv_nsec),
        })
    }

    fn has_moved_since(&self, before: &Self) -> bool {
        // More than these checks need: other threads work, and the main one waits for them.
        const BUSY_NS: i128 = 10_000_000;
        !self.sleeps
            || self.sleeps_begun != before.sleeps_begun
            || self.cpu_ns - before.cpu_ns > BUSY_NS
    }
}

/// Returns whether the command has to stop.
pub(crate) fn stopped() -> bool {
    // Relaxed: no other data depends on it.
    STOPPED.load(Ordering::Relaxed)
}

/// Stops the command like a signal.
pub(crate) fn stop() {
    STOPPED.store(true, Ordering::Relaxed);
}

/// Returns a deadline for one wait, short enough to notice signals.
pub(crate) fn slice() -> u64 {
    deadline_in(SLICE_NS)
}

/// Sleeps until the time is over or the command is stopped.
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

/// Stops this process when `parent`, which started it, ends or sends SIGTERM.
pub(crate) fn follow(parent: i32) -> Result<(), Failure> {
    // The parent sends SIGTERM even if both have inherited that it is ignored.
    if let Some(listening) = LISTENING.get() {
        undisturbed(|| listening.add_signal(SIGTERM))?;
    }
    set_parent_process_death_signal(Some(Signal::TERM))
        .map_err(|error| Failure::new(GENERAL, format_args!("prctl: {error}")))?;
    // If the parent ended before the call above, this process has been re-parented.
    if getppid() != Pid::from_raw(parent) {
        stop();
    }
    Ok(())
}

fn fail(error: std::io::Error) -> Failure {
    Failure::new(GENERAL, format_args!("signals: {error}"))
}
