//! Real processes for tests: the test program runs itself again in another role.
//!
//! A test first asks for its [`role`] and plays it if it has one. A process reports its results
//! with [`say`], line by line, on standard error, which libtest does not capture.

use std::env;
use std::fmt::Display;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};

/// Time without a line from a process after which the test fails.
pub const WATCHDOG: Duration = Duration::from_secs(120);

const ROLE: &str = "VIDEOSTREAM_TEST_ROLE";
/// Prefix of the lines for the test.
const MARK: &str = "@ ";

/// Returns the role and its arguments, in a process that a test has started.
pub fn role() -> Option<Vec<String>> {
    let role = env::var(ROLE).ok()?;
    // The process is killed together with its test.
    set_parent_process_death_signal(Some(Signal::KILL)).unwrap();
    Some(role.split('\n').map(str::to_owned).collect())
}

/// Sends a line to the test that has started this process.
pub fn say(line: impl Display) {
    // A single write keeps lines whole. If the test is gone, this process is about to be killed.
    let _ = std::io::stderr().write_all(format!("{MARK}{line}\n").as_bytes());
}

/// Returns the command that runs `test` of this program in a role.
pub fn command(test: &str, role: &[&str]) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(ROLE, role.join("\n"));
    command
}

/// Returns the command that runs `program`, with its environment variables, under `tool`.
pub fn under(tool: &[&str], program: &Command) -> Command {
    let mut command = Command::new(tool[0]);
    command.args(&tool[1..]);
    command.arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command
}

/// Returns whether a command can be run and succeeds; its output is discarded.
pub fn succeeds(command: &mut Command) -> bool {
    let output = command.output();
    output.is_ok_and(|output| output.status.success())
}

/// Pseudo-random numbers.
pub struct Random(u64);

impl Random {
    /// Creates a generator with a random seed, which is printed, or that of `VIDEOSTREAM_SEED`.
    #[expect(
        clippy::new_without_default,
        reason = "no two are equal, and it prints"
    )]
    pub fn new() -> Self {
        let seed = env::var("VIDEOSTREAM_SEED").map(|seed| seed.parse().expect("a number"));
        let seed = seed.unwrap_or_else(|_| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            now.as_nanos() as u64
        });
        println!("VIDEOSTREAM_SEED={seed}");
        Self::from(seed)
    }

    /// Creates a generator with this seed.
    pub fn from(seed: u64) -> Self {
        // Spreads the bits of similar seeds; a state of 0 would stay 0.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Returns a number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        // Xorshift (Marsaglia 2003).
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    /// Returns an element of `from`.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// Returns `true` once in `times` on average.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// A process in a role; killed when dropped.
pub struct Process {
    child: Child,
    lines: Receiver<String>,
    reader: Option<thread::JoinHandle<()>>,
    name: String,
}

impl Process {
    /// Runs `test` of this program in a role.
    pub fn start(test: &str, role: &[&str]) -> Self {
        Self::run(command(test, role), role.join(" "))
    }

    /// Runs a command that starts a process in a role.
    pub fn run(mut command: Command, name: String) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        let label = name.clone();
        let reader = thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                match line.strip_prefix(MARK) {
                    Some(line) => drop(sender.send(line.to_owned())),
                    None => eprintln!("{label}: {line}"),
                }
            }
        });
        Self {
            child,
            lines,
            reader: Some(reader),
            name,
        }
    }

    /// Returns the process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Writes a line to its standard input.
    pub fn tell(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().expect("piped");
        writeln!(stdin, "{line}").unwrap();
    }

    /// Waits for its next line.
    pub fn next(&self) -> String {
        self.lines
            .recv_timeout(WATCHDOG)
            .unwrap_or_else(|why| panic!("{} says nothing: {why}", self.name))
    }

    /// Returns its next line without waiting; `None` if there is no line or it has exited.
    pub fn said(&self) -> Option<String> {
        self.lines.try_recv().ok()
    }

    /// Waits for the next line, which has to start with `start`, and calls `meanwhile` repeatedly.
    /// Returns the rest of the line.
    pub fn expect(&self, start: &str, mut meanwhile: impl FnMut()) -> String {
        let begin = std::time::Instant::now();
        loop {
            meanwhile();
            match self.lines.recv_timeout(Duration::from_micros(100)) {
                Ok(line) => {
                    let rest = line.strip_prefix(start);
                    let rest = rest.unwrap_or_else(|| {
                        panic!("{} says {line:?}, not {start:?}", self.name);
                    });
                    return rest.trim().to_owned();
                }
                Err(RecvTimeoutError::Timeout) => {
                    assert!(
                        begin.elapsed() < WATCHDOG,
                        "{} never said {start:?}",
                        self.name
                    );
                }
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("{} ended before it said {start:?}", self.name)
                }
            }
        }
    }

    /// Sends a signal to the process.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Kills the process like `kill -9`, and waits until it is gone.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.reap();
    }

    /// Returns its exit status, if it has exited.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits until it exits by itself.
    pub fn end(mut self) -> ExitStatus {
        let begin = std::time::Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                self.reap();
                return status;
            }
            assert!(begin.elapsed() < WATCHDOG, "{} does not end", self.name);
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn reap(&mut self) {
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail if it has already exited.
        let _ = self.child.kill();
        self.reap();
    }
}

/// Returns the number of file descriptors that this process has open.
pub fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}
