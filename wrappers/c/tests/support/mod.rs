//! What the tests have in common: where things are, compilers, processes.

#![allow(dead_code, reason = "each test uses a part of it")]

pub(crate) mod elf;
pub(crate) mod first_programs;
pub(crate) mod program;
pub(crate) mod rig_camera;
pub(crate) mod signatures;
pub(crate) mod tree;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use videostream_testing::skip;

/// How long a process may take on a busy machine.
const PROGRAM_TIMEOUT: Duration = Duration::from_secs(300);

/// Where the header is.
pub(crate) fn header_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("include")
}

/// Where cargo put the libraries: next to the tests.
pub(crate) fn library_folder() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().unwrap();
    for name in ["libvideostream_c.so", "libvideostream_c.a"] {
        assert!(folder.join(name).exists(), "no {name} next to the test");
    }
    folder.to_owned()
}

/// The compiler, if there is one.
pub(crate) fn compiler(program: &str) -> Option<Command> {
    program_with(program, "--version")
}

/// A program, if it is there to tell its version.
fn program_with(program: &str, word: &str) -> Option<Command> {
    let mut version = Command::new(program);
    version.arg(word);
    version.stdout(Stdio::null()).stderr(Stdio::null());
    version.status().ok().filter(|status| status.success())?;
    Some(Command::new(program))
}

/// What is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    Compiler,
    /// Must not write to its output.
    Program,
}

/// Runs it to its end, which has to be a success. Gives what it wrote to its error output.
pub(crate) fn run(command: &mut Command, what: Run) -> String {
    command.stdin(Stdio::null());
    let folder = tempfile::tempdir().unwrap();
    let [out, err] = ["out", "err"].map(|name| folder.path().join(name));
    command.stdout(std::fs::File::create(&out).unwrap());
    command.stderr(std::fs::File::create(&err).unwrap());
    let mut child = command.spawn().unwrap();
    // No limit for compilers: cargo may wait for another one that builds in the same folder.
    let limit = (what == Run::Program).then(|| Instant::now() + PROGRAM_TIMEOUT);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if limit.is_some_and(|limit| Instant::now() > limit) {
            println!("ended after {PROGRAM_TIMEOUT:?}");
            let _ = child.kill();
            break child.wait().unwrap();
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let [out, err] = [out, err].map(|path| std::fs::read_to_string(path).unwrap());
    assert!(status.success(), "{command:?}: {status}\n{out}{err}");
    if what == Run::Program {
        assert_eq!(out, "", "the library writes nothing to standard output");
    }
    err
}

/// Codec, width, height and number of pictures of a file, by ffprobe; skips by name without it.
pub(crate) fn probe(test: &str, file: &Path) -> Option<String> {
    let Some(mut ask) = program_with("ffprobe", "-version") else {
        skip(test, "no ffprobe");
        return None;
    };
    ask.args(["-v", "error", "-count_frames", "-of", "csv=p=0"])
        .args([
            "-show_entries",
            "stream=codec_name,width,height,nb_read_frames",
        ])
        .arg(file);
    let answer = ask.output().unwrap();
    assert!(
        answer.status.success() && answer.stderr.is_empty(),
        "{answer:?}"
    );
    Some(String::from_utf8(answer.stdout).unwrap().trim().to_owned())
}
