//! Reading packets from a file.

use std::io::{self, Read, Seek, SeekFrom};

use super::track::Track;
use super::{Sample, boxes, damaged};
use crate::bitstream::{Codec, Packet};
use crate::bitstream::{NalKind, ParameterSets};
use crate::colorimetry::Appearance;
use crate::frame_rate::FrameRate;

/// The most bytes of an index: enough for a day at 60 frames per second with a different duration
/// each.
const MAX_MOOV: u64 = 128 << 20;
/// The most bytes of a sample.
const MAX_SAMPLE: u32 = 64 << 20;

/// Properties of a file's video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mp4Info {
    /// The codec.
    pub codec: Codec,
    /// Width of the pictures in pixels.
    pub width: u32,
    /// Height of the pictures in pixels.
    pub height: u32,
    /// The rate of most pictures.
    pub rate: Option<FrameRate>,
    /// Whether all pictures have this rate, apart from rounding to the timescale and the duration
    /// of the last one.
    pub is_even: bool,
    /// Units of time per second (timescale). Times stay exact in a file with the same timescale.
    pub timescale: u32,
    /// Colours and sample aspect ratio according to the file, not the stream.
    pub appearance: Appearance,
    /// How players rotate or mirror pictures: the matrix of `tkhd`, row by row.
    pub matrix: [i32; 9],
    /// Start and end of the packet times whose pictures are shown. Earlier pictures are only there
    /// to be decoded.
    pub shown_ns: (u64, Option<u64>),
    /// Time at the beginning during which nothing is shown.
    pub delay_ns: u64,
    /// Number of further video tracks, which are not read.
    pub other_tracks: usize,
}

impl Mp4Info {
    /// Returns whether a picture with this presentation time is shown.
    #[must_use]
    pub fn shows(&self, pts_ns: u64) -> bool {
        let (from, to) = self.shown_ns;
        pts_ns >= from && to.is_none_or(|to| pts_ns < to)
    }
}

/// Reads the video of an MP4, packet by packet in decoding order.
///
/// Each packet is a piece of a byte stream; key frames start with their parameter sets. Its times
/// are those of the file, with the first decoding time at 0. In a truncated file the packets end
/// where the file does.
///
/// ```no_run
/// use videostream::mp4::Mp4Reader;
///
/// let mut reader = Mp4Reader::new(std::fs::File::open("clip.mp4")?)?;
/// println!("{:?}", reader.info());
/// while let Some(packet) = reader.next()? {
///     println!("{} bytes at {} ns", packet.annex_b().len(), packet.pts_ns());
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Mp4Reader<R> {
    from: R,
    len: u64,
    track: Track,
    info: Mp4Info,
    /// The first sample, read in advance.
    first: Option<Sample>,
    /// Decoding time of the first sample, and the offset added to presentation times.
    begin: u64,
    shift: i128,
    /// Number of sample bytes read so far.
    read: u64,
    /// The current sample entry, and the current parameter sets of the stream.
    entry: u32,
    sets: ParameterSets,
    missing: u64,
    /// The end or an error was reached.
    is_over: bool,
    sample: Vec<u8>,
    packet: Vec<u8>,
}

/// The content of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Picture,
    /// Only parameter sets or a delimiter.
    Other,
    Nothing,
}

impl<R: Read + Seek> Mp4Reader<R> {
    /// Reads the index.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] for a file that is not an MP4 or is damaged;
    /// [`io::ErrorKind::Unsupported`] for video other than H.264 and H.265, and for an edit list
    /// with several parts; errors of reading.
    pub fn new(mut from: R) -> io::Result<Self> {
        let len = from.seek(SeekFrom::End(0))?;
        let moov = moov(&mut from, len)?;
        let mut track = Track::read(&moov)?;
        drop(moov);
        let first = next(&mut track, &mut from, len)?;
        let begin = first.map_or(0, |sample| sample.dts);
        // Presentation time of the first picture: negative if it is before the part to show.
        let edit = track.edit;
        let shown = |sample: Sample| {
            i128::from(sample.dts) + i128::from(sample.offset) - i128::from(edit.from)
                + i128::from(edit.delay)
        };
        let before = first.map_or(0, |sample| shown(sample).min(0).abs());
        let begins = i128::from(edit.delay) + before;
        // An edit as long as the track, apart from rounding, has no end of its own.
        let to = edit.to.filter(|to| match (first, track.length()) {
            (Some(first), Some(length)) => {
                let end = i128::from(length) + i128::from(first.offset);
                i128::from(*to) + i128::from(track.rounding) < end
            }
            _ => true,
        });
        let ends = to.map(|to| i128::from(to) - i128::from(edit.from) + begins);
        let entry = track.entry(first.map_or(1, |sample| sample.entry))?;
        let said = entry.sets.info();
        let (width, height) = match (entry.width, entry.height, said) {
            (0, _, Some(info)) | (_, 0, Some(info)) => (info.width, info.height),
            (width, height, _) => (width, height),
        };
        let (rate, is_even) = pace(&track);
        let info = Mp4Info {
            codec: entry.codec,
            width,
            height,
            rate,
            is_even,
            timescale: track.timescale,
            appearance: entry.appearance,
            matrix: track.matrix,
            shown_ns: (
                ns(begins, track.timescale),
                ends.map(|ends| ns(ends, track.timescale)),
            ),
            delay_ns: ns(edit.delay.into(), track.timescale),
            other_tracks: track.others,
        };
        Ok(Self {
            from,
            len,
            first,
            begin,
            shift: i128::from(edit.delay) - i128::from(edit.from) + before,
            read: 0,
            entry: 0,
            sets: ParameterSets::new(info.codec),
            missing: 0,
            is_over: false,
            sample: Vec::new(),
            packet: Vec::new(),
            track,
            info,
        })
    }

