//! The index of a finished recording: where every sample lies, when it is shown, how large it is.

use mp4_atom::{
    Co64, Ctts, CttsEntry, Stbl, Stco, Stsc, StscEntry, Stsd, Stss, Stsz, StszSamples, Stts,
    SttsEntry,
};

use super::Sample;

/// What the sample tables are made of, collected while fragments are written.
#[derive(Debug, Default)]
pub(super) struct Index {
    sizes: Vec<u32>,
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
    /// Samples so far.
    pub(super) fn len(&self) -> usize {
        self.sizes.len()
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
            self.sizes.push(sample.bytes);
            if sample.key {
                self.keys.push(self.sizes.len() as u32);
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

    /// The sample tables.
    pub(super) fn tables(&self, stsd: Stsd) -> Stbl {
        let reordered = self.offsets.iter().any(|run| run.sample_offset != 0);
        let all_keys = self.keys.len() == self.sizes.len();
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
            stsz: Stsz {
                samples: StszSamples::Different {
                    sizes: self.sizes.clone(),
                },
            },
            stco,
            co64,
            ..Stbl::default()
        }
    }
}
