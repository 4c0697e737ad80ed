//! Replaces the files of an older installation, all of them or none.
//!
//! Each file is written under a temporary name next to its final one; once all are, they are
//! renamed. A library in use is never written into, and a failure before leaves the old files.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tempfile::{Builder, TempPath};

/// Permissions of folders, whatever the umask.
const FOLDER: u32 = 0o755;

/// The prefix of temporary names.
const UNFINISHED: &str = ".videostream-";

/// An installation in progress. Dropped, it removes its temporary files.
pub(super) struct Staged {
    prefix: PathBuf,
    files: Vec<(TempPath, PathBuf)>,
}

impl Staged {
    /// Begins an empty one, for paths below `prefix`.
    pub(super) fn new(prefix: PathBuf) -> Self {
        Self {
            prefix,
            files: Vec::new(),
        }
    }

    /// Adds a copy of a file.
    pub(super) fn copy(&mut self, from: &Path, path: &Path, mode: u32) -> Result<()> {
        let content = File::open(from).with_context(|| format!("read {}", from.display()))?;
        self.write(path, mode, |mut file| {
            io::copy(&mut &content, &mut file).map(drop)
        })
    }

    /// Adds a file with this text.
    pub(super) fn text(&mut self, text: &str, path: &Path) -> Result<()> {
        self.write(path, 0o644, |mut file| file.write_all(text.as_bytes()))
    }

    /// Adds a symbolic link.
    pub(super) fn link(&mut self, target: &str, path: &Path) -> Result<()> {
        let (folder, to) = self.place(path)?;
        let made = Builder::new()
            .prefix(UNFINISHED)
            .make_in(folder, |link| symlink(target, link));
        let made = made.with_context(|| format!("link {}", to.display()))?;
        self.files.push((made.into_temp_path(), to));
        Ok(())
    }

    /// Renames all files to their final names.
    pub(super) fn finish(self) -> Result<()> {
        for (made, to) in self.files {
            made.persist(&to)
                .with_context(|| format!("replace {}", to.display()))?;
            println!("{}", to.display());
        }
        Ok(())
    }

    fn write(
        &mut self,
        path: &Path,
        mode: u32,
        content: impl FnOnce(&File) -> io::Result<()>,
    ) -> Result<()> {
        let (folder, to) = self.place(path)?;
        let make = || -> io::Result<TempPath> {
            let made = Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
            content(made.as_file())?;
            let (file, path) = made.into_parts();
            file.set_permissions(Permissions::from_mode(mode))?;
            Ok(path)
        };
        let made = make().with_context(|| format!("write {}", to.display()))?;
        self.files.push((made, to));
        Ok(())
    }

    /// Returns the final path of a file, and its folder, which is created.
    fn place(&self, path: &Path) -> Result<(PathBuf, PathBuf)> {
        let to = self.prefix.join(path);
        let folder = to.parent().context("a file is in a folder")?.to_owned();
        make_folder(&folder).with_context(|| format!("make the folder {}", folder.display()))?;
        ensure!(
            !fs::symlink_metadata(&to).is_ok_and(|there| there.is_dir()),
            "{} is a folder, and a file is to be there: remove it",
            to.display()
        );
        Ok((folder, to))
    }
}

/// Creates a folder and its missing parents; existing ones stay as they are.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        make_folder(parent)?;
    }
    match DirBuilder::new().create(folder) {
        // Somebody else made it, or it is a link to nowhere, which the file in it tells.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
        // Made by `mkdir` with this mode, it would be one without what the umask takes away.
        Ok(()) => fs::set_permissions(folder, Permissions::from_mode(FOLDER)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names in a folder, sorted.
    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name();
        let mut names: Vec<_> = entries.map(name).collect();
        names.sort();
        names
            .into_iter()
            .map(|name| name.into_string().unwrap())
            .collect()
    }

    #[test]
    fn nothing_changes_before_all_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("lib.so"), folder.path().join("new"));
        fs::write(&old, "old").unwrap();
        fs::write(&new, "new").unwrap();
        let stage = || {
            let mut staged = Staged::new(folder.path().to_owned());
            staged.copy(&new, Path::new("lib.so"), 0o755).unwrap();
            staged.link("lib.so", Path::new("lib")).unwrap();
            assert_eq!(fs::read_to_string(&old).unwrap(), "old");
            staged
        };
        let mut failing = stage();
        let missing = failing.copy(Path::new("/nonexistent"), Path::new("x"), 0o644);
        assert!(missing.is_err());
        drop(failing);
        assert_eq!(names(folder.path()), ["lib.so", "new"]);
        assert_eq!(fs::read_to_string(&old).unwrap(), "old");

        stage().finish().unwrap();
        assert_eq!(names(folder.path()), ["lib", "lib.so", "new"]);
        assert_eq!(
            fs::read_to_string(folder.path().join("lib")).unwrap(),
            "new"
        );
    }

    #[test]
    fn a_folder_in_a_files_place_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("lib.so")).unwrap();
        let mut staged = Staged::new(folder.path().to_owned());
        let error = staged.text("x", Path::new("lib.so")).unwrap_err();
        assert!(error.to_string().contains("is a folder"), "{error:#}");
    }
}