    /// Returns the properties of the video according to the file.
    #[must_use]
    pub fn info(&self) -> &Mp4Info {
        &self.info
    }

    /// Returns the number of samples in the index that are missing in the file, because it is
    /// truncated, or that contain no valid NAL unit.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.missing
    }

    /// Returns the next packet; `None` at the end.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] if the index is invalid; errors of reading. After an error it
    /// returns `None`.
    #[expect(
        clippy::should_implement_trait,
        reason = "a packet is lent until the next one is read"
    )]
    pub fn next(&mut self) -> io::Result<Option<Packet<'_>>> {
        if self.is_over {
            return Ok(None);
        }
        let found = self.next_sample();
        self.is_over = !matches!(found, Ok(Some(_)));
        let Some(sample) = found? else {
            return Ok(None);
        };
        let timescale = self.track.timescale;
        let decoded = i128::from(sample.dts) - i128::from(self.begin);
        let shown = i128::from(sample.dts) + i128::from(sample.offset) + self.shift;
        Ok(Some(Packet::new(
            self.info.codec,
            &self.packet,
            ns(shown, timescale),
            ns(decoded, timescale),
        )))
    }

    /// Reads up to the next sample with a picture and makes it the current packet.
    fn next_sample(&mut self) -> io::Result<Option<Sample>> {
        loop {
            let sample = match self.first.take() {
                Some(first) => Some(first),
                None => next(&mut self.track, &mut self.from, self.len)?,
            };
            let Some(sample) = sample else {
                return Ok(None);
            };
            if sample.at.saturating_add(sample.size.into()) > self.len {
                // The samples after it in the index are after it in the file, too.
                self.missing += 1 + u64::from(self.track.tables.left());
                self.track.tables.end();
                self.track.fragments = None;
                return Ok(None);
            }
            match self.read(sample)? {
                Found::Picture => return Ok(Some(sample)),
                Found::Other => {}
                Found::Nothing => self.missing += 1,
            }
        }
    }

    /// Makes a sample the current packet.
    fn read(&mut self, sample: Sample) -> io::Result<Found> {
        // Samples share no bytes, so all of them together are not larger than the file.
        self.read = self.read.saturating_add(sample.size.into());
        if sample.size > MAX_SAMPLE || self.read > self.len {
            return Err(damaged(format_args!(
                "samples larger than the file, at byte {}",
                sample.at
            )));
        }
        self.sample.resize(sample.size as usize, 0);
        self.from.seek(SeekFrom::Start(sample.at))?;
        self.from.read_exact(&mut self.sample)?;

        let entry = self.track.entry(sample.entry)?;
        let is_other = sample.entry != self.entry;
        if is_other {
            self.sets = entry.sets.clone();
            self.entry = sample.entry;
        }
        let codec = self.info.codec;
        let mut own = ParameterSets::new(codec);
        let mut begins = sample.is_key || is_other;
        self.packet.clear();
        let (mut front, mut found) = (0, Found::Nothing);
        for nal in nal_units(&self.sample, entry.length) {
            let kind = NalKind::of(codec, nal);
            if kind.is_set() {
                own.add(nal);
            }
            begins |= kind == NalKind::Idr;
            found = Found::Other;
            self.packet.extend([0, 0, 0, 1]);
            self.packet.extend(nal);
            // Only a delimiter may precede parameter sets.
            if kind == NalKind::Front && front == 0 && self.packet.len() == nal.len() + 4 {
                front = self.packet.len();
            }
        }
        self.sets.add_all(&own.to_bytes());
        if begins {
            let missing = self.sets.without(&own).to_bytes();
            self.packet.splice(front..front, missing);
        }
        // A length field may announce a slice that is not recognised after a start code.
        match Packet::new(codec, &self.packet, 0, 0).has_picture() {
            true => Ok(Found::Picture),
            false => Ok(found),
        }
    }
}

/// Returns the next sample of a track. Empty samples are skipped; they only extend the one before.
fn next(track: &mut Track, from: &mut (impl Read + Seek), len: u64) -> io::Result<Option<Sample>> {
    loop {
        let sample = match (track.tables.next(), &mut track.fragments) {
            (Some(sample), _) => Some(sample),
            (None, Some(fragments)) => fragments.next(from, len)?,
            (None, None) => None,
        };
        match sample {
            Some(sample) if sample.size == 0 => {}
            other => return Ok(other),
        }
    }
}

