//! The index of a finished recording: where every sample lies and when it is shown. How large it is stands in the room.

use mp4_atom::{Co64, Ctts, CttsEntry, Stbl, Stco, Stsc, StscEntry, Stsd, Stss, Stts, SttsEntry};

use super::Sample;

/// What the sample tables are made of, collected while fragments are written.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Samples so far.
    samples: u32,
    /// Durations in units of time, as runs.
    durations: Vec<SttsEntry>,
    /// Presentation after decoding, as runs.
    offsets: Vec<CttsEntry>,
    /// Numbers of the key frames, from 1.
    keys: Vec<u32>,
    /// Where the samples of each fragment begin in the file.
    chunks: Vec<u64>,
    /// Samples in a fragment, as runs.
    counts: Vec<StscEntry>,
}

impl Index {
    /// Bytes that the tables take at most.
    pub(super) fn len(&self) -> usize {
        let runs = 8 * (self.durations.len() + self.offsets.len());
        let others = 4 * self.keys.len() + 8 * self.chunks.len() + 12 * self.counts.len();
        // And their headers, with the boxes behind.
        runs + others + 512
    }

    /// The fragments have moved towards the beginning.
    pub(super) fn move_back(&mut self, bytes: u64) {
        self.chunks.iter_mut().for_each(|at| *at -= bytes);
    }

    /// Adds a fragment whose samples begin at byte `at`; `durations` has one for each sample.
    pub(super) fn add(
        &mut self,
        at: u64,
        samples: &[Sample],
        durations: impl Iterator<Item = u32>,
    ) {
        self.chunks.push(at);
        let count = samples.len() as u32;
        if self
            .counts
            .last()
            .is_none_or(|run| run.samples_per_chunk != count)
        {
            self.counts.push(StscEntry {
                first_chunk: self.chunks.len() as u32,
                samples_per_chunk: count,
                sample_description_index: 1,
            });
        }
        for (sample, duration) in samples.iter().zip(durations) {
            self.samples += 1;
            if sample.key {
                self.keys.push(self.samples);
            }
            match self.durations.last_mut() {
                Some(run) if run.sample_delta == duration => run.sample_count += 1,
                _ => self.durations.push(SttsEntry {
                    sample_count: 1,
                    sample_delta: duration,
                }),
            }
            match self.offsets.last_mut() {
                Some(run) if run.sample_offset == sample.offset => run.sample_count += 1,
                _ => self.offsets.push(CttsEntry {
                    sample_count: 1,
                    sample_offset: sample.offset,
                }),
            }
        }
    }

    /// The sample tables, that of the sizes without entries.
    pub(super) fn tables(&self, stsd: Stsd) -> Stbl {
        let reordered = self.offsets.iter().any(|run| run.sample_offset != 0);
        let all_keys = self.keys.len() as u32 == self.samples;
        let short: Result<Vec<_>, _> = self.chunks.iter().map(|&at| u32::try_from(at)).collect();
        let (stco, co64) = match short {
            Ok(entries) => (Some(Stco { entries }), None),
            Err(_) => {
                let entries = self.chunks.clone();
                (None, Some(Co64 { entries }))
            }
        };
        Stbl {
            stsd,
            stts: Stts {
                entries: self.durations.clone(),
            },
            ctts: reordered.then(|| Ctts {
                entries: self.offsets.clone(),
            }),
            // Without the table every sample is a key frame.
            stss: (!all_keys).then(|| Stss {
                entries: self.keys.clone(),
            }),
            stsc: Stsc {
                entries: self.counts.clone(),
            },
            stco,
            co64,
            ..Stbl::default()
        }
    }
}
