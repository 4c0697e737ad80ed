//! The space reserved at the start of a recording for its index.
//!
//! While the file grows, it is a `free` box up to [`END`], followed, in a long recording, by a
//! second one: a hole, which takes no space on the medium until something is written into it.
//! Sample sizes, which are nearly all of the index, are written to their final location as they
//! arrive, so that they need no memory.

use crate::record::RecordError;

/// End of the first `free` box, enough for 15 minutes at 30 frames a second; a block boundary in
/// every file system.
pub(super) const END: u64 = 128 << 10;
/// The hole consists of whole blocks in every file system.
const STEP: u64 = 64 << 10;
/// Largest size of the hole.
const LARGEST: u64 = 32 << 20;
/// Number of sample sizes that are written at once.
const PIECE: usize = 1024;
/// The sizes begin at the start of a block.
const BLOCK: u64 = 4096;
/// Header of a box with a size of 64 bits.
const LONG_HEADER: usize = 16;
/// `stsz` without its entries.
const STSZ: usize = 20;

/// A write into the reserved space while the file grows.
#[derive(Debug)]
pub(in crate::record) struct Spill {
    /// A write that has to be on the medium before the rest.
    pub(in crate::record) before: Option<(u64, Vec<u8>)>,
    pub(in crate::record) at: u64,
    pub(in crate::record) bytes: Vec<u8>,
}

/// The writes that turn the reserved space into the index: all parts have to be on the medium
/// before the new header replaces the old one.
#[derive(Debug)]
pub(in crate::record) struct IndexWrite {
    pub(in crate::record) before: Option<(u64, Vec<u8>)>,
    pub(in crate::record) parts: Vec<(u64, Vec<u8>)>,
    pub(in crate::record) header: (u64, Vec<u8>),
}

/// The reserved space, and the sizes in it.
#[derive(Debug)]
pub(super) struct IndexSpace {
    /// Offset of the reserved space.
    at: u64,
    /// Bytes of the hole after [`END`].
    hole: u64,
    /// Whether both boxes have been joined.
    joined: bool,
    /// Offset of the first sample's size.
    sizes_at: u64,
    /// Number of sizes in the file.
    written: u64,
    /// Sizes after them, not written yet.
    pending: Vec<u32>,
}

impl IndexSpace {
    /// Creates the reserved space at byte `at`, for an index whose `moov` looks like this one
    /// without samples.
    pub(super) fn new(at: u64, moov: &[u8], hole: u64) -> Result<Self, RecordError> {
        let (_, behind) = table(moov)?;
        let first = at + (behind + STSZ + 8) as u64;
        Ok(Self {
            at,
            hole,
            joined: false,
            sizes_at: first.next_multiple_of(BLOCK),
            written: 0,
            pending: Vec::new(),
        })
    }

    /// Returns the size of the hole that an index of this many frames and fragments needs.
    pub(super) fn hole_for(frames: u64, fragments: u64) -> u64 {
        let sizes = frames.saturating_mul(4);
        // Offset of a fragment, its number of samples, and its key frame.
        let rest = fragments.saturating_mul(8 + 12 + 4);
        let all = sizes.saturating_add(rest).saturating_add(4 * BLOCK);
        all.saturating_sub(END).min(LARGEST).next_multiple_of(STEP)
    }

    /// Returns the boxes and their offsets. The rest of the file follows.
    pub(super) fn boxes(&self) -> Vec<(u64, Vec<u8>)> {
        let mut first = free(END - self.at);
        first.resize((END - self.at) as usize, 0);
        let mut all = vec![(self.at, first)];
        if self.hole > 0 {
            all.push((END, free(self.hole)));
        }
        all
    }

    /// Returns the offset of the rest of the file.
    pub(super) fn end(&self) -> u64 {
        END + self.hole
    }

    /// Returns offset and size of the hole if the index does not need it.
    pub(super) fn needless_hole(&self, tables: usize) -> Option<(u64, u64)> {
        let needless = self.hole > 0 && !self.joined && self.len_with(tables) <= END;
        needless.then_some((END, self.hole))
    }

    /// Records that the hole was removed.
    pub(super) fn close(&mut self) {
        self.hole = 0;
    }

    /// Returns whether the sizes and `tables` more bytes fit.
    pub(super) fn holds(&self, tables: usize) -> bool {
        self.len_with(tables) <= self.end()
    }

    /// Returns the end of the index with `tables` bytes after the sizes.
    fn len_with(&self, tables: usize) -> u64 {
        let sizes = self.samples() * 4;
        self.sizes_at + sizes + (tables + LONG_HEADER) as u64
    }

    pub(super) fn samples(&self) -> u64 {
        self.written + self.pending.len() as u64
    }

