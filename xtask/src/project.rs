//! The project's folders.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::{env, fs};

use anyhow::{Context, Result};
use cargo_metadata::MetadataCommand;

use crate::check::cargo;
use crate::process;

/// The workspace's folder, with symbolic links resolved.
pub(crate) fn root() -> Result<PathBuf> {
    // Cargo sets the variable when it runs this program; the compiled-in path
    // serves a binary that is started by hand.
    let xtask =
        env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let path = PathBuf::from(xtask).join("..");
    fs::canonicalize(&path).with_context(|| format!("project folder {}", path.display()))
}

/// Cargo's target folder, wherever it was told that it is; made when absent, with symbolic links
/// resolved.
pub(crate) fn target() -> Result<PathBuf> {
    // Asked once; threads that ask at the same time get the same answer.
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    if let Some(path) = FOLDER.get() {
        return Ok(path.clone());
    }
    let mut ask = cargo(&["metadata", "--no-deps", "--format-version=1"])?;
    let answer = MetadataCommand::parse(process::output(&mut ask)?)?;
    let path = answer.target_directory.into_std_path_buf();
    fs::create_dir_all(&path).with_context(|| format!("create {}", path.display()))?;
    let path =
        fs::canonicalize(&path).with_context(|| format!("target folder {}", path.display()))?;
    Ok(FOLDER.get_or_init(|| path).clone())
}

/// Removes a file or a folder, which may be missing.
pub(crate) fn remove(path: &Path) -> Result<()> {
    let removed = fs::symlink_metadata(path).and_then(|about| match about.is_dir() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    });
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// The user's cache folder.
pub(crate) fn cache() -> Result<PathBuf> {
    match env::var_os("XDG_CACHE_HOME").map(PathBuf::from) {
        // The specification says to ignore a relative one.
        Some(dir) if dir.is_absolute() => Ok(dir),
        _ => {
            let home = env::var_os("HOME").context("neither HOME nor XDG_CACHE_HOME is set")?;
            Ok(PathBuf::from(home).join(".cache"))
        }
    }
}

/// Free disk space for the target folder, in bytes.
pub(crate) fn free_bytes() -> Result<u64> {
    let target = target()?;
    let disk = rustix::fs::statvfs(&target)
        .with_context(|| format!("free space for {}", target.display()))?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}
