//! Processes of the command under test, which end with their test.

#![allow(dead_code, reason = "each test program uses some of it")]

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

/// Returns a folder for a test, and the path of a socket in it.
pub(crate) fn place() -> (TempDir, String) {
    let folder = tempdir().unwrap();
    let socket = folder.path().join("socket").display().to_string();
    (folder, socket)
}

/// The time-out of every wait, generous for slow machines.
pub(crate) const LIMIT: Duration = Duration::from_secs(90);

/// A running command.
pub(crate) struct Process {
    child: Child,
    words: String,
    out: File,
    err: File,
}

/// The result of a command.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Returns the program's path: that of the rig, else cargo's.
pub(crate) fn program() -> PathBuf {
    let given = std::env::var_os("VIDEOSTREAM_BIN");
    given.map_or_else(|| env!("CARGO_BIN_EXE_videostream").into(), PathBuf::from)
}

/// Starts the command.
pub(crate) fn start<S: AsRef<OsStr>>(words: impl IntoIterator<Item = S>) -> Process {
    let mut command = Command::new(program());
    start_command(command.args(words))
}

/// Starts any command.
pub(crate) fn start_command(command: &mut Command) -> Process {
    start_with(Stdio::null(), command)
}

/// Starts any command with this for its standard input.
pub(crate) fn start_with(stdin: impl Into<Stdio>, command: &mut Command) -> Process {
    let out = tempfile::tempfile().unwrap();
    let err = tempfile::tempfile().unwrap();
    command
        .stdin(stdin)
        .stdout(out.try_clone().unwrap())
        .stderr(err.try_clone().unwrap());
    let words = format!("{command:?}");
    let child = command.spawn();
    Process {
        child: child.unwrap_or_else(|error| panic!("{words}: {error}")),
        words,
        out,
        err,
    }
}

/// Starts a host that shares 20 small pictures of the pattern per second, changed by `words`.
pub(crate) fn share_pattern(socket: &str, words: &[&str]) -> Process {
    let fixed = ["stream", "--pattern", "-r", "320x240", "-F", "20"];
    let mut host = start(fixed.iter().chain(words).chain(&["--json", socket]));
    host.wait_for("sharing");
    host
}

/// Runs the command to its end.
pub(crate) fn run<S: AsRef<OsStr>>(words: impl IntoIterator<Item = S>) -> Ended {
    start(words).finish()
}

impl Process {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Returns its standard error so far.
    pub(crate) fn stderr(&self) -> String {
        read(&self.err)
    }

    /// Waits until it has written something to standard error.
    pub(crate) fn wait_for(&mut self, text: &str) {
        let words = self.words.clone();
        let begin = Instant::now();
        loop {
            let said = self.stderr();
            if said.contains(text) {
                return;
            }
            assert!(self.is_running(), "{words}: {said}");
            let stuck = begin.elapsed() > LIMIT;
            assert!(
                !stuck,
                "{words} never says {text:?}\n{}",
                self.whereabouts()
            );
            sleep(Duration::from_millis(20));
        }
    }

    /// Waits until it handles Ctrl-C, which would kill it before.
    pub(crate) fn wait_for_signals(&mut self) {
        let words = self.words.clone();
        let path = format!("/proc/{}/status", self.id());
        wait_until(&format!("{words} listens to signals"), || {
            let status = std::fs::read_to_string(&path).unwrap_or_default();
            let caught = status.lines().find_map(|l| l.strip_prefix("SigCgt:"));
            let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
            let listens = caught.is_some_and(|mask| mask & 0b10 != 0);
            assert!(listens || self.is_running(), "{words}: {}", self.stderr());
            listens
        });
    }

    /// Describes where its threads are, from /proc.
    fn whereabouts(&self) -> String {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.id()));
        let tasks = tasks.into_iter().flatten().flatten();
        let told = |path: PathBuf| std::fs::read_to_string(path).unwrap_or_default();
        tasks
            .flat_map(|task| ["comm", "wchan", "syscall", "stack"].map(|f| task.path().join(f)))
            .map(|path| format!("{}: {}\n", path.display(), told(path.clone()).trim()))
            .collect()
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Ended {
        let words = self.words.clone();
        let mut status = None;
        wait_until(&format!("{words} ends"), || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        Ended {
            status: status.unwrap(),
            stdout: read(&self.out),
            stderr: read(&self.err),
        }
    }

    /// Sends SIGINT and waits for its end.
    pub(crate) fn interrupt(self) -> Ended {
        self.signal(Signal::INT);
        self.finish()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Nothing to do if it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// Its JSON, after success.
    pub(crate) fn json(&self) -> Value {
        assert!(self.status.success(), "{self:?}");
        self.json_anyway()
    }

    /// Its JSON, however it ended.
    pub(crate) fn json_anyway(&self) -> Value {
        let json = serde_json::from_str(&self.stdout);
        json.unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Asserts one line of error, this exit status, and no panic.
    pub(crate) fn assert_error(&self, code: i32, says: &[&str]) {
        assert_eq!(self.status.code(), Some(code), "{self:?}");
        assert!(!self.stderr.contains("panicked"), "{self:?}");
        let errors = self.stderr.lines().filter(|l| l.starts_with("error: "));
        let errors: Vec<_> = errors.collect();
        assert_eq!(errors.len(), 1, "{self:?}");
        for word in says {
            assert!(errors[0].contains(word), "{word:?} in {self:?}");
        }
    }
}

/// Reads a file that a child writes to, without moving their shared position.
fn read(file: &File) -> String {
    let mut bytes = vec![0; file.metadata().unwrap().len() as usize];
    file.read_exact_at(&mut bytes, 0).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Waits for something, for not too long.
pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < LIMIT, "waited too long until {what}");
        sleep(Duration::from_millis(20));
    }
}

