//! Reading packets with times from a byte stream or an MP4.

use std::io::{self, Read, Seek};

use videostream::FrameRate;
use videostream::encode::{AccessUnits, Codec, Packet, ParameterSets, StreamInfo};
use videostream::mp4::{Mp4Info, Mp4Reader};

use super::{Args, nothing, read};
use crate::args::DEFAULT_RATE;
use crate::failure::Failure;

/// A source of packets.
pub(super) enum Source<R> {
    /// A byte stream, which has no times.
    Stream(Codec, AccessUnits<R>),
    Mp4(Box<Mp4Reader<R>>),
}

impl<R: Read + Seek> Source<R> {
    pub(super) fn codec(&self) -> Codec {
        match self {
            Self::Stream(codec, _) => *codec,
            Self::Mp4(reader) => reader.info().codec,
        }
    }

    /// Returns the properties of an MP4.
    pub(super) fn info(&self) -> Option<Mp4Info> {
        match self {
            Self::Stream(..) => None,
            Self::Mp4(reader) => Some(*reader.info()),
        }
    }

    /// Returns the number of packets missing in the file.
    pub(super) fn missing(&self) -> u64 {
        match self {
            Self::Stream(..) => 0,
            Self::Mp4(reader) => reader.missing(),
        }
    }

    fn next(&mut self) -> io::Result<Option<Packet<'_>>> {
        match self {
            Self::Stream(codec, units) => {
                let unit = units.next()?;
                Ok(unit.map(|unit| Packet::new(*codec, unit, 0, 0)))
            }
            Self::Mp4(reader) => reader.next(),
        }
    }

    /// Returns the rate of the arguments, else the file's, else the stream's, else 30 frames per
    /// second.
    fn rate(&self, args: &Args, info: &StreamInfo) -> FrameRate {
        let of_file = self.info().and_then(|info| info.rate);
        let default = DEFAULT_RATE;
        args.fps.or(of_file).or(info.rate).unwrap_or(default)
    }
}

/// Properties of a stream, and the number of pictures before its first key frame.
pub(super) struct About {
    pub(super) info: StreamInfo,
    pub(super) rate: FrameRate,
    pub(super) skipped: u64,
}

/// Passes the packets of a source to `each`, from the first key frame on, with the stream's
/// properties. The first packet includes all parameter sets that came before it.
pub(super) fn packets(
    args: &Args,
    source: &mut Source<impl Read + Seek>,
    mut each: impl FnMut(&Packet<'_>, &StreamInfo, FrameRate) -> Result<(), Failure>,
) -> Result<About, Failure> {
    let codec = source.codec();
    let is_timed = source.info().is_some();
    let mut sets = ParameterSets::new(codec);
    let mut has_key = false;
    let mut known = None;
    let mut skipped = 0;
    let mut number = 0;
    let mut read_before = 0;
    while let Some(packet) = read(args, read_before, source.next())? {
        read_before += 1;
        let unit = packet.annex_b();
        let Some((info, rate)) = known else {
            // Packets before the first key frame can't be decoded.
            sets.add_all(unit);
            has_key |= packet.is_key();
            let Some(info) = sets
                .info()
                .filter(|_| packet.is_key() && sets.is_complete())
            else {
                skipped += u64::from(packet.has_picture());
                continue;
            };
            let first = with_sets(codec, unit, &sets);
            let (pts_ns, dts_ns) = (packet.pts_ns(), packet.dts_ns());
            let rate = source.rate(args, &info);
            known = Some((info, rate));
            each(&Packet::new(codec, &first, pts_ns, dts_ns), &info, rate)?;
            number = 1;
            continue;
        };
        if is_timed {
            each(&packet, &info, rate)?;
        } else {
            let time_ns = rate.time_ns(number);
            each(&Packet::new(codec, unit, time_ns, time_ns), &info, rate)?;
        }
        number += 1;
    }
    let about = known.map(|(info, rate)| About {
        info,
        rate,
        skipped,
    });
    about.ok_or_else(|| {
        let why = match (has_key, codec) {
            (false, _) => "no key frame, at which decoding starts",
            (true, Codec::H265) => {
                "no usable parameter sets (VPS, SPS, PPS) with any key frame or before"
            }
            (true, _) => "no usable parameter sets (SPS, PPS) with any key frame or before",
        };
        let what = "record the stream from its beginning, or have the encoder repeat them";
        nothing(args, &format!("{why}: {what}"))
    })
}

/// Returns an access unit, preceded by the parameter sets that it lacks.
fn with_sets(codec: Codec, unit: &[u8], sets: &ParameterSets) -> Vec<u8> {
    let mut own = ParameterSets::new(codec);
    own.add_all(unit);
    match own == *sets {
        true => unit.to_vec(),
        false => [&sets.to_bytes(), unit].concat(),
    }
}
