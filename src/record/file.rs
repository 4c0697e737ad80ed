//! A file that is extended by whole pieces.

use std::fs::File;
use std::io::{self, Write};
#[cfg(feature = "record")]
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Appends pieces; when one can't be written, what was written of it is cut off again.
#[derive(Debug)]
pub(super) struct Pieces {
    file: File,
    /// Bytes in whole pieces.
    len: u64,
    durable: bool,
}

impl Pieces {
    pub(super) fn create(path: &Path, durable: bool) -> io::Result<Self> {
        Ok(Self {
            file: File::create(path)?,
            len: 0,
            durable,
        })
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

    /// Gives the box at byte `at`, which readers skip so far, another meaning: `bytes` begin with its new
    /// header. The header is written last, and at once.
    #[cfg(feature = "record")]
    pub(super) fn turn_box(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let (header, body) = bytes.split_at(8);
        self.file.write_all_at(body, at + 8)?;
        // The header must not reach the medium before what it announces.
        self.settle()?;
        self.file.write_all_at(header, at)?;
        self.settle()
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

    pub(super) fn finish(&mut self) -> io::Result<()> {
        sync(&self.file)
    }
}

/// Pipes and devices can't be synchronised, and need not be.
fn sync(file: &File) -> io::Result<()> {
    match file.sync_data() {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        other => other,
    }
}
