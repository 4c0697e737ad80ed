//! The examples, run as processes whose output is checked.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// How long a process may stay silent.
const WATCHDOG: Duration = Duration::from_secs(120);

/// A running example; killed when dropped.
struct Example {
    child: Child,
    lines: Receiver<String>,
}

impl Example {
    /// `None`, and a word about it, if the examples were not built with this test.
    fn start(name: &str, arguments: &[&str]) -> Option<Self> {
        let own = std::env::current_exe().unwrap();
        let program: PathBuf = own.ancestors().nth(2).unwrap().join("examples").join(name);
        if !program.exists() {
            let why = "not built (cargo build --examples)";
            videostream_testing::skip(&format!("example {name}"), why);
            return None;
        }
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Some(Self { child, lines })
    }

    /// The next line; `None` when it has ended.
    fn line(&self) -> Option<String> {
        use std::sync::mpsc::RecvTimeoutError;
        match self.lines.recv_timeout(WATCHDOG) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("nothing came"),
        }
    }

    /// All that it says until it ends by itself, in peace.
    fn end(mut self) -> Vec<String> {
        let lines = std::iter::from_fn(|| self.line()).collect();
        assert!(self.child.wait().unwrap().success(), "{lines:?}");
        lines
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        // Both fail for one that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn name(test: &str) -> String {
    format!("videostream-example-{}-{test}", std::process::id())
}

/// The serials of lines like `frame 7: ...`, which grow.
fn serials(lines: &[String]) -> Vec<u64> {
    let frames = lines.iter().filter_map(|line| line.strip_prefix("frame "));
    let serials: Vec<u64> = frames
        .map(|line| line.split(':').next().unwrap().parse().unwrap())
        .collect();
    assert!(serials.is_sorted_by(|a, b| a < b), "{serials:?}");
    serials
}

#[test]
fn host_and_client() {
    let name = name("client");
    let Some(host) = Example::start("host", &[&name]) else {
        return;
    };
    assert_eq!(host.line(), Some(format!("serving {name}")));
    let Some(client) = Example::start("client", &[&name, "20"]) else {
        return;
    };
    let lines = client.end();
    assert_eq!(serials(&lines).len(), 20);
    let whole = |line: &String| line.contains(": 640x480 NV12, mean ");
    assert!(lines.iter().all(whole), "{lines:?}");
}

#[test]
fn a_host_ends_after_its_frames() {
    let name = name("ends");
    let Some(host) = Example::start("host", &[&name, "5"]) else {
        return;
    };
    let said = host.end();
    assert_eq!(
        said,
        [format!("serving {name}"), "0 clients at the end".to_owned()]
    );
}

#[test]
fn a_client_in_an_event_loop() {
    let name = name("epoll");
    let Some(host) = Example::start("host", &[&name]) else {
        return;
    };
    assert_eq!(host.line(), Some(format!("serving {name}")));
    let Some(client) = Example::start("epoll_client", &[&name, "60"]) else {
        return;
    };
    let lines = client.end();
    assert_eq!(serials(&lines).len(), 60);
    assert_eq!(lines.last().unwrap().split(": ").nth(1), Some("number 60"));
    // A second of frames takes longer than a tick.
    assert!(
        lines.iter().any(|line| line.starts_with("tick: ")),
        "{lines:?}"
    );
}

#[test]
fn a_pipeline_of_three_processes() {
    let Some(pipeline) = Example::start("pipeline", &[]) else {
        return;
    };
    let lines = pipeline.end();
    assert_eq!(serials(&lines).len(), 30);
    let last = lines.last().map(String::as_str);
    assert_eq!(last, Some("30 frames through three processes"));
}
