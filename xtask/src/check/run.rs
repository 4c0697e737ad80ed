//! One part's run: its log, and the commands that write into it.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

use super::counts::LEFT_OUT;
use crate::{interrupt, process, project, quote};

/// A command that writes nothing for so long hangs, however slow the machine is.
const SILENCE_LIMIT: Duration = Duration::from_secs(30 * 60);
/// The same with `--deep`.
const DEEP_SILENCE_LIMIT: Duration = Duration::from_secs(6 * 60 * 60);

/// Most tries of a command that downloads.
const TRIES: usize = 3;

/// The run of one part: its log, and settings for its commands.
pub(crate) struct Run {
    log: File,
    path: PathBuf,
    deep: bool,
    /// The only test program to run.
    test: Option<String>,
    /// Arguments of every test program.
    words: Vec<String>,
}

impl Run {
    /// Begins an empty log.
    pub(crate) fn new(path: &Path, deep: bool) -> Result<Self> {
        fs::write(path, "").with_context(|| format!("log {}", path.display()))?;
        let log = OpenOptions::new().read(true).append(true).open(path)?;
        Ok(Self {
            log,
            path: path.to_owned(),
            deep,
            test: None,
            words: Vec::new(),
        })
    }

    /// Limits the run to one test program, with arguments for it.
    pub(crate) fn of(mut self, test: Option<&str>, words: &[String]) -> Self {
        self.test = test.map(str::to_owned);
        self.words = words.to_vec();
        self
    }

    /// Whether the test program `name` is to run.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.test.as_ref().is_none_or(|only| only == name)
    }

    /// Arguments of every test program.
    pub(crate) fn words(&self) -> &[String] {
        &self.words
    }

    /// Whether `--deep` was given.
    pub(crate) fn is_deep(&self) -> bool {
        self.deep
    }

    /// The path of the log.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The text of the log so far.
    pub(crate) fn text(&mut self) -> Result<String> {
        let mut bytes = Vec::new();
        self.log.seek(SeekFrom::Start(0))?;
        self.log.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// A writer at the log's end.
    pub(crate) fn log(&self) -> Result<File> {
        Ok(self.log.try_clone()?)
    }

    /// Writes a line into the log.
    pub(crate) fn note(&mut self, line: &str) -> Result<()> {
        Ok(writeln!(self.log, "{line}")?)
    }

    /// Reports a test or a program that is not run; it counts as skipped.
    pub(crate) fn left_out(&mut self, name: &str, why: &str) -> Result<()> {
        self.note(&format!("{LEFT_OUT}{name}: {why}"))
    }

    /// Runs a command to its end; an error unless it succeeds.
    pub(crate) fn command(&mut self, command: &mut Command) -> Result<()> {
        let log = self.log.try_clone()?;
        self.run(command, log)
    }

    /// Like [`command`](Self::command), but tries up to [`TRIES`] times: downloads fail.
    pub(crate) fn command_retrying(&mut self, command: &mut Command) -> Result<()> {
        let mut tries = 1..=TRIES;
        loop {
            tries.next();
            let ended = self.command(command);
            if ended.is_ok() || tries.is_empty() || interrupt::check().is_err() {
                return ended;
            }
        }
    }

    /// Runs a command to its end and gives back what it wrote to standard output,
    /// which is left out of the log; an error unless it succeeds.
    pub(crate) fn output(&mut self, command: &mut Command) -> Result<String> {
        let mut file = tempfile::tempfile()?;
        self.run(command, file.try_clone()?)?;
        let mut text = String::new();
        file.seek(SeekFrom::Start(0))?;
        file.read_to_string(&mut text)?;
        Ok(text)
    }

    fn run(&mut self, command: &mut Command, stdout: File) -> Result<()> {
        let text = process::describe(command);
        self.note(&format!("$ {}{text}", variables(command)))?;
        let log = self.log.try_clone()?;
        // In a new process group, so that a command that hangs is killed with all its children.
        let child = command
            .stdin(Stdio::null())
            .stdout(stdout.try_clone()?)
            .stderr(log.try_clone()?)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start `{text}`"))?;
        let limit = match self.deep {
            true => DEEP_SILENCE_LIMIT,
            false => SILENCE_LIMIT,
        };
        let status = wait(child, &[stdout, log], limit).with_context(|| format!("`{text}`"))?;
        if !status.success() {
            bail!("`{text}` ended with {status}");
        }
        Ok(())
    }
}