/// Counts the frames that a receiver with `-v` has printed.
pub(crate) fn frames(receiver: &Process) -> usize {
    receiver.stderr().matches("\nframe ").count()
}

/// Waits until a receiver with `-v` has more frames than it has now.
pub(crate) fn wait_for_more(receiver: &Process) {
    let before = frames(receiver);
    wait_until("more frames have come", || frames(receiver) > before + 2);
}

/// A number in JSON.
pub(crate) fn number(value: &Value, field: &str) -> u64 {
    let number = value[field].as_u64();
    number.unwrap_or_else(|| panic!("no number {field} in {value}"))
}

/// The numbers of an array in JSON.
pub(crate) fn numbers(value: &Value, field: &str) -> Vec<u64> {
    let array = value[field].as_array();
    let array = array.unwrap_or_else(|| panic!("no array {field} in {value}"));
    array.iter().filter_map(Value::as_u64).collect()
}

/// Asserts that a receiver accounts for every frame since its start.
pub(crate) fn assert_accounts(received: &Value) {
    let first = number(received, "first_sequence");
    let last = number(received, "last_sequence");
    let known = [
        "frames_processed",
        "dropped_frames",
        "source_dropped_frames",
    ];
    let known: u64 = known.iter().map(|field| number(received, field)).sum();
    assert_eq!(known, last - first + 1, "{received}");
    assert_eq!(received["in_order"], true, "{received}");
}

/// Returns whether H.265 can be encoded and decoded; if not, prints that `test` is skipped.
pub(crate) fn has_h265(test: &str) -> bool {
    let folder = tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let record = ["record", "--pattern", "-r", "320x240", "-f", "1", "--codec"];
    let record = record.iter().map(|word| (*word).to_owned());
    let commands = [
        record
            .chain(["h265".to_owned(), file("x.hevc")])
            .collect::<Vec<_>>(),
        vec!["convert".to_owned(), file("x.hevc"), file("x.y4m")],
    ];
    for words in commands {
        let ended = run(words);
        if ended.status.code() == Some(4) {
            ended.assert_error(4, &["Debian"]);
            videostream_testing::skip(test, ended.stderr.trim());
            return false;
        }
        assert!(ended.status.success(), "{ended:?}");
    }
    true
}

/// Probes a file's video by ffprobe: codec, width, height, rate, decodable frames. Without ffprobe
/// returns `None` and prints a note.
pub(crate) fn probe(test: &str, file: &Path) -> Option<Vec<String>> {
    let fields = "stream=codec_name,width,height,r_frame_rate,nb_read_frames";
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-select_streams", "v:0"])
        .args(["-show_entries", fields, "-of", "csv=p=0"])
        .arg(file)
        .stdin(Stdio::null())
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => {
            videostream_testing::skip(test, &format!("needs ffprobe: {error}"));
            return None;
        }
    };
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    Some(text.trim().split(',').map(str::to_owned).collect())
}

/// Returns the [`probe`] of a good recording.
pub(crate) fn h264(width: u32, height: u32, rate: &str, frames: u64) -> Option<Vec<String>> {
    Some(vec![
        "h264".to_owned(),
        width.to_string(),
        height.to_string(),
        rate.to_owned(),
        frames.to_string(),
    ])
}

/// Returns the time of each picture in a file, in seconds; `None` without ffprobe.
pub(crate) fn times(file: &Path) -> Option<Vec<f64>> {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", "packet=pts_time"])
        .args(["-of", "csv=p=0"])
        .arg(file)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(|line| line.trim_end_matches(','));
    Some(lines.filter_map(|line| line.parse().ok()).collect())
}

/// Returns the processes that have `word` in their command line.
pub(crate) fn processes_with(word: &str) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let line = std::fs::read(entry.path().join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).into_owned();
            line.split('\0').any(|w| w == word).then_some(pid)
        })
        .collect()
}

/// Returns whether there is ffmpeg; if not, prints that `test` is skipped.
pub(crate) fn has_ffmpeg(test: &str) -> bool {
    videostream_testing::has_programs(test, &["ffmpeg"])
}

/// Encodes 50 pictures with another encoder; returns `false` if ffmpeg lacks it.
pub(crate) fn encoded_by_ffmpeg(encoder: &str, parameters: &str, to: &Path) -> bool {
    let source = ["-v", "error", "-f", "lavfi", "-i", "testsrc=s=320x240:r=25"];
    let option = format!("-{}-params", encoder.trim_start_matches("lib"));
    let parameters = format!("{parameters}:log-level=none");
    let output = Command::new("ffmpeg")
        .args(source)
        .args(["-frames:v", "50", "-pix_fmt", "yuv420p", "-c:v", encoder])
        .args([&option, &parameters])
        .arg(to)
        .stdin(Stdio::null())
        .output();
    output.is_ok_and(|output| output.status.success())
}
