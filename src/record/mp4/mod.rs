//! MP4 that is fragmented while it grows: `ftyp`, reserved space for an index, `moov`, then pairs
//! of `moof` and `mdat`. A file that ends anywhere plays up to its last complete fragment.
//!
//! When it is finished, the reserved space becomes a `moov` with the index of all samples, and
//! everything after it one `mdat`: an ordinary file that players open and seek at once. Such a file
//! also survives truncation, for instance by an interrupted copy. A fragmented one does not: ffmpeg
//! reads all `moof` boxes when it opens a file (all but those listed in a `sidx`, but only if the
//! last of them ends where the file does) and gives up on an incomplete one. Until then the
//! reserved space is a `free` box. A single write of its 16 header bytes turns one form into the
//! other.
//!
//! Source: ISO/IEC 14496-12 (ISO base media file format), section 8.8 (movie fragments);
//! ISO/IEC 14496-15 (NAL unit structured video), section 5.

mod index;
mod index_space;
mod moov;
mod sample_entry;

use mp4_atom::{Encode, FourCC, Ftyp, Mfhd, Moof, Tfdt, Tfhd, Traf, Trun, TrunEntry};

use self::index::{Index, LONGEST};
use self::index_space::IndexSpace;
pub(super) use self::index_space::{IndexWrite, Spill};
use super::{RecordError, Track};
use crate::bitstream::{Codec, Packet};
use crate::bitstream::{NalKind, ParameterSets, nal_units};

const TRACK: u32 = 1;
/// `sample_depends_on` = 2: decodable by itself.
const SYNC: u32 = 0x0200_0000;
/// `sample_depends_on` = 1, and `sample_is_non_sync_sample`.
const NON_SYNC: u32 = 0x0101_0000;
/// Minimum of units of time per second: times are exact to 6 microseconds.
const MIN_TIMESCALE: u32 = 90_000;
/// A fragment with more bytes than this is written at once, however short.
const MAX_FRAGMENT_BYTES: usize = 64 << 20;
/// Default for the expected length of a recording: a day.
const EXPECTED_SECONDS: u64 = 86_400;

/// Collects packets into fragments.
#[derive(Debug)]
pub(super) struct Mp4 {
    track: Track,
    /// Units of time per second: a multiple of the frame rate's numerator, so that a frame's
    /// duration is a whole number.
    timescale: u32,
    /// Duration of one frame in units of time.
    period: u64,
    /// The parameter sets in `moov`, from the first key frame on.
    header: ParameterSets,
    /// The current parameter sets; those that `moov` lacks are among the samples.
    sets: ParameterSets,
    /// Whether some are among the samples, and whether `moov` says so.
    in_band: bool,
    says_in_band: bool,
    /// Decoding time of the first packet, in nanoseconds.
    first_ns: u64,
    /// Decoding time of the last packet, in units of time after the first.
    last: Option<u64>,
    /// Number of fragments so far.
    sequence: u32,
    /// End of the last fragment, in units of time.
    end: u64,
    /// Latest presentation time, in units of time.
    shown: u64,
    /// The reserved space for the index.
    room: Option<IndexSpace>,
    /// Size of the file so far, in bytes.
    len: u64,
    /// `None` if the index does not fit or could not be written.
    index: Option<Index>,
    samples: Vec<Sample>,
    /// The samples' bytes, with lengths in place of start codes.
    data: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    /// Decoding time in units of time since the first packet.
    dts: u64,
    /// Presentation time minus decoding time.
    offset: i64,
    bytes: u32,
    key: bool,
}

