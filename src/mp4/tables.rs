//! The sample tables of a track: offset, decoding time and presentation time of each sample.
//!
//! Source: ISO/IEC 14496-12, clauses 8.6 and 8.7.

use std::io;

use mp4_atom::{
    Co64, Ctts, CttsEntry, Stco, Stsc, StscEntry, Stss, Stsz, StszSamples, Stts, SttsEntry,
};

use super::boxes::{child, need, parse_child};
use super::{Sample, unsupported};

/// The tables, and the position of the next sample in them.
#[derive(Debug)]
pub(super) struct Tables {
    sizes: StszSamples,
    durations: Runs<SttsEntry>,
    offsets: Runs<CttsEntry>,
    chunks: Vec<u64>,
    counts: Vec<StscEntry>,
    /// Numbers of key frames; `None` if all samples are key frames.
    keys: Option<Vec<u32>>,
    /// Number of samples returned so far.
    given: u32,
    /// Number of key frames before the next sample.
    given_keys: usize,
    dts: u64,
    /// The current chunk, the index of its entry in `counts`, the number of its samples returned so
    /// far, and the offset of its next sample.
    chunk: usize,
    count: usize,
    in_chunk: u32,
    at: u64,
}

/// Entries that each apply to several samples.
#[derive(Debug)]
struct Runs<T> {
    entries: Vec<T>,
    entry: usize,
    /// Number of samples of the current entry returned so far.
    given: u32,
}

impl<T: Clone> Runs<T> {
    fn new(entries: Vec<T>) -> Self {
        Self {
            entries,
            entry: 0,
            given: 0,
        }
    }

    /// Returns the entry for the next sample; the last one applies to all samples after it.
    fn next(&mut self, count: impl Fn(&T) -> u32) -> Option<T> {
        while let Some(entry) = self.entries.get(self.entry) {
            if self.given < count(entry) {
                self.given += 1;
                return Some(entry.clone());
            }
            (self.entry, self.given) = (self.entry + 1, 0);
        }
        self.entries.last().cloned()
    }
}

impl Tables {
    pub(super) fn read(stbl: &[u8]) -> io::Result<Self> {
        if child(stbl, b"stz2").is_some() {
            return Err(unsupported("compact sample sizes (stz2) are not supported"));
        }
        let chunks = match parse_child::<Stco>(stbl)? {
            Some(stco) => stco.entries.into_iter().map(u64::from).collect(),
            None => parse_child::<Co64>(stbl)?.unwrap_or_default().entries,
        };
        let offsets = parse_child::<Ctts>(stbl)?.unwrap_or_default();
        Ok(Self {
            sizes: need::<Stsz>(stbl)?.samples,
            durations: Runs::new(need::<Stts>(stbl)?.entries),
            offsets: Runs::new(offsets.entries),
            at: chunks.first().copied().unwrap_or(0),
            chunks,
            counts: need::<Stsc>(stbl)?.entries,
            keys: parse_child::<Stss>(stbl)?.map(|stss| stss.entries),
            given: 0,
            given_keys: 0,
            dts: 0,
            chunk: 0,
            count: 0,
            in_chunk: 0,
        })
    }

    /// Returns the number of samples left.
    pub(super) fn left(&self) -> u32 {
        let all = match &self.sizes {
            StszSamples::Identical { count, .. } => *count,
            StszSamples::Different { sizes } => sizes.len() as u32,
        };
        all - self.given
    }

    /// Ends the track: no more samples are returned.
    pub(super) fn end(&mut self) {
        self.given += self.left();
    }

    /// Returns the durations, each with its number of consecutive samples.
    pub(super) fn durations(&self) -> impl Iterator<Item = (u32, u32)> {
        let entries = self.durations.entries.iter();
        entries.map(|entry| (entry.sample_count, entry.sample_delta))
    }

    /// Returns the next sample.
    pub(super) fn next(&mut self) -> Option<Sample> {
        let size = match &self.sizes {
            StszSamples::Identical { size, .. } => (self.left() > 0).then_some(*size)?,
            StszSamples::Different { sizes } => *sizes.get(self.given as usize)?,
        };
        let entry = self.find_chunk()?;
        let at = self.at;
        self.at = at.checked_add(size.into())?;
        self.in_chunk += 1;
        self.given += 1;
        let duration = self
            .durations
            .next(|entry| entry.sample_count)?
            .sample_delta;
        let dts = self.dts;
        self.dts += u64::from(duration);
        let offset = self.offsets.next(|entry| entry.sample_count);
        Some(Sample {
            at,
            size,
            dts,
            offset: offset.map_or(0, |entry| entry.sample_offset),
            is_key: self.is_key(),
            entry,
        })
    }

    /// Moves to the chunk of the next sample. Returns its sample entry.
    fn find_chunk(&mut self) -> Option<u32> {
        loop {
            self.chunks.get(self.chunk)?;
            // Chunks are counted from 1.
            while let Some(next) = self.counts.get(self.count + 1)
                && next.first_chunk as usize <= self.chunk + 1
            {
                self.count += 1;
            }
            let count = self.counts.get(self.count)?;
            if self.in_chunk < count.samples_per_chunk {
                return Some(count.sample_description_index);
            }
            self.chunk += 1;
            self.in_chunk = 0;
            self.at = *self.chunks.get(self.chunk)?;
        }
    }

    /// Returns whether the last returned sample is a key frame.
    fn is_key(&mut self) -> bool {
        let Some(keys) = &self.keys else {
            return true;
        };
        while let Some(key) = keys.get(self.given_keys)
            && *key < self.given
        {
            self.given_keys += 1;
        }
        keys.get(self.given_keys) == Some(&self.given)
    }
}
