//! Pipelines and commands as processes.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::{env, fs};

use videostream_testing::process::Process;

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

/// A line of a shell, run in a folder with these variables.
pub(crate) fn start(text: &str, folder: &Path, variables: &[(&str, &str)]) -> Process {
    let mut path = env::var_os("PATH").unwrap_or_default();
    if let Some(command) = command() {
        // By its own name, wherever it lies.
        let _ = symlink(command, folder.join("videostream"));
        let others = env::split_paths(&path);
        path = env::join_paths([folder.to_owned()].into_iter().chain(others)).unwrap();
    }
    let mut shell = Command::new("sh");
    shell
        // The program has the shell's process.
        .args(["-c", &format!("exec env {text}")])
        .current_dir(folder)
        .env("PATH", path)
        .env("GST_PLUGIN_PATH", &*PLUGIN)
        .envs(variables.iter().copied());
    Process::run(shell, text.to_owned())
}
