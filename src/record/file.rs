//! A file that is extended by whole pieces.

use std::fs::File;
use std::io::{self, Write};
#[cfg(feature = "record")]
use std::io::{Seek, SeekFrom};
#[cfg(feature = "record")]
use std::os::unix::fs::FileExt;
use std::path::Path;

#[cfg(feature = "record")]
use super::mp4::{Spill, Turn};
use crate::fresh::Fresh;

/// Appends pieces; when one can't be written, what was written of it is cut off again.
#[derive(Debug)]
pub(super) struct Pieces {
    file: File,
    name: Fresh,
    /// Bytes in whole pieces.
    len: u64,
    durable: bool,
    /// Whether it takes its name at its end only.
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

    /// What is there can be played: the file takes its name.
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

    /// Appends a piece that begins with a box, but lets readers skip the box until all of the piece is
    /// there: its type is `free` until then. A reader that meets half a `moof` gives up on the whole
    /// file; half a `free` it ignores.
    #[cfg(feature = "record")]
    pub(super) fn append_box(&mut self, piece: &[u8]) -> io::Result<()> {
        let (size, rest) = piece.split_at(4);
        let (kind, rest) = rest.split_at(4);
        let hidden = [size, b"free"].concat();
        let written = self
            .file
            .write_all(&hidden)
            .and_then(|()| self.file.write_all(rest))
            // The type must not reach the medium before what it announces.
            .and_then(|()| self.settle())
            .and_then(|()| self.file.write_all_at(kind, self.len + 4))
            .and_then(|()| self.settle());
        self.keep_if(written, piece.len() as u64)
    }

    /// Begins the file with parts, each at its place; between them are holes.
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

    /// Whether a hole in the file would be filled with zeros rather than take no space.
    #[cfg(feature = "record")]
    pub(super) fn fills_holes(&self) -> bool {
        // From `linux/magic.h`: MSDOS_SUPER_MAGIC (all kinds of FAT), EXFAT_SUPER_MAGIC.
        let about = rustix::fs::fstatfs(&self.file);
        about.is_ok_and(|about| matches!(about.f_type as u64, 0x4d44 | 0x2011_bab0))
    }

    /// Takes `bytes` bytes from byte `at` on out of the file, if its file system can: those behind move up.
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

    /// Gives a box that readers skip so far another meaning. Its header is written last, and at once.
    #[cfg(feature = "record")]
    pub(super) fn turn(&self, turn: &Turn) -> io::Result<()> {
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

    /// The file, for who writes pieces himself; each is to be counted with [`Pieces::count`].
    #[cfg(feature = "record")]
    pub(super) fn writer(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Counts a piece of `bytes` that has been written, or cuts off what was written of it; `settle`: and
    /// synchronises what is there.
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

    /// All is there: if that `plays`, the file takes its name.
    pub(super) fn finish(&mut self, plays: bool) -> io::Result<()> {
        sync(&self.file)?;
        match plays {
            true => self.name.show(&self.file, true),
            false => Ok(()),
        }
    }
}

/// Pipes and devices can't be synchronised, and need not be.
fn sync(file: &File) -> io::Result<()> {
    match file.sync_data() {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        other => other,
    }
}
