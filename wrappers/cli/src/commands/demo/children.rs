//! The demo's child processes: starting, reading their reports, ending.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::failure::{Failure, GENERAL};
use crate::progress::{Event, Progress};
use crate::signals;

/// Shares the frames.
pub(super) const HOST: usize = 0;
/// Checks them.
pub(super) const CHECKER: usize = 1;
/// Records them.
pub(super) const RECORDER: usize = 2;

/// Names of the processes.
pub(super) const NAMES: [&str; 3] = ["host", "checker", "recorder"];

/// One process.
#[derive(Default)]
pub(super) struct Process {
    child: Option<Child>,
    /// Its process id, kept after its end.
    pub(super) pid: Option<u32>,
    started: bool,
    pub(super) progress: Progress,
    /// Recent frames per second.
    pub(super) fps: f64,
    /// Start of the interval for `fps`, and frames by then.
    counted: Option<(Instant, u64)>,
    summary: Option<Value>,
    /// Its standard error.
    said: String,
    /// Number of its outputs that are still open.
    open: u32,
    failed: Option<String>,
    /// Whether it was asked to end.
    asked: bool,
}

/// Output of a process, by its index.
enum Said {
    Line(usize, String),
    Error(usize, String),
    /// An output has reached its end.
    Closed(usize),
}

/// All processes, killed on drop.
pub(super) struct Children {
    all: [Process; 3],
    said: Receiver<Said>,
    say: Sender<Said>,
}

impl Children {
    pub(super) fn new() -> Self {
        let (say, said) = channel();
        Self {
            all: Default::default(),
            said,
            say,
        }
    }