impl Mp4 {
    pub(super) fn new(track: Track) -> Result<Self, RecordError> {
        let (width, height) = (track.width, track.height);
        if width == 0 || height == 0 || width > 65_535 || height > 65_535 {
            return Err(RecordError::Size { width, height });
        }
        let factor = MIN_TIMESCALE.div_ceil(track.rate.frames());
        let timescale = track.timescale.unwrap_or(track.rate.frames() * factor);
        let (frames, seconds) = (track.rate.frames(), track.rate.seconds());
        let period = u64::from(timescale) * u64::from(seconds) / u64::from(frames);
        Ok(Self {
            track,
            timescale,
            period: period.max(1),
            header: ParameterSets::new(track.codec),
            sets: ParameterSets::new(track.codec),
            in_band: false,
            says_in_band: false,
            first_ns: 0,
            last: None,
            sequence: 0,
            end: 0,
            shown: 0,
            room: None,
            len: 0,
            index: Some(Index::default()),
            samples: Vec::new(),
            data: Vec::new(),
        })
    }

    /// Returns the number of frames that are not in a fragment yet.
    pub(super) fn waiting(&self) -> u64 {
        self.samples.len() as u64
    }

    /// Returns the size of the hole that this recording should reserve.
    pub(super) fn hole(&self) -> u64 {
        let rate = self.track.rate;
        let frames = u64::from(rate.frames()) * EXPECTED_SECONDS / u64::from(rate.seconds());
        match self.track.expected {
            // Fragments, except the last, are at least a quarter of a second long.
            Some(frames) => {
                let quarters = frames.saturating_mul(u64::from(rate.seconds()) * 4);
                // Each frame may have a different duration.
                let sizes = frames.saturating_mul(3);
                IndexSpace::hole_for(sizes, quarters / u64::from(rate.frames()))
            }
            None => IndexSpace::hole_for(frames, EXPECTED_SECONDS),
        }
    }

    /// Returns the start of the file, to be written before the first fragment: parts with their
    /// offsets, in order. The first picture is decoded at `first_ns`; `hole` is the size of the
    /// additional reserved space.
    pub(super) fn header(
        &mut self,
        sets: &ParameterSets,
        first_ns: u64,
        hole: u64,
    ) -> Result<Vec<(u64, Vec<u8>)>, RecordError> {
        self.header = sets.clone();
        self.sets = sets.clone();
        self.first_ns = first_ns;
        let codec = match self.track.codec {
            Codec::H264 => b"avc1",
            Codec::H265 => b"hvc1",
            // QuickTime's brand, which the registration authority lists.
            Codec::Mjpeg => b"qt  ",
            Codec::Fwht => return Err(RecordError::ParameterSets),
        };
        let ftyp = Ftyp {
            major_brand: FourCC::new(b"iso6"),
            minor_version: 0,
            compatible_brands: [b"iso6", b"isom", codec, b"mp41"].map(FourCC::new).into(),
        };
        let mut start = Vec::new();
        write(&ftyp, &mut start)?;
        let mut moov = Vec::new();
        write(&self.moov(Some(&Index::default()))?, &mut moov)?;
        let room = IndexSpace::new(start.len() as u64, &moov, hole)?;
        moov.clear();
        write(&self.moov(None)?, &mut moov)?;
        let mut parts = vec![(0, start)];
        parts.extend(room.boxes());
        self.len = room.end() + moov.len() as u64;
        parts.push((room.end(), moov));
        self.room = Some(room);
        Ok(parts)
    }

    /// Returns offset and size of a hole that can be removed before [`Mp4::finish`].
    pub(super) fn needless_hole(&self) -> Option<(u64, u64)> {
        let index = self.index.as_ref()?;
        self.room.as_ref()?.needless_hole(index.len())
    }

    /// Records that the hole was removed.
    pub(super) fn close_hole(&mut self, bytes: u64) {
        self.len -= bytes;
        if let (Some(index), Some(room)) = (&mut self.index, &mut self.room) {
            index.move_back(bytes);
            room.close();
        }
    }

    /// Drops the index, after its reserved space could not be written.
    pub(super) fn give_up_index(&mut self) {
        self.index = None;
    }

    /// Returns the writes that turn the reserved space into the index.
    pub(super) fn finish(&mut self) -> Result<Option<IndexWrite>, RecordError> {
        let mut moov = Vec::new();
        let Some(index) = self.index.take() else {
            return Ok(None);
        };
        write(&self.moov(Some(&index))?, &mut moov)?;
        match &mut self.room {
            Some(room) if room.samples() > 0 => room.turn(moov, self.len),
            _ => Ok(None),
        }
    }