/// Returns the NAL units of a sample, each after its length field; a truncated last one as far as
/// it exists.
fn nal_units(mut sample: &[u8], length: usize) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (size, rest) = sample.split_at_checked(length)?;
        let size = size
            .iter()
            .fold(0, |all, byte| all << 8 | usize::from(*byte));
        let (nal, behind) = rest.split_at_checked(size).unwrap_or((rest, &[]));
        sample = behind;
        Some(nal)
    })
    .filter(|nal| !nal.is_empty())
}

/// Returns the index of a file, wherever it is in the file.
fn moov(from: &mut (impl Read + Seek), len: u64) -> io::Result<Vec<u8>> {
    let mut at = 0;
    let mut is_mp4 = false;
    while let Some(place) = boxes::at(from, at, len)? {
        if place.kind == *b"moov" {
            let moov = boxes::read(from, place, len, MAX_MOOV)?;
            return moov.ok_or_else(|| damaged("it ends within its index (moov)"));
        }
        is_mp4 |= matches!(&place.kind, b"ftyp" | b"mdat" | b"wide" | b"free" | b"skip");
        if at == 0 && !is_mp4 {
            return Err(damaged("it does not begin like one"));
        }
        at = place.end;
    }
    match is_mp4 {
        true => Err(damaged("it ends before its index (moov)")),
        false => Err(damaged("it does not begin like one")),
    }
}

/// Returns the rate of the most frequent duration, and whether all samples but the last have it.
fn pace(track: &Track) -> (Option<FrameRate>, bool) {
    let fragments = track.fragments.iter();
    let fragments = fragments.flat_map(|fragments| fragments.durations.iter().copied());
    let all: Vec<(u32, u32)> = track.tables.durations().chain(fragments).collect();
    let mut sorted = all.clone();
    sorted.sort_unstable_by_key(|(_, duration)| *duration);
    let runs = sorted.chunk_by(|a, b| a.1 == b.1);
    let counted = runs.map(|run| {
        let count: u64 = run.iter().map(|(count, _)| u64::from(*count)).sum();
        (count, run[0].1)
    });
    let Some((_, usual)) = counted.max() else {
        return (None, true);
    };
    // With a coarse timescale, durations are rounded up and down.
    let is_usual = |duration: u32| duration.abs_diff(usual) <= 1;
    let (mut count, mut sum) = (0, 0);
    for &(samples, duration) in all.iter().filter(|(_, duration)| is_usual(*duration)) {
        count += u64::from(samples);
        sum += u64::from(samples) * u64::from(duration);
    }
    // The last picture may have another duration.
    let before = all
        .split_last()
        .map_or(&[][..], |(last, before)| match last {
            (1, _) => before,
            _ => &all,
        });
    let is_even = before.iter().all(|(_, duration)| is_usual(*duration));
    (rate(track.timescale, usual, (count, sum)), is_even)
}

/// Returns the rate of `count` samples that last `sum` units of time together, each within one unit
/// of `usual`.
fn rate(timescale: u32, usual: u32, (count, sum): (u64, u64)) -> Option<FrameRate> {
    let timescale = u64::from(timescale);
    if sum == count.checked_mul(u64::from(usual))? {
        return FrameRate::nearest(timescale, usual.into());
    }
    let frames = count.checked_mul(timescale)?;
    // A common rate, n thousand frames in 1000 or 1001 seconds, if the sum matches it within one
    // unit of time.
    let whole = (frames + sum / 2) / sum;
    let [is, off] = [sum.checked_mul(whole * 1000)?, whole * 1000];
    let common = [1000, 1001].into_iter().filter_map(|seconds| {
        let error = is.abs_diff(frames.checked_mul(seconds)?);
        (error <= off).then_some((error, seconds))
    });
    let common = common
        .min()
        .and_then(|(_, seconds)| FrameRate::nearest(off, seconds));
    common.or_else(|| FrameRate::nearest(frames, sum))
}

/// Converts units of time to nanoseconds, rounded to the nearest; negative times become 0.
fn ns(units: i128, timescale: u32) -> u64 {
    let timescale = i128::from(timescale);
    let ns = (units.max(0).saturating_mul(1_000_000_000) + timescale / 2) / timescale;
    u64::try_from(ns).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_found_though_the_unit_of_time_is_coarse() {
        for (frames, seconds) in [(24_000, 1001), (30_000, 1001), (24, 1), (60_000, 1001)] {
            let exact = FrameRate::new(frames, seconds).unwrap();
            for count in [25, 1000] {
                let at = |number| (exact.time_ns(number) + 500_000) / 1_000_000;
                let usual = (1000.0 / exact.as_f64()).round() as u32;
                let found = rate(1000, usual, (count, at(count)));
                assert_eq!(found, Some(exact), "{count}");
            }
        }
        assert_eq!(rate(90_000, 3000, (7, 21_000)), FrameRate::fps(30).ok());
        // A less common one.
        let found = rate(1000, 81, (100, 8130)).unwrap();
        assert!((found.as_f64() - 12.3).abs() < 0.01, "{found:?}");
    }
}
