//! The program in C that the tests of the C library share frames with.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;
use videostream_testing::process::Process;
use videostream_testing::skip;

const C: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../c");

/// `interop.c` in a role.
pub(crate) struct Partner {
    pub(crate) process: Process,
    _folder: TempDir,
}

impl Partner {
    /// Starts it as `host` or `client` of a socket; skips the test without a compiler or the
    /// library.
    pub(crate) fn start(test: &str, role: &str, socket: &str) -> Option<Self> {
        let Some(library) = library() else {
            skip(test, "libvideostream_c.so was not built");
            return None;
        };
        let mut version = Command::new("cc");
        version.arg("--version").stdout(Stdio::null());
        if version.status().is_err() {
            skip(test, "no cc");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        // With its SONAME, as it is installed.
        let shared = folder.path().join("libvideostream.so.2");
        std::os::unix::fs::symlink(library, &shared).unwrap();
        let program = folder.path().join("interop");
        let compiled = Command::new("cc")
            .args(["-std=c99", "-I", &format!("{C}/include")])
            .arg(format!("{C}/tests/c/interop.c"))
            .arg("-o")
            .arg(&program)
            .arg(&shared)
            .output()
            .unwrap();
        assert!(compiled.status.success(), "{compiled:?}");
        let mut command = Command::new(&program);
        command.args([role, socket]);
        command.env("LD_LIBRARY_PATH", folder.path());
        let process = Process::run(command, format!("{role} in C"));
        assert_eq!(process.next(), "ready");
        Some(Self {
            process,
            _folder: folder,
        })
    }

    /// Sends a line and returns the answer.
    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.process.tell(line);
        self.process.next()
    }

    /// Ends it in good order.
    pub(crate) fn quit(mut self) {
        self.process.tell("quit");
        assert!(self.process.end().success());
    }
}

/// Returns the C library that cargo built.
fn library() -> Option<PathBuf> {
    let programs = std::env::current_exe().unwrap();
    let name = "libvideostream_c.so";
    let places = [
        programs.with_file_name(name),
        programs.parent()?.with_file_name(name),
    ];
    places.into_iter().find(|file| file.exists())
}
