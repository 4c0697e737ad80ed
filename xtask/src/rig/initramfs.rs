//! The archive that the guest's kernel unpacks as its first file system.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result};
use cpio::newc::{self, ModeFileType};

/// A `newc` archive being written. Paths are given without a leading `/`; the
/// folders above a file come into being by themselves.
pub(crate) struct Initramfs<W: Write> {
    writer: W,
    folders: BTreeSet<String>,
    inode: u32,
}

impl<W: Write> Initramfs<W> {
    /// An empty archive.
    pub(crate) fn new(writer: W) -> Self {
        Self {
            writer,
            folders: BTreeSet::new(),
            inode: 1,
        }
    }

    /// Adds a file of the host.
    pub(crate) fn copy(&mut self, path: &str, mode: u32, file: &Path) -> Result<()> {
        let content = fs::read(file).with_context(|| format!("read {}", file.display()))?;
        self.file(path, mode, &content)
    }

    /// Adds a file with the given content.
    pub(crate) fn file(&mut self, path: &str, mode: u32, content: &[u8]) -> Result<()> {
        if let Some((folder, _)) = path.rsplit_once('/') {
            self.folder(folder)?;
        }
        self.entry(path, ModeFileType::Regular, mode, content)
            .with_context(|| format!("add {path} to the initramfs"))
    }

    /// Adds a folder and those above it.
    pub(crate) fn folder(&mut self, path: &str) -> Result<()> {
        if self.folders.contains(path) {
            return Ok(());
        }
        if let Some((above, _)) = path.rsplit_once('/') {
            self.folder(above)?;
        }
        self.entry(path, ModeFileType::Directory, 0o755, &[])
            .with_context(|| format!("add {path} to the initramfs"))?;
        self.folders.insert(path.to_owned());
        Ok(())
    }

    /// Writes the end of the archive.
    pub(crate) fn finish(self) -> Result<W> {
        newc::trailer(self.writer).context("finish the initramfs")
    }

    fn entry(
        &mut self,
        path: &str,
        kind: ModeFileType,
        mode: u32,
        content: &[u8],
    ) -> io::Result<()> {
        let size = u32::try_from(content.len())
            .map_err(|_| io::Error::other("a file of the initramfs is at most 4 GiB"))?;
        let nlink = if matches!(kind, ModeFileType::Directory) {
            2
        } else {
            1
        };
        let builder = newc::Builder::new(path)
            .ino(self.inode)
            .nlink(nlink)
            .mode(mode);
        self.inode += 1;
        let mut writer = builder
            .set_mode_file_type(kind)
            .write(&mut self.writer, size);
        writer.write_all(content)?;
        writer.finish()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_after_their_folders_and_read_back() {
        let mut archive = Initramfs::new(Vec::new());
        archive.file("a/b/c", 0o755, b"hello").unwrap();
        archive.file("a/d", 0o644, b"").unwrap();
        let bytes = archive.finish().unwrap();

        let mut names = Vec::new();
        let mut rest = bytes.as_slice();
        loop {
            let reader = newc::Reader::new(rest).unwrap();
            if reader.entry().is_trailer() {
                break;
            }
            names.push((reader.entry().name().to_owned(), reader.entry().mode()));
            rest = reader.finish().unwrap();
        }
        let expected = [
            ("a", 0o040_755),
            ("a/b", 0o040_755),
            ("a/b/c", 0o100_755),
            ("a/d", 0o100_644),
        ];
        assert_eq!(names, expected.map(|(name, mode)| (name.to_owned(), mode)));
    }
}
