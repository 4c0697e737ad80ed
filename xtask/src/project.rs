//! Where the project's folders are.

use std::path::PathBuf;
use std::{env, fs};

use anyhow::{Context, Result};

/// The workspace's folder, with symbolic links resolved.
pub(crate) fn root() -> Result<PathBuf> {
    // Cargo sets the variable when it runs this program; the compiled-in path
    // serves a binary that is started by hand.
    let xtask =
        env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let path = PathBuf::from(xtask).join("..");
    fs::canonicalize(&path).with_context(|| format!("project folder {}", path.display()))
}

/// Cargo's target folder, made when absent, with symbolic links resolved.
pub(crate) fn target() -> Result<PathBuf> {
    let path = match env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root()?.join(dir),
        None => root()?.join("target"),
    };
    fs::create_dir_all(&path).with_context(|| format!("create {}", path.display()))?;
    fs::canonicalize(&path).with_context(|| format!("target folder {}", path.display()))
}

/// Bytes that are free for the target folder.
pub(crate) fn free_bytes() -> Result<u64> {
    let target = target()?;
    let disk = rustix::fs::statvfs(&target)
        .with_context(|| format!("free space for {}", target.display()))?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}
