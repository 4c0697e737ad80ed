//! The room in front of a recording that becomes its index.
//!
//! While the file grows it is a `free` box up to [`END`], and behind it, for a long recording, a
//! second one: a hole, which takes no space on the medium until something is written into it. The
//! sizes of the samples, which are nearly all of the index, are written to where they will be in it
//! as they come, so that they need no memory.

use crate::record::RecordError;

/// Where the first `free` box ends: 15 minutes at 30 frames a second. Blocks of every file system
/// end there.
pub(super) const END: u64 = 128 << 10;
/// The hole behind has whole blocks of every file system.
const STEP: u64 = 64 << 10;
/// No hole is larger.
const LARGEST: u64 = 32 << 20;
/// Sample sizes are written in pieces of so many.
const PIECE: usize = 1024;
/// They begin at the start of a block.
const BLOCK: u64 = 4096;
/// Header of a box with a size of 64 bits.
const LONG_HEADER: usize = 16;
/// `stsz` without its entries.
const STSZ: usize = 20;

/// A write into the reserved space while the file grows.
#[derive(Debug)]
pub(in crate::record) struct Spill {
    /// To be on the medium before the rest.
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

/// The room, and the sizes in it.
#[derive(Debug)]
pub(super) struct IndexSpace {
    /// Where it begins.
    at: u64,
    /// Bytes of the hole behind [`END`].
    hole: u64,
    /// Whether both boxes are one.
    joined: bool,
    /// Where the first sample's size is.
    sizes_at: u64,
    /// Sizes that are in the file.
    written: u64,
    /// Sizes behind them.
    pending: Vec<u32>,
}

impl IndexSpace {
    /// Room at byte `at` for an index whose `moov` would look like this one without samples.
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

    /// Returns how large the hole has to be for so many frames in so many fragments.
    pub(super) fn hole_for(frames: u64, fragments: u64) -> u64 {
        let sizes = frames.saturating_mul(4);
        // Where a fragment begins, how many samples it has, and its key frame.
        let rest = fragments.saturating_mul(8 + 12 + 4);
        let all = sizes.saturating_add(rest).saturating_add(4 * BLOCK);
        all.saturating_sub(END).min(LARGEST).next_multiple_of(STEP)
    }

    /// Returns the boxes, each at its place; then comes what follows.
    pub(super) fn boxes(&self) -> Vec<(u64, Vec<u8>)> {
        let mut first = free(END - self.at);
        first.resize((END - self.at) as usize, 0);
        let mut all = vec![(self.at, first)];
        if self.hole > 0 {
            all.push((END, free(self.hole)));
        }
        all
    }

    /// Returns where what follows begins.
    pub(super) fn end(&self) -> u64 {
        END + self.hole
    }

    /// Returns the hole, if the index does not need it: its place and size.
    pub(super) fn needless_hole(&self, tables: usize) -> Option<(u64, u64)> {
        let needless = self.hole > 0 && !self.joined && self.len_with(tables) <= END;
        needless.then_some((END, self.hole))
    }

    /// The hole is gone.
    pub(super) fn close(&mut self) {
        self.hole = 0;
    }

    /// Returns whether there is room for the sizes and `tables` more bytes.
    pub(super) fn holds(&self, tables: usize) -> bool {
        self.len_with(tables) <= self.end()
    }

    /// Returns where the index ends with `tables` bytes behind the sizes.
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

    /// Returns what is to be written of them now.
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

    /// Makes both boxes one before something is written up to `end`.
    fn join(&mut self, end: u64) -> Option<(u64, Vec<u8>)> {
        if self.joined || end <= END {
            return None;
        }
        self.joined = true;
        Some((self.at, free(self.end() - self.at)))
    }

    /// Puts the index into the room, which `moov` is but for the sizes; behind it all is data up to
    /// byte `end`.
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
        // The sizes are where they are: what is before them reaches up to there.
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
        // Version and flags; no common size; how many there are.
        front.extend([0; 8]);
        front.extend((samples as u32).to_be_bytes());

        let back_at = self.sizes_at + sizes;
        // What follows, the fragments with all that announces them, is data from now on.
        let rest = end - back_at - back.len() as u64;
        back.extend(1_u32.to_be_bytes());
        back.extend(b"mdat");
        back.extend(rest.to_be_bytes());
        let pending = self.pending.drain(..).flat_map(u32::to_be_bytes).collect();
        let pending_at = self.sizes_at + self.written * 4;
        // A `free` box with the beginning of an index in it counts as one for some readers.
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

/// Returns the boxes around the sample tables, from the outermost, and where the table behind
/// `stsd` begins.
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

/// The child `name` of the box at `within`.
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
