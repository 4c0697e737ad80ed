//! The `moov` box, which describes the track, with or without the index of all samples.

use mp4_atom::{
    Dinf, Dref, Edts, Elst, ElstEntry, FixedPoint, FourCC, Hdlr, Matrix, Mdhd, Mdia, Minf, Moov,
    Mvex, Mvhd, Stbl, Stco, Stsd, Tkhd, Trak, Trex, Url, Visual, Vmhd,
};

use super::index::{Index, LONGEST, Scale};
use super::{Mp4, TRACK, sample_entry};
use crate::colorimetry::Appearance;
use crate::record::RecordError;

/// Creates a matrix from nine numbers in row order.
fn matrix([a, b, u, c, d, v, x, y, w]: [i32; 9]) -> Matrix {
    Matrix {
        a,
        b,
        u,
        c,
        d,
        v,
        x,
        y,
        w,
    }
}

impl Mp4 {
    /// Returns the appearance of pictures, as far as the parameter sets or the track specify it.
    fn appearance(&self) -> Appearance {
        let said = self.header.info().map(|info| info.appearance);
        said.unwrap_or_default().within(self.track.appearance)
    }

    /// Returns the `moov` of an ordinary file (with an index) or of a fragmented one (without).
    pub(super) fn moov(&self, index: Option<&Index>) -> Result<Moov, RecordError> {
        let (width, height) = (self.track.width as u16, self.track.height as u16);
        let visual = Visual {
            data_reference_index: 1,
            width,
            height,
            ..Default::default()
        };
        let appearance = self.appearance();
        let (codec, sets) = (self.track.codec, &self.header);
        let entry = sample_entry::of(codec, sets, self.in_band, visual, &appearance)?;
        // The width at which players show the picture.
        let shown_width = match appearance.sample_aspect {
            Some((wide, high)) => f64::from(width) * f64::from(wide) / f64::from(high),
            None => width.into(),
        };
        let timescale = self.timescale;
        let scale = match index {
            Some(index) => index.scale(timescale, self.track.rate.frames()),
            None => Scale {
                from: timescale,
                to: timescale,
            },
        };
        // Players stop at this duration, and the last picture may be presented later than it is
        // decoded.
        let duration = match index {
            Some(_) => scale.apply(self.shown_end()),
            None => 0,
        };
        let edts = self.edts(scale, index.is_some());
        let parts = edts.as_ref().and_then(|edts| edts.elst.as_ref());
        let shown = match parts.filter(|_| index.is_some()) {
            Some(parts) => parts.entries.iter().map(|part| part.segment_duration).sum(),
            None => duration,
        };
        let stsd = Stsd {
            codecs: vec![entry],
        };
        let stbl = match index {
            Some(index) => index.tables(stsd, scale),
            None => Stbl {
                stsd,
                stco: Some(Stco::default()),
                ..Default::default()
            },
        };
        let dinf = Dinf {
            dref: Dref {
                entries: vec![Url::default().into()],
            },
        };
        let trak = Trak {
            tkhd: Tkhd {
                track_id: TRACK,
                duration: shown,
                enabled: true,
                in_movie: true,
                width: FixedPoint::new(shown_width.min(u16::MAX.into()) as u16, 0),
                height: FixedPoint::new(height, 0),
                matrix: matrix(self.track.matrix),
                ..Default::default()
            },
            edts,
            mdia: Mdia {
                mdhd: Mdhd {
                    timescale: scale.to,
                    duration,
                    language: "und".into(),
                    ..Default::default()
                },
                hdlr: Hdlr {
                    handler: FourCC::new(b"vide"),
                    name: "video".into(),
                },
                minf: Minf {
                    vmhd: Some(Vmhd::default()),
                    dinf,
                    stbl,
                    ..Default::default()
                },
            },
            ..Default::default()
        };
        let trex = Trex {
            track_id: TRACK,
            default_sample_description_index: 1,
            default_sample_duration: self.period.min(LONGEST.into()) as u32,
            ..Default::default()
        };
        Ok(Moov {
            mvhd: Mvhd {
                timescale: scale.to,
                duration: shown,
                next_track_id: TRACK + 1,
                ..Default::default()
            },
            mvex: index.is_none().then(|| Mvex {
                mehd: None,
                trex: vec![trex],
            }),
            trak: vec![trak],
            ..Default::default()
        })
    }

    /// Returns the end of the last picture's presentation, in units of time.
    fn shown_end(&self) -> u64 {
        self.end.max(self.shown + self.period)
    }

    /// Returns an edit list if only a part is shown. Its length is unknown until the end.
    fn edts(&self, scale: Scale, is_whole: bool) -> Option<Edts> {
        let shown = self.track.shown?;
        let units = |ns| scale.apply(self.units(ns));
        let from = units(shown.from);
        let end = scale.apply(self.shown_end());
        let to = shown.to.map_or(end, |to| units(to).min(end));
        let part = |segment_duration, media_time| ElstEntry {
            segment_duration,
            media_time,
            media_rate: 1.into(),
        };
        let delay = Some(units(shown.at)).filter(|delay| *delay > 0);
        let delay = delay.map(|delay| part(delay, None));
        let length = if is_whole { to.saturating_sub(from) } else { 0 };
        let entries = delay.into_iter().chain([part(length, Some(from))]);
        let elst = Some(Elst {
            entries: entries.collect(),
        });
        Some(Edts { elst })
    }
}
