//! A file that grows by complete pieces.

use std::fs::File;
use std::io::{self, Write};
#[cfg(feature = "record")]
use std::io::{Seek, SeekFrom};
#[cfg(feature = "record")]
use std::os::unix::fs::FileExt;
use std::path::Path;

#[cfg(feature = "record")]
use super::mp4::{IndexWrite, Spill};
use crate::fresh::Fresh;

/// Appends pieces. A piece that can't be written is cut off again.
#[derive(Debug)]
pub(super) struct Pieces {
    file: File,
    name: Fresh,
    /// Bytes in complete pieces.
    len: u64,
    durable: bool,
    /// Whether the file gets its name only when finished.
    whole: bool,
}

impl Pieces {
    pub(super) fn create(path: &Path, durable: bool, whole: bool) -> io::Result<Self> {
        let (file, name) = Fresh::create(path)?;
        Ok(Self {
            file,
            name,
            len: 0,
            durable,
            whole,
        })
    }

    /// Gives the file its name, as it is playable now.
    pub(super) fn plays(&mut self) -> io::Result<()> {
        match self.whole {
            true => Ok(()),
            false => self.name.show(&self.file, self.durable),
        }
    }

    pub(super) fn append(&mut self, piece: &[u8]) -> io::Result<()> {
        let written = self.file.write_all(piece).and_then(|()| self.settle());
        self.keep_if(written, piece.len() as u64)
    }

    /// Appends a piece that starts with a box whose type is `free` until the whole piece is
    /// written: a reader that meets half a `moof` gives up on the whole file, but skips half a
    /// `free`.
    #[cfg(feature = "record")]
    pub(super) fn append_box(&mut self, piece: &[u8]) -> io::Result<()> {
        let (size, rest) = piece.split_at(4);
        let (kind, rest) = rest.split_at(4);
        let hidden = [size, b"free"].concat();
        let written = self
            .file
            .write_all(&hidden)
            .and_then(|()| self.file.write_all(rest))
            // The type must not reach the medium before the piece it announces.
            .and_then(|()| self.settle())
            .and_then(|()| self.file.write_all_at(kind, self.len + 4))
            .and_then(|()| self.settle());
        self.keep_if(written, piece.len() as u64)
    }

    /// Starts the file with parts at their offsets, leaving holes between them.
    #[cfg(feature = "record")]
    pub(super) fn begin(&mut self, parts: &[(u64, Vec<u8>)]) -> io::Result<()> {
        let end = parts.iter().map(|(at, bytes)| at + bytes.len() as u64);
        let end = end.max().unwrap_or(0);
        let written = self
            .write_parts(parts)
            .and_then(|()| self.file.seek(SeekFrom::Start(end)))
            .and_then(|_| self.settle());
        self.keep_if(written, end)
    }

    /// Returns whether the file system fills holes with zeros instead of storing them sparsely.
    #[cfg(feature = "record")]
    pub(super) fn fills_holes(&self) -> bool {
        // From `linux/magic.h`: MSDOS_SUPER_MAGIC (all kinds of FAT), EXFAT_SUPER_MAGIC.
        let about = rustix::fs::fstatfs(&self.file);
        about.is_ok_and(|about| matches!(about.f_type as u64, 0x4d44 | 0x2011_bab0))
    }

    /// Removes `bytes` bytes at offset `at` if the file system can; later ones move up.
    #[cfg(feature = "record")]
    pub(super) fn take_out(&mut self, at: u64, bytes: u64) -> io::Result<bool> {
        use rustix::fs::{FallocateFlags, fallocate};
        if fallocate(&self.file, FallocateFlags::COLLAPSE_RANGE, at, bytes).is_err() {
            return Ok(false);
        }
        self.len -= bytes;
        self.file.seek(SeekFrom::Start(self.len))?;
        self.settle().map(|()| true)
    }

    /// Writes into a box that readers skip.
    #[cfg(feature = "record")]
    pub(super) fn spill(&self, spill: &Spill) -> io::Result<()> {
        self.write_before(spill.before.as_ref())?;
        self.file.write_all_at(&spill.bytes, spill.at)
    }

    /// Turns a box that readers skip into another one. Its header is written last, at once.
    #[cfg(feature = "record")]
    pub(super) fn turn(&self, turn: &IndexWrite) -> io::Result<()> {
        self.write_before(turn.before.as_ref())?;
        self.write_parts(&turn.parts)?;
        // The header must not reach the medium before what it announces.
        self.settle()?;
        self.file.write_all_at(&turn.header.1, turn.header.0)?;
        self.settle()
    }

    /// Writes a part that has to be on the medium before what follows.
    #[cfg(feature = "record")]
    pub(super) fn write_before(&self, before: Option<&(u64, Vec<u8>)>) -> io::Result<()> {
        let Some((at, bytes)) = before else {
            return Ok(());
        };
        self.file.write_all_at(bytes, *at)?;
        self.settle()
    }

    #[cfg(feature = "record")]
    fn write_parts(&self, parts: &[(u64, Vec<u8>)]) -> io::Result<()> {
        let mut parts = parts.iter();
        parts.try_for_each(|(at, bytes)| self.file.write_all_at(bytes, *at))
    }

    /// Returns the file, for callers that write pieces themselves and count each with
    /// [`Pieces::count`].
    #[cfg(feature = "record")]
    pub(super) fn writer(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Counts a written piece of `bytes` bytes, or cuts off a failed one. With `settle` the file is
    /// synchronised.
    #[cfg(feature = "record")]
    pub(super) fn count<T>(
        &mut self,
        written: io::Result<T>,
        bytes: u64,
        settle: bool,
    ) -> io::Result<T> {
        let written = written.and_then(|value| match settle {
            true => self.settle().map(|()| value),
            false => Ok(value),
        });
        self.keep_if(written, bytes)
    }

    #[cfg(feature = "record")]
    pub(super) fn set_durable(&mut self, durable: bool) {
        self.durable = durable;
    }

    #[cfg(feature = "record")]
    pub(super) fn is_whole(&self) -> bool {
        self.whole
    }

    #[cfg(feature = "record")]
    pub(super) fn set_whole(&mut self, whole: bool) {
        self.whole = whole;
    }

    fn keep_if<T>(&mut self, written: io::Result<T>, bytes: u64) -> io::Result<T> {
        match written {
            Ok(_) => self.len += bytes,
            // Best effort: a reader skips an incomplete piece at the end just as well, and a
            // device or a pipe can't be cut.
            Err(_) => drop(self.file.set_len(self.len)),
        }
        written
    }

    fn settle(&self) -> io::Result<()> {
        if self.durable {
            sync(&self.file)
        } else {
            Ok(())
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Completes the file. If it `plays`, it gets its name.
    pub(super) fn finish(&mut self, plays: bool) -> io::Result<()> {
        sync(&self.file)?;
        match plays {
            true => self.name.show(&self.file, true),
            false => Ok(()),
        }
    }
}

/// Synchronises a file. Pipes and devices can't be synchronised, and need not be.
fn sync(file: &File) -> io::Result<()> {
    match file.sync_data() {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        other => other,
    }
}
