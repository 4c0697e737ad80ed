//! The box that tells of the track, with the index of all samples or without.

use mp4_atom::{
    Dinf, Dref, FixedPoint, FourCC, Hdlr, Mdhd, Mdia, Minf, Moov, Mvex, Mvhd, Stbl, Stco, Stsd,
    Tkhd, Trak, Trex, Url, Visual, Vmhd,
};

use super::index::{Index, Scale};
use super::{Mp4, TRACK, sample_entry};
use crate::record::RecordError;

impl Mp4 {
    /// With an index: of an ordinary file; without: of one in fragments.
    pub(super) fn moov(&self, index: Option<&Index>) -> Result<Moov, RecordError> {
        let (width, height) = (self.track.width as u16, self.track.height as u16);
        let visual = Visual {
            data_reference_index: 1,
            width,
            height,
            ..Default::default()
        };
        let entry = sample_entry::of(self.track.codec, &self.header, visual)?;
        let timescale = self.timescale;
        let scale = match index {
            Some(index) => index.scale(timescale, self.track.rate.frames()),
            None => Scale {
                from: timescale,
                to: timescale,
            },
        };
        let duration = match index {
            Some(_) => scale.apply(self.end),
            None => 0,
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
                duration,
                enabled: true,
                in_movie: true,
                width: FixedPoint::new(width, 0),
                height: FixedPoint::new(height, 0),
                ..Default::default()
            },
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
            default_sample_duration: self.period,
            ..Default::default()
        };
        Ok(Moov {
            mvhd: Mvhd {
                timescale: scale.to,
                duration,
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
}
