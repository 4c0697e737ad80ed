//! Movie fragments: `moof` after `moof`, each with its samples.
//!
//! Source: ISO/IEC 14496-12, clause 8.8.

use std::collections::VecDeque;
use std::io::{self, Read, Seek};

use mp4_atom::{Tfdt, Tfhd, Trex, Trun};

use super::boxes::{self, BoxSpan, children, parse, parse_child};
use super::{Sample, damaged};

/// Limits of the bytes of a `moof`, and of its samples.
const MAX_BYTES: u64 = 8 << 20;
const MAX_SAMPLES: usize = 1_000_000;
/// `sample_is_non_sync_sample`.
const NON_SYNC: u32 = 0x0001_0000;

/// The fragments of a track.
#[derive(Debug)]
pub(super) struct Fragments {
    track: u32,
    defaults: Vec<Trex>,
    /// Offset of the next box in the file.
    next: u64,
    /// Decoding time of the next sample, unless its fragment has one.
    dts: u64,
    samples: VecDeque<Sample>,
    /// Durations in the first fragment, each with its number of consecutive samples.
    pub(super) durations: Vec<(u32, u32)>,
}

impl Fragments {
    /// Creates the reader of a file with these defaults in `mvex`.
    pub(super) fn new(track: u32, defaults: Vec<Trex>) -> Self {
        Self {
            track,
            defaults,
            next: 0,
            dts: 0,
            samples: VecDeque::new(),
            durations: Vec::new(),
        }
    }

    /// Returns the next sample; `None` after the last complete fragment.
    pub(super) fn next(
        &mut self,
        from: &mut (impl Read + Seek),
        len: u64,
    ) -> io::Result<Option<Sample>> {
        loop {
            if let Some(sample) = self.samples.pop_front() {
                return Ok(Some(sample));
            }
            let Some(place) = boxes::at(from, self.next, len)? else {
                return Ok(None);
            };
            self.next = place.end;
            if place.kind != *b"moof" {
                continue;
            }
            let Some(moof) = boxes::read(from, place, len, MAX_BYTES)? else {
                return Ok(None);
            };
            self.read(&moof, place)?;
        }
    }

    fn read(&mut self, moof: &[u8], place: BoxSpan) -> io::Result<()> {
        // By default the data of a track begins at the end of the previous track's data.
        let mut end = place.at;
        let parts = children(moof).filter(|(kind, _)| kind == b"traf");
        for (_, traf) in parts {
            let Some(header) = parse_child::<Tfhd>(traf)? else {
                continue;
            };
            let base = match header.base_data_offset {
                Some(at) => at,
                None if header.default_base_is_moof => place.at,
                None => end,
            };
            if header.track_id == self.track
                && let Some(time) = parse_child::<Tfdt>(traf)?
            {
                self.dts = time.base_media_decode_time;
            }
            end = base;
            for (_, trun) in children(traf).filter(|(kind, _)| kind == b"trun") {
                end = self.run(&parse(trun)?, &header, (base, end))?;
            }
        }
        Ok(())
    }

    /// Adds the samples of a run. They begin at the run's offset from `base`, or else at `next`.
    /// Returns their end.
    fn run(&mut self, run: &Trun, header: &Tfhd, (base, next): (u64, u64)) -> io::Result<u64> {
        let is_ours = header.track_id == self.track;
        let all = self.defaults.iter();
        let default = all.clone().find(|trex| trex.track_id == header.track_id);
        let or = |said: Option<u32>, default: Option<u32>| said.or(default).unwrap_or(0);
        let duration = or(
            header.default_sample_duration,
            default.map(|trex| trex.default_sample_duration),
        );
        let size = or(
            header.default_sample_size,
            default.map(|trex| trex.default_sample_size),
        );
        let flags = or(
            header.default_sample_flags,
            default.map(|trex| trex.default_sample_flags),
        );
        let entry = header.sample_description_index;
        let entry = entry.or(default.map(|trex| trex.default_sample_description_index));
        let at = match run.data_offset {
            Some(offset) => base.checked_add_signed(offset.into()),
            None => Some(next),
        };
        let mut at = at.ok_or_else(|| damaged("a fragment before the file's beginning"))?;
        if run.samples.len() + self.samples.len() > MAX_SAMPLES {
            return Err(damaged(format_args!(
                "a fragment of more than {MAX_SAMPLES} samples"
            )));
        }
        let is_first = is_ours && self.durations.is_empty();
        for said in &run.samples {
            let duration = said.duration.unwrap_or(duration);
            let size = said.size.unwrap_or(size);
            if is_ours {
                if is_first {
                    note(&mut self.durations, duration);
                }
                self.samples.push_back(Sample {
                    at,
                    size,
                    dts: self.dts,
                    offset: said.cts.unwrap_or(0),
                    is_key: said.flags.unwrap_or(flags) & NON_SYNC == 0,
                    entry: entry.unwrap_or(1),
                });
                self.dts = self.dts.saturating_add(duration.into());
            }
            at = at.saturating_add(size.into());
        }
        Ok(at)
    }
}

/// Counts a sample of this duration.
fn note(durations: &mut Vec<(u32, u32)>, duration: u32) {
    match durations.last_mut() {
        Some((count, of)) if *of == duration => *count += 1,
        _ => durations.push((1, duration)),
    }
}
