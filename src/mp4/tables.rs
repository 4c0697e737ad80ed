//! The sample tables of a track: where each sample lies, and when it is decoded and shown.
//!
//! Source: ISO/IEC 14496-12, clauses 8.6 and 8.7.

use std::io;

use mp4_atom::{
    Co64, Ctts, CttsEntry, Stco, Stsc, StscEntry, Stss, Stsz, StszSamples, Stts, SttsEntry,
};

use super::boxes::{child, need, parse_child};
use super::{Sample, unsupported};

/// The tables, and the sample that is next.
#[derive(Debug)]
pub(super) struct Tables {
    sizes: StszSamples,
    durations: Runs<SttsEntry>,
    offsets: Runs<CttsEntry>,
    chunks: Vec<u64>,
    counts: Vec<StscEntry>,
    /// `None`: all are key frames.
    keys: Option<Vec<u32>>,
    /// How many samples were given.
    given: u32,
    /// Key frames among them.
    given_keys: usize,
    dts: u64,
    /// The chunk, which of `counts` is for it, the samples of it that were given, and where the
    /// next one is.
    chunk: usize,
    count: usize,
    in_chunk: u32,
    at: u64,
}

/// Entries that are for several samples each.
#[derive(Debug)]
struct Runs<T> {
    entries: Vec<T>,
    entry: usize,
    /// How many samples of it were given.
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

    /// Returns the entry for the next sample; behind the last one that one goes on.
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
            return Err(unsupported("sizes of samples in an stz2 are not read"));
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

    /// Returns how many samples there should be from here on.
    pub(super) fn left(&self) -> u32 {
        let all = match &self.sizes {
            StszSamples::Identical { count, .. } => *count,
            StszSamples::Different { sizes } => sizes.len() as u32,
        };
        all - self.given
    }

    /// There are no more samples.
    pub(super) fn end(&mut self) {
        self.given += self.left();
    }

    /// Returns how many samples last how long.
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

    /// Goes on to the chunk of the next sample; which sample entry it has.
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

    /// Returns whether the sample that was given last is a key frame.
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
