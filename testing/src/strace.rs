//! Traces the system calls of a test, which runs itself again under `strace`.

use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::{env, fs};

use crate::process::under;

const STRACE: &str = "/usr/bin/strace";

/// Returns whether strace is installed and may trace; otherwise reports that the test is skipped.
pub fn is_there(test: &str) -> bool {
    let mut tried = Command::new(STRACE);
    tried.args(["-qq", "-o", "/dev/null", "true"]);
    let why = match tried.stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => return true,
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => format!("{STRACE}: {error}"),
    };
    crate::skip(test, &why);
    false
}

/// Runs a test of this program under strace, with these options and an environment variable, and
/// returns the trace.
///
/// # Panics
///
/// If the test fails.
pub fn trace(test: &str, options: &[&str], (name, value): (&str, &str)) -> String {
    let log = env::temp_dir().join(format!("calls-{}-{test}-{value}", std::process::id()));
    let mut traced = Command::new(env::current_exe().unwrap());
    traced.args(["--exact", test, "--nocapture"]);
    traced.env(name, value);
    let mut strace = command(options, &log, &traced);
    let status = strace.stdout(Stdio::null()).status().unwrap();
    let text = fs::read_to_string(&log).unwrap();
    fs::remove_file(&log).unwrap();
    assert!(status.success(), "{text}");
    text
}

/// Returns the command that runs `traced` under strace with these options and writes to `log`.
pub fn command(options: &[&str], log: &Path, traced: &Command) -> Command {
    let log = log.to_str().unwrap();
    let words = [&[STRACE, "-f", "-qq", "-o", log][..], options, &["--"]].concat();
    under(&words, traced)
}

/// Runs a command with manipulated system calls (`--inject` of `strace(1)`).
pub fn inject(what: &str, tampered: &Command) -> ExitStatus {
    let option = format!("--inject={what}");
    let mut strace = command(&[&option], Path::new("/dev/null"), tampered);
    let quiet = strace.stdin(Stdio::null()).stdout(Stdio::null());
    quiet.stderr(Stdio::null()).status().unwrap()
}

/// Returns the calls of a trace, each with its thread: ioctls by the name of the request, `poll`
/// and `ppoll` both as `poll`.
pub fn calls(trace: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = trace.lines().filter_map(|line| line.split_once(' '));
    let calls = lines.map(|(thread, call)| (thread, call.trim_start()));
    // A call interrupted by another thread was counted at its start.
    let begun = calls.filter(|(_, call)| !call.starts_with("<..."));
    begun.map(|(thread, call)| match call.split('(').next().unwrap() {
        "ioctl" => (thread, call.split(',').nth(1).unwrap().trim()),
        "ppoll" => (thread, "poll"),
        name => (thread, name),
    })
}