    /// Adds the sizes of a fragment's samples.
    pub(super) fn add(&mut self, sizes: impl Iterator<Item = u32>) {
        self.pending.extend(sizes);
    }

    /// Returns the write of pending sizes, if there are enough.
    pub(super) fn spill(&mut self) -> Option<Spill> {
        if self.pending.len() < PIECE {
            return None;
        }
        let whole = self.pending.len() / PIECE * PIECE;
        let bytes: Vec<u8> = self
            .pending
            .drain(..whole)
            .flat_map(u32::to_be_bytes)
            .collect();
        let at = self.sizes_at + self.written * 4;
        self.written += whole as u64;
        let before = self.join(at + bytes.len() as u64);
        Some(Spill { before, at, bytes })
    }

    /// Joins both boxes if a write up to `end` needs it. Returns the new header.
    fn join(&mut self, end: u64) -> Option<(u64, Vec<u8>)> {
        if self.joined || end <= END {
            return None;
        }
        self.joined = true;
        Some((self.at, free(self.end() - self.at)))
    }

    /// Returns the writes that turn the reserved space into the index. `moov` is the index without
    /// the sizes; everything after it becomes data, up to byte `end`.
    pub(super) fn turn(
        &mut self,
        mut moov: Vec<u8>,
        end: u64,
    ) -> Result<Option<IndexWrite>, RecordError> {
        let samples = self.samples();
        let (path, behind) = table(&moov)?;
        let stsz = find(&moov, path[path.len() - 1], b"stsz").ok_or(RecordError::ParameterSets)?;
        moov.drain(stsz..stsz + STSZ);
        let mut front = moov;
        let mut back = front.split_off(behind);
        // The sizes stay in place, so the part before them has to end there.
        let used = self.at + (front.len() + STSZ + 8) as u64;
        let fits = self.sizes_at >= used && self.holds(back.len());
        if !fits {
            return Ok(None);
        }
        let gap = self.sizes_at - used + 8;
        let sizes = samples * 4;
        for at in path {
            let size = word(&front, at).ok_or(RecordError::ParameterSets)?;
            let size = u64::from(size) + gap + sizes;
            front[at..at + 4].copy_from_slice(&(size as u32).to_be_bytes());
        }
        front.extend(free(gap));
        front.resize(front.len() + gap as usize - 8, 0);
        front.extend((STSZ as u32 + sizes as u32).to_be_bytes());
        front.extend(b"stsz");
        // Version and flags, no common size, number of samples.
        front.extend([0; 8]);
        front.extend((samples as u32).to_be_bytes());

        let back_at = self.sizes_at + sizes;
        // The rest of the file, fragments and their headers, becomes data.
        let rest = end - back_at - back.len() as u64;
        back.extend(1_u32.to_be_bytes());
        back.extend(b"mdat");
        back.extend(rest.to_be_bytes());
        let pending = self.pending.drain(..).flat_map(u32::to_be_bytes).collect();
        let pending_at = self.sizes_at + self.written * 4;
        // Some readers take a `free` box that contains the start of an index for an index, so the
        // header is written last.
        let body = front.split_off(16);
        let before = self.join(back_at + back.len() as u64);
        Ok(Some(IndexWrite {
            before,
            parts: vec![(self.at + 16, body), (pending_at, pending), (back_at, back)],
            header: (self.at, front),
        }))
    }
}

/// Returns the header of a `free` box.
fn free(size: u64) -> Vec<u8> {
    let size = u32::try_from(size).unwrap_or(u32::MAX);
    [&size.to_be_bytes()[..], b"free"].concat()
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at + 4)?;
    Some(u32::from_be_bytes(word.try_into().ok()?))
}

/// Returns the offsets of the boxes around the sample tables, from the outermost, and that of the
/// table after `stsd`.
fn table(moov: &[u8]) -> Result<([usize; 5], usize), RecordError> {
    let find = |within, name| find(moov, within, name).ok_or(RecordError::ParameterSets);
    let trak = find(0, b"trak")?;
    let mdia = find(trak, b"mdia")?;
    let minf = find(mdia, b"minf")?;
    let stbl = find(minf, b"stbl")?;
    let stsd = find(stbl, b"stsd")?;
    let size = word(moov, stsd).ok_or(RecordError::ParameterSets)?;
    Ok(([0, trak, mdia, minf, stbl], stsd + size as usize))
}

/// Returns the offset of child `name` of the box at `within`.
fn find(bytes: &[u8], within: usize, name: &[u8; 4]) -> Option<usize> {
    let end = within + word(bytes, within)? as usize;
    let mut at = within + 8;
    while at < end {
        if bytes.get(at + 4..at + 8)? == name {
            return Some(at);
        }
        at += (word(bytes, at)? as usize).max(8);
    }
    None
}
