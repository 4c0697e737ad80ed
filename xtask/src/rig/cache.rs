//! The folder where prepared guests are kept, outside the project, so that a
//! fresh clone finds them.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::arch::Arch;
use super::kernel;
use super::unavailable::Unavailable;
use crate::{apt, project};

/// To be changed with the contents, so that an older cache is not used.
const RECIPE: &str = "3";
/// Written last: every file with its size.
const MANIFEST: &str = "manifest";

/// The folder with kernel, modules and busybox for `arch`, prepared if it is not
/// there or not whole.
pub(crate) fn prepared(arch: Arch) -> Result<PathBuf> {
    let name = format!("{arch}-{RECIPE}");
    let ensure = || {
        let there = apt::ensure(arch.packages());
        there
            .with_context(|| format!("{arch} guest"))
            .context(Unavailable)
    };
    made("lock", &name, ensure, |work, ready| {
        kernel::make(arch, work, ready).with_context(|| format!("preparing the {arch} guest"))
    })
}

/// The folder `name` of the cache, made if it is not there or not whole: `make` is given a folder
/// for what is not kept, and the one that is. Where several want it, one makes it, and the others
/// wait at the file `lock`.
pub(crate) fn made(
    lock: &str,
    name: &str,
    ensure: impl FnOnce() -> Result<()>,
    make: impl FnOnce(&Path, &Path) -> Result<()>,
) -> Result<PathBuf> {
    let cache = folder()?;
    fs::create_dir_all(&cache).with_context(|| format!("create {}", cache.display()))?;
    let lock = File::create(cache.join(lock))?;
    lock.lock().context("lock the rig's cache")?;
    ensure()?;

    let dir = cache.join(name);
    if is_whole(&dir) {
        return Ok(dir);
    }
    if dir.exists() {
        eprintln!("rig: {} is incomplete, preparing it again", dir.display());
        project::remove(&dir)?;
    }
    let partial = cache.join(format!("{name}.partial"));
    project::remove(&partial)?;
    let (work, ready) = (partial.join("work"), partial.join("ready"));
    fs::create_dir_all(&work)?;
    fs::create_dir_all(&ready)?;
    make(&work, &ready)?;
    fs::write(ready.join(MANIFEST), manifest(&ready)?)?;
    fs::rename(&ready, &dir)?;
    project::remove(&partial)?;
    Ok(dir)
}

/// `videostream-rig` in the user's cache folder.
pub(crate) fn folder() -> Result<PathBuf> {
    Ok(project::cache()?.join("videostream-rig"))
}

fn is_whole(dir: &Path) -> bool {
    let written = fs::read_to_string(dir.join(MANIFEST)).unwrap_or_default();
    !written.is_empty() && manifest(dir).is_ok_and(|now| now == written)
}

/// What Python writes when it runs, below any folder.
const BYTECODE: &str = "__pycache__";

/// One line `SIZE PATH` for each file below `dir`, the manifest and what Python writes left out.
fn manifest(dir: &Path) -> io::Result<String> {
    fn walk(dir: &Path, prefix: &str, lines: &mut Vec<String>) -> io::Result<()> {
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.file_name() == BYTECODE {
                continue;
            } else if entry.file_type()?.is_dir() {
                walk(&entry.path(), &format!("{name}/"), lines)?;
            } else if name != MANIFEST {
                lines.push(format!("{} {name}\n", entry.metadata()?.len()));
            }
        }
        Ok(())
    }
    let mut lines = Vec::new();
    walk(dir, "", &mut lines)?;
    lines.sort();
    Ok(lines.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_needs_every_file_at_its_size() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path();
        fs::create_dir(path.join("modules")).unwrap();
        fs::write(path.join("vmlinuz"), "kernel").unwrap();
        fs::write(path.join("modules/vivid.ko"), "module").unwrap();
        assert!(!is_whole(path), "no manifest yet");
        fs::write(path.join(MANIFEST), manifest(path).unwrap()).unwrap();
        assert!(is_whole(path));
        fs::create_dir(path.join("modules/__pycache__")).unwrap();
        fs::write(path.join("modules/__pycache__/x.pyc"), "").unwrap();
        assert!(is_whole(path), "a program of it has run");
        fs::write(path.join("modules/vivid.ko"), "mod").unwrap();
        assert!(!is_whole(path), "a file was cut short");
        fs::remove_file(path.join("modules/vivid.ko")).unwrap();
        assert!(!is_whole(path), "a file is gone");
    }

    #[test]
    fn an_absent_cache_is_not_whole() {
        assert!(!is_whole(Path::new("/nonexistent/videostream-rig")));
    }
}
