//! Ctrl-C, a polite kill, a lost terminal: what runs comes to its end, files included. Whoever asks a
//! second time, or kills what is blocked, has the command end at once.

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

/// Which signals are waited for.
static LISTENING: OnceLock<Handle> = OnceLock::new();

/// The longest wait before the next look at [`stopped`], in nanoseconds.
const SLICE_NS: u64 = 100_000_000;

/// Signals that come closer together are one request: `timeout` kills its child and then its whole
/// group, and a terminal and a wrapper may both pass on the same Ctrl-C.
const SAME: Duration = Duration::from_millis(100);

/// Between two looks at whether the command is blocked.
const LOOK: Duration = Duration::from_millis(100);

/// After so many looks without a move it is. Nothing here sleeps longer than [`SLICE_NS`] at once.
const LOOKS: u32 = 7;

/// Sets up what holds for every subcommand.
pub(crate) fn prepare() -> Result<(), Failure> {
    // A write beyond the limit for files fails with EFBIG, which is told, instead of killing.
    catch(SIGXFSZ)
}

/// Has children wait to be waited for, whatever the parent of this process did with its own.
pub(crate) fn keep_children() -> Result<(), Failure> {
    // Ignored, SIGCHLD would do away with them when they end, and with their status.
    catch(SIGCHLD)
}

/// Catches a signal and does nothing; programs that are started get its default back.
fn catch(signal: c_int) -> Result<(), Failure> {
    undisturbed(|| signal_hook::flag::register(signal, Arc::default())).map(drop)
}

/// From now on a signal to end sets a mark, which [`stopped`] tells.
///
/// Signals that were ignored when the command was started stay ignored: `nohup` ignores SIGHUP, and a
/// script's shell ignores SIGINT for background jobs.
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

/// Sets up handlers while no signal comes: one that meets a handler which is half set up would be lost.
fn undisturbed<T>(set_up: impl FnOnce() -> std::io::Result<T>) -> Result<T, Failure> {
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_BLOCK);
    let before = before.map_err(|errno| fail(errno.into()))?;
    let done = set_up().map_err(fail);
    before
        .thread_set_mask()
        .map_err(|errno| fail(errno.into()))?;
    done
}

/// The signals that the process ignores: bit n - 1 for signal n. None where /proc does not tell.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

/// Takes the signals as they come. Nothing here may block: it is what helps when all else does.
fn watch(mut signals: Signals) {
    let mut first: Option<Instant> = None;
    for signal in &mut signals {
        if first.is_some_and(|first| first.elapsed() >= SAME) {
            end_by(signal);
        }
        first.get_or_insert_with(Instant::now);
        stop();
        let patience = thread::Builder::new().name("patience".into());
        // Without it the second signal still helps.
        let _ = patience.spawn(move || end_if_blocked(signal));
    }
}

/// Ends the process as `signal` does where nobody catches it.
fn end_by(signal: c_int) {
    let _ = emulate_default_handler(signal);
}

/// Waits for the end that was asked for. When the command sleeps in one call all the time (a pipe that
/// nobody reads), a kill ends it; after Ctrl-C the user is told how.
fn end_if_blocked(signal: c_int) {
    let mut before = Progress::now();
    let mut unmoved = 0;
    while unmoved < LOOKS {
        thread::sleep(LOOK);
        let now = Progress::now();
        let moves = match (&before, &now) {
            (Some(before), Some(now)) => now.has_moved_since(before),
            // Not known without /proc.
            _ => true,
        };
        unmoved = if moves { 0 } else { unmoved + 1 };
        before = now;
    }
    if signal == SIGINT {
        let note =
            "still waiting, for whoever reads the output, say; Ctrl-C again ends it at once\n";
        let _ = std::io::stderr().write_all(note.as_bytes());
    } else {
        end_by(signal);
    }
}

/// What shows that the main thread does something.
#[derive(PartialEq)]
struct Progress {
    /// Whether it sleeps in a call that a signal may interrupt: it is neither running, nor waiting for
    /// a core or a disk.
    sleeps: bool,
    /// How often it has begun to sleep.
    sleeps_begun: u64,
    /// What all threads have computed, in nanoseconds.
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
        // More than these looks take: other threads work, and the main one waits for them.
        const BUSY_NS: i128 = 10_000_000;
        !self.sleeps
            || self.sleeps_begun != before.sleeps_begun
            || self.cpu_ns - before.cpu_ns > BUSY_NS
    }
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

/// Ends when the process `parent`, which started this one, ends in whatever way or asks for it.
pub(crate) fn follow(parent: i32) -> Result<(), Failure> {
    // The parent asks with it, also where both have inherited that it is ignored.
    if let Some(listening) = LISTENING.get() {
        undisturbed(|| listening.add_signal(SIGTERM))?;
    }
    set_parent_process_death_signal(Some(Signal::TERM))
        .map_err(|error| Failure::new(GENERAL, format_args!("prctl: {error}")))?;
    // It may have ended before that: then somebody else is the parent.
    if getppid() != Pid::from_raw(parent) {
        stop();
    }
    Ok(())
}

fn fail(error: std::io::Error) -> Failure {
    Failure::new(GENERAL, format_args!("signals: {error}"))
}