    /// Adds a packet. Returns the fragment before it if that is complete.
    pub(super) fn add(&mut self, packet: &Packet<'_>) -> Result<Option<Fragment>, RecordError> {
        let dts = self.units(packet.dts_ns());
        let shown = self.units(packet.pts_ns());
        self.shown = self.shown.max(shown);
        let offset = shown as i64 - dts as i64;
        // Decoding times have to increase, whatever the clock says.
        let dts = self.last.map_or(dts, |last| dts.max(last + 1));
        self.last = Some(dts);
        let fragment = if self.is_complete(packet, dts) {
            self.fragment(Some(dts))?
        } else {
            None
        };
        let start = self.data.len();
        self.append(packet)?;
        let bytes = (self.data.len() - start) as u32;
        self.samples.push(Sample {
            dts,
            offset,
            bytes,
            key: packet.is_key(),
        });
        Ok(fragment)
    }

    /// Appends the bytes of a packet, without the parameter sets in `moov`. Different ones are
    /// added to the samples: where they occur, and again with each key frame, for players that
    /// start there.
    fn append(&mut self, packet: &Packet<'_>) -> Result<(), RecordError> {
        let codec = self.track.codec;
        if codec == Codec::Mjpeg {
            self.data.extend_from_slice(packet.annex_b());
            return Ok(());
        }
        let mut repeats = packet.is_key();
        for (_, nal) in nal_units(packet.annex_b()) {
            let kind = NalKind::of(codec, nal);
            if kind.is_set() {
                if self.sets.add(nal) == Some(true) && !repeats {
                    self.in_band = true;
                    append_nal(&mut self.data, nal)?;
                }
            } else {
                // Only a delimiter may precede parameter sets.
                if kind != NalKind::Front && std::mem::take(&mut repeats) {
                    self.sets.add_all(packet.annex_b());
                    self.in_band |= self.sets.without(&self.header).all().next().is_some();
                    // A different set replaces that of the header, and invalidates those that refer
                    // to it.
                    if self.in_band {
                        for set in self.sets.all() {
                            append_nal(&mut self.data, set)?;
                        }
                    }
                }
                append_nal(&mut self.data, nal)?;
            }
        }
        Ok(())
    }

    /// Returns whether the fragment ends here: before a key frame, but not more often than four
    /// times a second; and after a second, key frame or not.
    fn is_complete(&self, packet: &Packet<'_>, dts: u64) -> bool {
        let Some(first) = self.samples.first() else {
            return false;
        };
        let duration = dts - first.dts;
        let second = u64::from(self.timescale);
        (packet.is_key() && duration >= second / 4)
            || duration >= second
            || self.data.len() > MAX_FRAGMENT_BYTES
    }

