//! Pipelines and commands as processes.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::time::Instant;
use std::{env, fs};

use rustix::process::{Pid, Signal, kill_process_group};

use super::WATCHDOG;

/// A folder with the plugin and nothing else: GStreamer opens every library below it.
static PLUGIN: LazyLock<PathBuf> = LazyLock::new(|| {
    if let Some(folder) = env::var_os("GST_PLUGIN_PATH") {
        return folder.into();
    }
    let programs = env::current_exe().unwrap();
    let library = programs.with_file_name("libgstvideostream.so");
    assert!(library.exists(), "{} was not built", library.display());
    let folder = programs.with_file_name("gstreamer-1.0");
    fs::create_dir_all(&folder).unwrap();
    let link = folder.join("libgstvideostream.so");
    // Other test programs do the same at the same time.
    let _ = symlink(&library, &link);
    assert!(link.exists(), "{}", link.display());
    folder
});

/// The `videostream` command, where it is built.
pub(crate) fn command() -> Option<PathBuf> {
    if let Some(file) = env::var_os("VIDEOSTREAM_BIN") {
        return Some(file.into());
    }
    let programs = env::current_exe().unwrap();
    let file = programs.parent()?.parent()?.join("videostream");
    file.exists().then_some(file)
}

/// Whether a program is in PATH.
pub(crate) fn is_there(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).exists())
}

/// A line of a shell, which runs in a process group of its own.
pub(crate) struct Line {
    child: Child,
    text: String,
}

impl Line {
    /// Starts it in a folder.
    pub(crate) fn start(text: &str, folder: &Path) -> Self {
        Self::with(text, folder, &[])
    }

    /// The same with more variables.
    pub(crate) fn with(text: &str, folder: &Path, variables: &[(&str, &str)]) -> Self {
        let mut path = env::var_os("PATH").unwrap_or_default();
        if let Some(command) = command() {
            // By its own name, wherever it lies.
            let link = folder.join("videostream");
            let _ = symlink(command, link);
            path = env::join_paths(
                [folder.to_owned()]
                    .into_iter()
                    .chain(env::split_paths(&path)),
            )
            .unwrap();
        }
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("exec env {text}")])
            .current_dir(folder)
            .env("PATH", path)
            .env("GST_PLUGIN_PATH", &*PLUGIN)
            .envs(variables.iter().copied())
            .stdin(Stdio::null());
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        Self {
            child: command.spawn().unwrap(),
            text: text.to_owned(),
        }
    }

    /// Its process number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it runs still.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process_group(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begin.elapsed() < WATCHDOG, "{} does not end", self.text);
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            self.signal(Signal::KILL);
            let _ = self.child.wait();
        }
    }
}