/// The variables that a command is given by its part, as a shell would read them.
fn variables(command: &Command) -> String {
    // What every command has, and what is only for this machine.
    let common = ["CARGO_TERM_COLOR", "CARGO_NET_RETRY", "PATH"];
    let mut text = String::new();
    for (name, value) in command.get_envs() {
        if let (Some(name), Some(value)) = (name.to_str(), value)
            && !common.contains(&name)
        {
            text += &format!("{name}={} ", quote::word(&value.to_string_lossy()));
        }
    }
    text
}

/// Cargo, in the project's folder and without what `cargo run` has set for this program.
pub(crate) fn cargo(words: &[&str]) -> Result<Command> {
    let mut command = Command::new("cargo");
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_"]
            .iter()
            .any(|prefix| text.starts_with(prefix))
        {
            command.env_remove(&name);
        }
    }
    command.args(words).current_dir(project::root()?);
    command
        .env("CARGO_TERM_COLOR", "never")
        .env("CARGO_NET_RETRY", "5");
    Ok(command)
}

/// Waits for a command's end, or until it has written nothing into `files` for `limit`.
fn wait(mut child: Child, files: &[File], limit: Duration) -> Result<ExitStatus> {
    let mut silence = Silence::new();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        let lengths = files.iter().map(|file| Ok(file.metadata()?.len()));
        let written: Result<u64> = lengths.sum();
        let stop = match interrupt::check() {
            Err(error) => Some(error),
            Ok(()) if silence.lasts(written?, Instant::now()) > limit => Some(anyhow::anyhow!(
                "stopped after {} s without output",
                limit.as_secs()
            )),
            Ok(()) => None,
        };
        if let Some(error) = stop {
            // The group is there as long as its first process is not waited for.
            kill_process_group(Pid::from_child(&child), Signal::KILL)?;
            child.wait()?;
            return Err(error);
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// How long a command has been silent.
struct Silence {
    written: u64,
    since: Instant,
}

impl Silence {
    fn new() -> Self {
        Self {
            written: 0,
            since: Instant::now(),
        }
    }

    /// Returns how long nothing was written, given the bytes `written` by now.
    fn lasts(&mut self, written: u64, now: Instant) -> Duration {
        if written != self.written {
            *self = Self {
                written,
                since: now,
            };
        }
        now.saturating_duration_since(self.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_in_the_log_can_be_run_again() {
        let mut command = Command::new("cargo");
        command.env("RUSTFLAGS", "--cfg loom").env("PATH", "/x");
        command.env_remove("CARGO_BUILD_TARGET").arg("test");
        assert_eq!(variables(&command), "RUSTFLAGS='--cfg loom' ");
    }

    #[test]
    fn only_a_command_that_says_nothing_hangs() {
        let mut silence = Silence::new();
        let begin = silence.since;
        let minute = |n| begin + Duration::from_secs(60 * n);
        for n in 1..100 {
            assert_eq!(silence.lasts(n, minute(n)), Duration::ZERO);
        }
        for n in 100..200 {
            let lasts = silence.lasts(99, minute(n));
            assert_eq!(lasts, Duration::from_secs(60 * (n - 99)));
        }
    }

    #[test]
    fn a_command_that_hangs_is_ended_with_all_it_started() {
        let limit = Duration::from_secs(1);
        // Again where starting it takes longer than that.
        let started = loop {
            let mut file = tempfile::tempfile().unwrap();
            let mut command = Command::new("sh");
            command
                .args(["-c", "sleep 1000 & echo $!; wait"])
                .stdout(file.try_clone().unwrap())
                .process_group(0);
            let child = command.spawn().unwrap();
            let why = wait(child, &[file.try_clone().unwrap()], limit).unwrap_err();
            assert_eq!(why.to_string(), "stopped after 1 s without output");
            let mut text = String::new();
            file.seek(SeekFrom::Start(0)).unwrap();
            file.read_to_string(&mut text).unwrap();
            if text.ends_with('\n') {
                break text;
            }
        };
        let about = format!("/proc/{}/stat", started.trim());
        // Gone, or dead and not waited for.
        let runs = || fs::read_to_string(&about).is_ok_and(|stat| !stat.contains(") Z "));
        while runs() {
            thread::yield_now();
        }
    }
}