    /// Returns the collected samples as a fragment; `next` is the decoding time of the sample after
    /// it.
    pub(super) fn fragment(&mut self, next: Option<u64>) -> Result<Option<Fragment>, RecordError> {
        let (Some(first), Some(last)) = (self.samples.first(), self.samples.last()) else {
            return Ok(None);
        };
        let end = next.unwrap_or(last.dts + self.period);
        let begins = self.samples.iter().map(|sample| sample.dts);
        let ends = begins.clone().skip(1).chain([end]);
        let durations: Vec<u64> = ends.zip(begins).map(|(end, begin)| end - begin).collect();
        let reordered = self.samples.iter().any(|sample| sample.offset != 0);
        let entries: Vec<_> = self
            .samples
            .iter()
            .zip(&durations)
            // After a gap, the next fragment has its own start time.
            .map(|(sample, duration)| TrunEntry {
                duration: Some((*duration).min(LONGEST.into()) as u32),
                size: Some(sample.bytes),
                flags: Some(if sample.key { SYNC } else { NON_SYNC }),
                cts: reordered.then_some(sample.offset),
            })
            .collect();
        let mut moof = Moof {
            mfhd: Mfhd {
                sequence_number: self.sequence + 1,
            },
            traf: vec![Traf {
                tfhd: Tfhd {
                    track_id: TRACK,
                    default_base_is_moof: true,
                    ..Default::default()
                },
                tfdt: Some(Tfdt {
                    base_media_decode_time: first.dts,
                }),
                trun: vec![Trun {
                    data_offset: Some(0),
                    samples: entries.into(),
                }],
                ..Default::default()
            }],
        };
        let mut bytes = Vec::new();
        write(&moof, &mut bytes)?;
        // The samples begin after the header of `mdat`; the size of the offset does not change.
        moof.traf[0].trun[0].data_offset = Some(bytes.len() as i32 + 8);
        let data_at = self.len + bytes.len() as u64 + 8;
        if let Some(index) = &mut self.index {
            index.add(data_at, &self.samples, durations.into_iter());
        }
        let spill = self.note_sizes();
        let header = self.changed_header()?;
        bytes.clear();
        bytes.reserve(self.data.len() + 4096);
        write(&moof, &mut bytes)?;
        bytes.extend_from_slice(&(self.data.len() as u32 + 8).to_be_bytes());
        bytes.extend_from_slice(b"mdat");
        bytes.extend_from_slice(&self.data);
        self.len += bytes.len() as u64;
        let frames = self.samples.len() as u64;
        let end_ns = u128::from(end) * 1_000_000_000 / u128::from(self.timescale);
        self.sequence += 1;
        self.end = end;
        self.samples.clear();
        self.data.clear();
        Ok(Some(Fragment {
            header,
            bytes,
            spill,
            frames,
            end_ns: end_ns as u64,
        }))
    }

    /// Returns the `moov` of a fragmented file, to overwrite the existing one: the same except for
    /// the fields that tell where parameter sets are.
    fn changed_header(&mut self) -> Result<Option<(u64, Vec<u8>)>, RecordError> {
        let Some(room) = self
            .room
            .as_ref()
            .filter(|_| self.in_band && !self.says_in_band)
        else {
            return Ok(None);
        };
        let mut moov = Vec::new();
        write(&self.moov(None)?, &mut moov)?;
        let header = (room.end(), moov);
        self.says_in_band = true;
        Ok(Some(header))
    }

    /// Writes the sizes of the collected samples to the reserved space, as long as they fit.
    fn note_sizes(&mut self) -> Option<Spill> {
        let (Some(index), Some(room)) = (&self.index, &mut self.room) else {
            return None;
        };
        room.add(self.samples.iter().map(|sample| sample.bytes));
        if !room.holds(index.len()) {
            self.index = None;
            return None;
        }
        room.spill()
    }

    /// Converts a time to units of time since the first packet, rounded to the nearest.
    fn units(&self, ns: u64) -> u64 {
        let ns = u128::from(ns.saturating_sub(self.first_ns));
        ((ns * u128::from(self.timescale) + 500_000_000) / 1_000_000_000) as u64
    }
}

/// Appends a NAL unit with its length.
fn append_nal(to: &mut Vec<u8>, nal: &[u8]) -> Result<(), RecordError> {
    let len = u32::try_from(nal.len()).map_err(|_| RecordError::ParameterSets)?;
    to.extend_from_slice(&len.to_be_bytes());
    to.extend_from_slice(nal);
    Ok(())
}

/// A complete `moof` and `mdat`.
#[derive(Debug)]
pub(super) struct Fragment {
    /// The new header of the file, written before the fragment.
    pub(super) header: Option<(u64, Vec<u8>)>,
    pub(super) bytes: Vec<u8>,
    /// The write into the space for the index, after the fragment.
    pub(super) spill: Option<Spill>,
    pub(super) frames: u64,
    /// Nanoseconds from the start of the recording to the end of this fragment.
    pub(super) end_ns: u64,
}

/// Encodes a box. Encoding into memory fails only for values that do not fit their field.
fn write(atom: &impl Encode, bytes: &mut Vec<u8>) -> Result<(), RecordError> {
    atom.encode(bytes).map_err(|_| RecordError::ParameterSets)
}