    /// Iterates over the started processes with their names.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &Process)> {
        let named = NAMES.into_iter().zip(&self.all);
        named.filter(|(_, process)| process.pid.is_some())
    }

    /// Starts a process.
    pub(super) fn start(
        &mut self,
        which: usize,
        command: Result<Command, Failure>,
    ) -> Result<(), Failure> {
        let mut command = command?;
        for variable in [
            "NOTIFY_SOCKET",
            "LISTEN_PID",
            "LISTEN_FDS",
            "LISTEN_FDNAMES",
        ] {
            // Variables of the service manager are for the demo only.
            command.env_remove(variable);
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C is for the demo, which ends the others in order.
            .process_group(0);
        let name = NAMES[which];
        let mut child = command
            .spawn()
            .map_err(|error| Failure::new(GENERAL, format_args!("starting the {name}: {error}")))?;
        let process = &mut self.all[which];
        process.pid = Some(child.id());
        if let Some(stdout) = child.stdout.take() {
            process.open += 1;
            read(stdout, self.say.clone(), which, Said::Line);
        }
        if let Some(stderr) = child.stderr.take() {
            process.open += 1;
            read(stderr, self.say.clone(), which, Said::Error);
        }
        process.child = Some(child);
        Ok(())
    }

    /// Waits until a process has started its work. Returns `false` if it fails or the user stops
    /// the command.
    pub(super) fn started(&mut self, which: usize, time: Duration) -> bool {
        let begin = Instant::now();
        while !self.all[which].started {
            if signals::stopped() || !self.are_well() {
                return false;
            }
            if begin.elapsed() > time {
                let failed = &mut self.all[which].failed;
                failed.get_or_insert_with(|| "did not start".to_owned());
                return false;
            }
            self.listen(Duration::from_millis(50));
        }
        true
    }

    /// Returns whether no process has ended unexpectedly.
    pub(super) fn are_well(&self) -> bool {
        self.all.iter().all(|process| {
            let is_running = process.pid.is_none() || process.child.is_some();
            process.failed.is_none() && (is_running || process.summary.is_some())
        })
    }

    /// Returns whether all clients have ended.
    pub(super) fn clients_are_done(&self) -> bool {
        let clients = &self.all[CHECKER..];
        clients.iter().all(|process| process.child.is_none())
    }

    /// Handles the output of the processes for some time.
    pub(super) fn listen(&mut self, time: Duration) {
        let end = Instant::now() + time;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.said.recv_timeout(left) {
                Ok(said) => self.hear(said),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn hear(&mut self, said: Said) {
        match said {
            Said::Line(which, line) => {
                // Ignore lines that are not events.
                if let Ok(event) = serde_json::from_str(&line) {
                    self.all[which].note(event);
                }
            }
            Said::Error(which, line) => {
                let said = &mut self.all[which].said;
                said.push_str(&line);
                said.push('\n');
            }
            Said::Closed(which) => {
                let process = &mut self.all[which];
                process.open -= 1;
                if process.open == 0 {
                    process.reap();
                }
            }
        }
    }

    /// Ends all processes, the host last, with time to complete their files.
    pub(super) fn end(&mut self, time: Duration) {
        for group in [&[RECORDER, CHECKER][..], &[HOST]] {
            for &which in group {
                self.all[which].ask_to_end();
            }
            let begin = Instant::now();
            let runs = |all: &[Process; 3]| group.iter().any(|&which| all[which].child.is_some());
            while runs(&self.all) && begin.elapsed() < time {
                self.listen(Duration::from_millis(10));
            }
        }
        for process in &mut self.all {
            process.kill();
        }
    }

    /// Returns the first failure of a process, if any.
    pub(super) fn failure(&self) -> Option<Failure> {
        // The host comes first: if it fails, clients fail as a consequence.
        self.all.iter().zip(NAMES).find_map(|(process, name)| {
            let why = process.failed.as_ref()?;
            Some(Failure::new(GENERAL, format_args!("{name}: {why}")))
        })
    }

    /// Returns the summary of a process.
    pub(super) fn summary(&self, which: usize) -> Value {
        self.all[which].summary.clone().unwrap_or_default()
    }
}

impl Process {
    fn note(&mut self, event: Event) {
        match event {
            Event::Started => self.started = true,
            Event::Progress(progress) => {
                self.progress = progress;
                let (since, before) = *self
                    .counted
                    .get_or_insert((Instant::now(), progress.frames));
                let time = since.elapsed();
                // A short window for the first figure, longer ones for steadier figures.
                let window = if self.fps == 0.0 { 500 } else { 1_000 };
                if time >= Duration::from_millis(window) {
                    let frames = progress.frames.saturating_sub(before);
                    self.fps = frames as f64 / time.as_secs_f64();
                    self.counted = Some((Instant::now(), progress.frames));
                }
            }
            Event::Ended { summary } => self.summary = Some(summary),
        }
    }

    fn ask_to_end(&mut self) {
        self.asked = true;
        let pid = self.child.as_ref().map(Child::id);
        if let Some(pid) = pid.and_then(|pid| Pid::from_raw(pid.cast_signed())) {
            // It may have ended meanwhile, but its id is not reused before it is waited for.
            let _ = kill_process(pid, Signal::TERM);
        }
    }

    /// Waits for a process whose outputs are closed.
    fn reap(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        match child.wait() {
            Ok(status) if status.success() => {}
            // It was killed before it had set up its signal handlers.
            Ok(status) if self.asked && status.signal() == Some(Signal::TERM.as_raw()) => {}
            Ok(status) => {
                let line = self
                    .said
                    .lines()
                    .find_map(|line| line.strip_prefix("error: "));
                let why = line.map_or_else(|| format!("ended with {status}"), str::to_owned);
                self.failed.get_or_insert(why);
            }
            Err(error) => {
                self.failed.get_or_insert(error.to_string());
            }
        }
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
            self.failed
                .get_or_insert_with(|| "did not end when asked to".to_owned());
        }
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        self.all.iter_mut().for_each(Process::kill);
    }
}

/// Forwards the lines of an output.
fn read(
    from: impl Read + Send + 'static,
    say: Sender<Said>,
    which: usize,
    make: fn(usize, String) -> Said,
) {
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if say.send(make(which, line)).is_err() {
                break;
            }
        }
        // Fails if the demo has ended.
        let _ = say.send(Said::Closed(which));
    });
}
