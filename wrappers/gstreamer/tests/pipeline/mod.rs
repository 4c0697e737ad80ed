//! A pipeline in a process of its own, as `gst-launch-1.0` runs it.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use videostream_testing::skip;

/// How long a pipeline may take to end on a slow machine.
const TIMEOUT: Duration = Duration::from_secs(120);
/// What GStreamer's log says of pixels that are copied.
const COPIES: [&str; 3] = ["slow copy", "copy plane", "copying"];

/// A running pipeline; killed when dropped.
pub(crate) struct Pipeline {
    child: Child,
    words: String,
    folder: TempDir,
}

/// What a pipeline has left.
pub(crate) struct Ended {
    log: String,
}

impl Pipeline {
    /// Starts the pipeline `words`; says that `test` is skipped where nothing can start it.
    pub(crate) fn start(test: &str, words: &str) -> Option<Self> {
        Self::start_logging(test, words, "GST_PERFORMANCE:6")
    }

    /// The same, with a log of these categories.
    pub(crate) fn start_logging(test: &str, words: &str, categories: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let said = fs::File::create(folder.path().join("said")).unwrap();
        let mut launch = Command::new("gst-launch-1.0");
        launch
            .args(words.split_whitespace())
            .env("GST_DEBUG", categories)
            .env("GST_DEBUG_NO_COLOR", "1")
            .env("GST_DEBUG_FILE", folder.path().join("log"))
            .stdin(Stdio::null())
            .stdout(said.try_clone().unwrap())
            .stderr(said);
        let child = match launch.spawn() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                skip(test, "no gst-launch-1.0");
                return None;
            }
            child => child.unwrap(),
        };
        Some(Self {
            child,
            words: words.to_owned(),
            folder,
        })
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until so many lines of its log have `words` in them.
    pub(crate) fn wait_for(&self, words: &str, lines: usize) {
        self.wait("log", words, lines);
    }

    /// Waits until it has said `words` in so many lines.
    pub(crate) fn wait_for_words(&self, words: &str, lines: usize) {
        self.wait("said", words, lines);
    }

    fn wait(&self, name: &str, words: &str, lines: usize) {
        let begin = Instant::now();
        loop {
            let text = self.read(name);
            let found = text.lines().filter(|line| line.contains(words)).count();
            if found >= lines {
                return;
            }
            let late = begin.elapsed() > TIMEOUT;
            assert!(!late, "{found} lines with {words:?} after {TIMEOUT:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it as Ctrl-C does, which has to be a success.
    pub(crate) fn interrupt(mut self) -> Ended {
        self.check_running();
        let pid = Pid::from_raw(self.child.id().cast_signed()).unwrap();
        kill_process(pid, Signal::INT).unwrap();
        self.end()
    }

    fn check_running(&mut self) {
        let said = self.read("said");
        let running = self.child.try_wait().unwrap().is_none();
        assert!(running, "{} has ended: {said}", self.words);
    }

    /// Waits until it has ended by itself, which has to be a success.
    pub(crate) fn end(mut self) -> Ended {
        let begin = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            let said = self.read("said");
            assert!(begin.elapsed() < TIMEOUT, "{}: {said}", self.words);
            std::thread::sleep(Duration::from_millis(20));
        };
        let said = self.read("said");
        assert!(status.success(), "{}: {status}\n{said}", self.words);
        Ended {
            log: self.read("log"),
        }
    }

    fn read(&self, name: &str) -> String {
        let file: PathBuf = self.folder.path().join(name);
        String::from_utf8_lossy(&fs::read(file).unwrap_or_default()).into_owned()
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            println!("{}:\n{}", self.words, self.read("said"));
        }
    }
}

impl Ended {
    /// Lines of its log that have one of these in them.
    pub(crate) fn lines(&self, words: &[&str]) -> Vec<&str> {
        let lines = self.log.lines();
        lines
            .filter(|line| words.iter().any(|word| line.contains(word)))
            .collect()
    }

    /// What it says of pixels that were copied.
    pub(crate) fn copies(&self) -> Vec<&str> {
        // What GStreamer tells without being asked shows that it does.
        assert!(self.log.contains("GST_PERFORMANCE"), "an empty log");
        self.lines(&COPIES)
    }
}
