//! Where the kernel's uapi headers come from.
//!
//! Bindings are made from one named kernel version, never from whatever the machine runs. The
//! headers are those of Debian's `linux-headers-6.12.*-common` package, unpacked into a cache and
//! not installed.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The kernel series the bindings describe.
pub(crate) const KERNEL: &str = "6.12";

/// Names a kernel source or header tree (the folder that holds `include/uapi`).
pub(crate) const OVERRIDE: &str = "VIDEOSTREAM_KERNEL_HEADERS";

/// Finds a tree of [`KERNEL`]: the override, an installed package, then the cache.
///
/// # Errors
/// A sentence that says what was looked for and how to get it.
pub(crate) fn find() -> Result<PathBuf, String> {
    if let Some(tree) = env::var_os(OVERRIDE) {
        let tree = PathBuf::from(tree);
        return check(&tree)
            .map(|()| tree)
            .map_err(|why| format!("{OVERRIDE}: {why}"));
    }
    for parent in [
        Some(PathBuf::from("/usr/src")),
        cache().map(|c| c.join("usr/src")),
    ]
    .into_iter()
    .flatten()
    {
        if let Some(tree) = newest_in(&parent) {
            return Ok(tree);
        }
    }
    Err(format!(
        "no headers of Linux {KERNEL} found (set {OVERRIDE}, or fetch them with \
         `cargo xtask bindings --check`)"
    ))
}

/// Downloads the newest [`KERNEL`] header package with apt and unpacks it into the cache.
///
/// # Errors
/// A sentence naming the command that failed.
pub(crate) fn fetch() -> Result<PathBuf, String> {
    let cache = cache().ok_or("neither XDG_CACHE_HOME nor HOME is set")?;
    fs::create_dir_all(&cache).map_err(|e| format!("{}: {e}", cache.display()))?;
    let pattern = format!("^linux-headers-{}\\..*-common$", KERNEL.replace('.', "\\."));
    let names = output(Command::new("apt-cache").args(["search", "--names-only", &pattern]))?;
    let package = names
        .lines()
        .filter_map(|line| line.split(' ').next())
        .max_by_key(|name| numbers(name))
        .ok_or_else(|| format!("the package archive offers no {pattern} (run apt-get update?)"))?;
    output(
        Command::new("apt-get")
            .args(["download", package])
            .current_dir(&cache),
    )?;
    let prefix = format!("{package}_");
    let archive = entries(&cache)
        .into_iter()
        .find(|path| file_name(path).starts_with(&prefix))
        .ok_or_else(|| format!("apt-get download {package} left no file"))?;
    output(Command::new("dpkg").arg("-x").arg(&archive).arg(&cache))?;
    fs::remove_file(&archive).map_err(|e| format!("{}: {e}", archive.display()))?;
    find()
}

fn cache() -> Option<PathBuf> {
    let base = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cache")))?;
    Some(base.join("videostream").join("kernel-headers"))
}

fn newest_in(parent: &Path) -> Option<PathBuf> {
    let mut trees: Vec<PathBuf> = entries(parent);
    trees.retain(|tree| check(tree).is_ok());
    trees
        .into_iter()
        .max_by_key(|tree| numbers(&file_name(tree)))
}

/// The tree must be of the right kernel and have the headers that everything else rests on.
fn check(tree: &Path) -> Result<(), String> {
    let probe = tree.join("include/uapi/linux/videodev2.h");
    if !probe.is_file() {
        return Err(format!("{} does not exist", probe.display()));
    }
    let name = file_name(tree);
    if name.contains(&format!("-{KERNEL}.")) || makefile_says(tree) == Some(KERNEL.to_owned()) {
        return Ok(());
    }
    Err(format!(
        "{} is not a tree of Linux {KERNEL}",
        tree.display()
    ))
}

fn makefile_says(tree: &Path) -> Option<String> {
    let makefile = fs::read_to_string(tree.join("Makefile")).ok()?;
    let value = |key: &str| {
        let line = makefile.lines().find(|line| line.starts_with(key))?;
        Some(line.split('=').nth(1)?.trim().to_owned())
    };
    Some(format!(
        "{}.{}",
        value("VERSION =")?,
        value("PATCHLEVEL =")?
    ))
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(listing) = fs::read_dir(folder) else {
        return Vec::new();
    };
    listing.flatten().map(|entry| entry.path()).collect()
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// The numbers in a name, for ordering versions.
fn numbers(name: &str) -> Vec<u64> {
    name.split(|c: char| !c.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect()
}

fn output(command: &mut Command) -> Result<String, String> {
    let shown = format!("{command:?}");
    let done = command.output().map_err(|e| format!("{shown}: {e}"))?;
    if !done.status.success() {
        return Err(format!(
            "{shown}: {}\n{}",
            done.status,
            String::from_utf8_lossy(&done.stderr)
        ));
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}
