//! A video track as described by `moov`.
//!
//! Source: ISO/IEC 14496-12, clauses 8.3, 8.4 and 8.6.5 (edit lists).

use std::io;

use mp4_atom::{Elst, Hdlr, Mdhd, Mvhd, Tkhd, Trex};

use super::boxes::{child, children, descend, need, parse};
use super::entry::{self, Entry};
use super::fragments::Fragments;
use super::tables::Tables;
use super::{damaged, unsupported};

/// The first video track.
#[derive(Debug)]
pub(super) struct Track {
    /// Units of time per second.
    pub(super) timescale: u32,
    pub(super) entries: Vec<Entry>,
    pub(super) edit: Edit,
    /// One unit of the movie's time, in which edits are measured, rounded up to the track's units.
    pub(super) rounding: u32,
    pub(super) tables: Tables,
    pub(super) fragments: Option<Fragments>,
    /// How players rotate or mirror pictures.
    pub(super) matrix: [i32; 9],
    pub(super) others: usize,
}

/// The part of a track that is shown, in its units of time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Edit {
    /// Time at the beginning during which nothing is shown.
    pub(super) delay: i64,
    /// The start and end of the part that is shown.
    pub(super) from: i64,
    pub(super) to: Option<i64>,
}

impl Track {
    pub(super) fn read(moov: &[u8]) -> io::Result<Self> {
        if child(moov, b"cmov").is_some() {
            return Err(unsupported(
                "its index is compressed (cmov), which is not supported",
            ));
        }
        let mut tracks = children(moov).filter(|(kind, body)| kind == b"trak" && is_video(body));
        let (_, trak) = tracks.next().ok_or_else(|| damaged("no video track"))?;
        let mdia = child(trak, b"mdia").ok_or_else(|| damaged("a track without mdia"))?;
        let timescale = need::<Mdhd>(mdia)?.timescale;
        if timescale == 0 {
            return Err(damaged("a track with timescale 0"));
        }
        let stbl = descend(mdia, &[b"minf", b"stbl"]);
        let stbl = stbl.ok_or_else(|| damaged("a track without stbl"))?;
        let entries = entry::all(child(stbl, b"stsd").unwrap_or_default())?;
        let first = entries
            .first()
            .ok_or_else(|| damaged("a track without stsd"))?;
        if entries.iter().any(|entry| entry.codec != first.codec) {
            return Err(unsupported("its video changes between H.264 and H.265"));
        }
        let movie = need::<Mvhd>(moov)?.timescale;
        let tkhd = need::<Tkhd>(trak)?;
        let m = &tkhd.matrix;
        Ok(Self {
            timescale,
            entries,
            edit: match descend(trak, &[b"edts", b"elst"]) {
                Some(elst) => Edit::read(&parse(elst)?, movie, timescale)?,
                None => Edit::default(),
            },
            rounding: timescale / movie.max(1) + 1,
            tables: Tables::read(stbl)?,
            fragments: fragments(moov, tkhd.track_id)?,
            matrix: [m.a, m.b, m.u, m.c, m.d, m.v, m.x, m.y, m.w],
            others: tracks.count(),
        })
    }

    /// Returns its duration, unless it has fragments.
    pub(super) fn length(&self) -> Option<u64> {
        let each = self.tables.durations();
        let length = each.map(|(count, each)| u64::from(count) * u64::from(each));
        self.fragments
            .is_none()
            .then(|| length.fold(0, u64::saturating_add))
    }

    pub(super) fn entry(&self, number: u32) -> io::Result<&Entry> {
        // Some files have 0 for the first one.
        let at = (number as usize).saturating_sub(1);
        let entry = self.entries.get(at);
        entry.ok_or_else(|| damaged(format_args!("no sample entry {number}")))
    }
}

fn is_video(trak: &[u8]) -> bool {
    let hdlr = descend(trak, &[b"mdia", b"hdlr"]);
    let hdlr: Option<Hdlr> = hdlr.and_then(|hdlr| parse(hdlr).ok());
    hdlr.is_some_and(|hdlr| <[u8; 4]>::from(hdlr.handler) == *b"vide")
}

fn fragments(moov: &[u8], track: u32) -> io::Result<Option<Fragments>> {
    let Some(mvex) = child(moov, b"mvex") else {
        return Ok(None);
    };
    let defaults = children(mvex).filter(|(kind, _)| kind == b"trex");
    let defaults: io::Result<Vec<Trex>> = defaults.map(|(_, trex)| parse(trex)).collect();
    Ok(Some(Fragments::new(track, defaults?)))
}

impl Edit {
    /// Reads an edit list. Durations are in units of the movie, media times in those of the track.
    fn read(elst: &Elst, movie: u32, timescale: u32) -> io::Result<Self> {
        let units = |length: u64| {
            let length = u128::from(length) * u128::from(timescale);
            let units = (length + u128::from(movie / 2)) / u128::from(movie.max(1));
            i64::try_from(units).map_err(|_| damaged("an edit list that never ends"))
        };
        let mut edit = Self::default();
        let mut parts = 0;
        for entry in &elst.entries {
            match entry.media_time {
                // An empty edit before the part delays it; one after it has no effect.
                None if parts == 0 => {
                    let delay = edit.delay.checked_add(units(entry.segment_duration)?);
                    edit.delay = delay.ok_or_else(|| damaged("an edit list that never ends"))?;
                }
                None => {}
                Some(from) => {
                    parts += 1;
                    edit.from = i64::try_from(from).map_err(|_| damaged("an edit list"))?;
                    // In a fragmented file the duration is unknown when the list is written.
                    edit.to = match entry.segment_duration {
                        0 => None,
                        length => edit.from.checked_add(units(length)?),
                    };
                }
            }
        }
        match parts {
            0 | 1 => Ok(edit),
            parts => Err(unsupported(format_args!(
                "its edit list shows {parts} parts of the video: only one is supported"
            ))),
        }
    }
}
