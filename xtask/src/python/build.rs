//! Builds wheels with maturin.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, bail};

use super::Tools;
use super::interpreter::Interpreter;
use crate::check::{Run, cargo};
use crate::project;

/// Builds the wheel for `interpreter` and this machine in a profile of cargo's, into `folder`.
pub(crate) fn for_here(
    run: &mut Run,
    tools: &Tools,
    interpreter: &Interpreter,
    profile: &str,
    folder: &Path,
) -> Result<PathBuf> {
    let mut command = maturin(tools, folder)?;
    command
        .args(["--profile", profile, "--compatibility", "linux"])
        .arg("--interpreter")
        .arg(&interpreter.file);
    run.command(&mut command)?;
    only_wheel(folder)
}

/// `maturin build` into `folder`, which is emptied.
pub(crate) fn maturin(tools: &Tools, folder: &Path) -> Result<Command> {
    project::remove(folder)?;
    fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    let like = cargo(&[])?;
    let mut command = Command::new(tools.program("maturin"));
    for (name, value) in like.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    // It looks there for Zig.
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(tools.programs()).chain(env::split_paths(&path));
    command
        .env("PATH", env::join_paths(folders)?)
        .args(["build", "--locked", "--out"])
        .arg(folder)
        .env("CARGO_TARGET_DIR", project::target()?)
        .current_dir(super::folder()?);
    Ok(command)
}

/// The wheel in `folder`.
pub(crate) fn only_wheel(folder: &Path) -> Result<PathBuf> {
    let entries = fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
    let files = entries.flatten().map(|entry| entry.path());
    let wheels: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|name| name == "whl"))
        .collect();
    match &wheels[..] {
        [wheel] => Ok(wheel.clone()),
        _ => bail!("{} wheels in {}, not one", wheels.len(), folder.display()),
    }
}
