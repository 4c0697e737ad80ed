//! Debian programs, with their libraries, for a guest that does not see the host's files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use anyhow::{Context, Result};

use super::arch::Arch;
use super::debian::{self, Archive};
use super::unavailable::Unavailable;
use crate::process;

/// The packages, and the programs that are taken out of them.
const PACKAGES: [&str; 2] = ["v4l-utils", "strace"];
const PROGRAMS: [&str; 3] = ["v4l2-ctl", "media-ctl", "strace"];

/// Downloads the packages and copies programs and libraries to the folder `to`, as they lie in
/// the guest.
pub(crate) fn make(archive: &Archive, arch: Arch, work: &Path, to: &Path) -> Result<()> {
    let packages = archive
        .with_dependencies(arch, &PACKAGES)
        .context(Unavailable)?;
    let downloads = work.join("programs");
    archive
        .download(&packages, &downloads)
        .context(Unavailable)?;
    let root = work.join("programs-root");
    for package in &packages {
        let name = package.split(':').next().unwrap_or(package);
        debian::unpack(&downloads, name, &root)?;
    }

    let folders = Libraries::of(&root, arch.tools());
    let mut wanted: Vec<String> = PROGRAMS.map(|name| format!("usr/bin/{name}")).to_vec();
    let mut seen = BTreeSet::new();
    while let Some(path) = wanted.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        // The loader looks in `/lib`, and the program for the loader there, whatever the release.
        let place = path.strip_prefix("usr/").filter(|p| p.starts_with("lib/"));
        let copy = to.join(place.unwrap_or(&path));
        fs::create_dir_all(copy.parent().context("a path in a folder")?)?;
        fs::copy(root.join(&path), &copy).with_context(|| format!("copy {path}"))?;
        let said = process::output(Command::new("readelf").args(["-ldW"]).arg(&copy))?;
        for needed in needed(&said) {
            wanted.push(folders.find(&needed).with_context(|| {
                format!(
                    "{path} needs {needed}, which is in none of {}",
                    packages.join(" ")
                )
            })?);
        }
    }
    Ok(())
}

/// Where packages put libraries; which of them, depends on the release.
struct Libraries<'a> {
    root: &'a Path,
    folders: [String; 4],
}

impl<'a> Libraries<'a> {
    fn of(root: &'a Path, tools: &str) -> Self {
        let triplet = tools.trim_end_matches('-');
        let folders = [
            "lib".to_owned(),
            format!("lib/{triplet}"),
            "usr/lib".to_owned(),
            format!("usr/lib/{triplet}"),
        ];
        Self { root, folders }
    }

    /// The path below the root.
    fn find(&self, name: &str) -> Option<String> {
        let folders = self.folders.iter();
        folders
            .map(|folder| format!("{folder}/{name}"))
            .find(|path| self.root.join(path).exists())
    }
}

/// The libraries and the loader in what `readelf -ld` says.
fn needed(said: &str) -> Vec<String> {
    let between = |line: &str, start: &str| {
        let (_, rest) = line.split_once(start)?;
        let (name, _) = rest.split_once(']')?;
        Some(name.rsplit('/').next().unwrap_or(name).to_owned())
    };
    said.lines()
        .filter_map(|line| {
            between(line, "Shared library: [")
                .or_else(|| between(line, "Requesting program interpreter: "))
        })
        .collect()
}

/// The files below `folder`, each with its path in the guest; empty if the folder does not exist.
pub(crate) fn list(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    fn walk(dir: &Path, prefix: &str, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                walk(&entry.path(), &format!("{name}/"), files)?;
            } else {
                files.push((name, entry.path()));
            }
        }
        Ok(())
    }
    let mut files = Vec::new();
    if folder.exists() {
        walk(folder, "", &mut files).with_context(|| format!("read {}", folder.display()))?;
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_and_loader_are_read_from_readelf() {
        let said = "\
      [Requesting program interpreter: /lib/ld-linux-aarch64.so.1]
 0x0000000000000001 (NEEDED)             Shared library: [libv4l2.so.0]
 0x0000000000000001 (NEEDED)             Shared library: [libc.so.6]
 0x000000000000000e (SONAME)             Library soname: [libx.so.1]
";
        assert_eq!(
            needed(said),
            ["ld-linux-aarch64.so.1", "libv4l2.so.0", "libc.so.6"]
        );
    }

    #[test]
    fn files_of_a_folder_have_their_paths_in_the_guest() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("usr/bin")).unwrap();
        fs::write(dir.path().join("usr/bin/strace"), "").unwrap();
        let files = list(dir.path()).unwrap();
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].0, "usr/bin/strace");
        assert!(list(&dir.path().join("none")).unwrap().is_empty());
    }
}
