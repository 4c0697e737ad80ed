//! The index of a finished recording: offset and times of every sample. The sample sizes are in the
//! reserved space.

use mp4_atom::{Co64, Ctts, CttsEntry, Stbl, Stco, Stsc, StscEntry, Stsd, Stss, Stts, SttsEntry};

use super::Sample;

/// The longest duration: the field is unsigned, but players read larger values as negative.
pub(super) const LONGEST: u32 = i32::MAX as u32;

/// The data of the sample tables, collected while fragments are written.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Number of samples so far.
    samples: u32,
    /// Durations in units of time, as runs.
    durations: Vec<Durations>,
    /// The longest duration.
    longest: u64,
    /// Presentation time minus decoding time, as runs.
    offsets: Vec<CttsEntry>,
    /// Numbers of the key frames, from 1.
    keys: Vec<u32>,
    /// File offset of the first sample of each fragment.
    chunks: Vec<u64>,
    /// Numbers of samples per fragment, as runs.
    counts: Vec<StscEntry>,
}

/// Consecutive samples of one duration.
#[derive(Debug, Clone, Copy)]
struct Durations {
    count: u32,
    each: u64,
}

/// A conversion from one timescale to another, in units per second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    pub(super) from: u32,
    pub(super) to: u32,
}

impl Scale {
    /// Converts a time, rounded to the nearest.
    pub(super) fn apply(self, time: u64) -> u64 {
        let (from, to) = (u128::from(self.from), u128::from(self.to));
        ((u128::from(time) * to + from / 2) / from) as u64
    }

    /// Returns whether a time can be converted exactly.
    fn is_exact(self, time: u64) -> bool {
        let (from, to) = (u128::from(self.from), u128::from(self.to));
        (u128::from(time) * to).is_multiple_of(from)
    }
}

impl Index {
    /// Returns the conversion from `timescale`, that of the fragments, to one in which no duration
    /// is above [`LONGEST`]. It is the same unless there is a gap of hours; otherwise a multiple of
    /// `frames` if possible.
    pub(super) fn scale(&self, timescale: u32, frames: u32) -> Scale {
        let longest = u128::from(self.longest.max(1));
        let most = u128::from(LONGEST) * u128::from(timescale) / longest;
        let most = u32::try_from(most).unwrap_or(u32::MAX).clamp(1, timescale);
        let to = match most {
            _ if most == timescale => timescale,
            // Keep frame durations whole numbers.
            _ if most >= frames => most / frames * frames,
            _ => most,
        };
        Scale {
            from: timescale,
            to,
        }
    }

    /// Returns an upper bound of the tables' size in bytes.
    pub(super) fn len(&self) -> usize {
        let runs = 8 * (self.durations.len() + self.offsets.len());
        let others = 4 * self.keys.len() + 8 * self.chunks.len() + 12 * self.counts.len();
        // The headers of the tables, and the boxes after them.
        runs + others + 512
    }

    /// Adjusts the offsets after the fragments have moved towards the start by `bytes`.
    pub(super) fn move_back(&mut self, bytes: u64) {
        self.chunks.iter_mut().for_each(|at| *at -= bytes);
    }

    /// Adds a fragment whose samples begin at byte `at`; `durations` has one for each sample.
    pub(super) fn add(
        &mut self,
        at: u64,
        samples: &[Sample],
        durations: impl Iterator<Item = u64>,
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
            self.longest = self.longest.max(duration);
            match self.durations.last_mut() {
                Some(run) if run.each == duration => run.count += 1,
                _ => self.durations.push(Durations {
                    count: 1,
                    each: duration,
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

    /// Returns the durations in other units. The start of each sample is rounded to the nearest
    /// unit, so that errors do not accumulate.
    fn scaled(&self, scale: Scale) -> Vec<SttsEntry> {
        let mut entries: Vec<SttsEntry> = Vec::new();
        let mut add = |count, delta| match entries.last_mut() {
            Some(run) if run.sample_delta == delta => run.sample_count += count,
            _ => entries.push(SttsEntry {
                sample_count: count,
                sample_delta: delta,
            }),
        };
        let mut at = 0;
        for run in &self.durations {
            let all = u64::from(run.count) * run.each;
            if scale.is_exact(run.each) {
                add(run.count, scale.apply(run.each) as u32);
            } else {
                for n in 0..u64::from(run.count) {
                    let begin = scale.apply(at + n * run.each);
                    add(1, (scale.apply(at + (n + 1) * run.each) - begin) as u32);
                }
            }
            at += all;
        }
        entries
    }

    /// Returns the sample tables, with the table of sizes empty.
    pub(super) fn tables(&self, stsd: Stsd, scale: Scale) -> Stbl {
        let offset = |offset: i64| scale.apply(offset.unsigned_abs()) as i64 * offset.signum();
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
                entries: self.scaled(scale),
            },
            ctts: reordered.then(|| Ctts {
                entries: self
                    .offsets
                    .iter()
                    .map(|run| CttsEntry {
                        sample_count: run.sample_count,
                        sample_offset: offset(run.sample_offset),
                    })
                    .collect(),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Timescale, and the duration of a frame in it at 30 frames per second.
    const TIMESCALE: u32 = 90_000;
    const FRAME: u64 = 3_000;
    const HOUR: u64 = 3_600 * TIMESCALE as u64;

    /// Returns the duration in seconds of each run of samples, as a player sees it.
    fn seen(durations: &[u64]) -> Vec<(u32, f64)> {
        let sample = Sample {
            dts: 0,
            offset: 0,
            bytes: 1,
            key: true,
        };
        let mut index = Index::default();
        index.add(0, &vec![sample; durations.len()], durations.iter().copied());
        let scale = index.scale(TIMESCALE, 30);
        let stts = index.tables(Stsd::default(), scale).stts;
        let longest = stts.entries.iter().map(|run| run.sample_delta).max();
        assert!(longest.unwrap() <= LONGEST);
        let seconds = |delta| f64::from(delta) / f64::from(scale.to);
        let runs = stts.entries.iter();
        runs.map(|run| (run.sample_count, seconds(run.sample_delta)))
            .collect()
    }

    #[test]
    fn durations_stay_as_they_are() {
        let durations = [FRAME, FRAME, 2 * FRAME, 1, 6 * HOUR];
        let expected = [
            (2, 1. / 30.),
            (1, 2. / 30.),
            (1, 1. / 90e3),
            (1, 6. * 3600.),
        ];
        assert_eq!(seen(&durations), expected);
    }

    #[test]
    fn gaps_of_days_are_right() {
        for hours in [7, 14, 72, 500] {
            let mut durations = vec![FRAME; 100];
            durations[60] = hours * HOUR + FRAME;
            let gap = hours as f64 * 3600. + 1. / 30.;
            assert_eq!(seen(&durations), [(60, 1. / 30.), (1, gap), (39, 1. / 30.)]);
        }
    }

    #[test]
    fn no_error_of_rounding_grows() {
        // Times that are exact in no coarser timescale, before and after a gap of three days.
        let durations: Vec<u64> = (0..1000)
            .map(|n| if n == 500 { 72 * HOUR } else { 2_987 + n % 7 })
            .collect();
        let (mut time, mut exact) = (0., 0.);
        let runs = seen(&durations);
        let seen = runs
            .iter()
            .flat_map(|(count, seconds)| vec![*seconds; *count as usize]);
        for (seen, duration) in seen.zip(durations) {
            time += seen;
            exact += duration as f64 / f64::from(TIMESCALE);
            assert!(f64::abs(time - exact) < 0.000_5, "{time} for {exact}");
        }
    }
}
