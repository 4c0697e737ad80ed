//! The packets of a byte stream, with times.

use std::io::Read;

use videostream::FrameRate;
use videostream::encode::{AccessUnits, Codec, Packet, ParameterSets, StreamInfo};

use super::{Args, nothing, read};
use crate::failure::Failure;
use crate::recording;

/// The rate that was asked for, else the stream's, else 30 frames a second.
fn rate(args: &Args, info: &StreamInfo) -> FrameRate {
    let default = recording::NOMINAL;
    args.fps.or(info.rate).unwrap_or(default)
}

/// Lets `each` see the packets of a stream from the first key frame on, and what the stream is. The first packet has
/// all parameter sets that came before it.
pub(super) fn packets(
    args: &Args,
    codec: Codec,
    file: impl Read,
    mut each: impl FnMut(&Packet<'_>, &StreamInfo, FrameRate) -> Result<(), Failure>,
) -> Result<(StreamInfo, FrameRate), Failure> {
    let mut units = AccessUnits::new(codec, file);
    let mut sets = ParameterSets::new(codec);
    let mut has_key = false;
    let mut known = None;
    let mut number = 0;
    let mut read_before = 0;
    while let Some(unit) = read(args, read_before, units.next())? {
        read_before += 1;
        let Some((info, rate)) = known else {
            // Nothing can be shown before a key frame.
            sets.add_all(unit);
            let is_key = Packet::new(codec, unit, 0, 0).is_key();
            has_key |= is_key;
            let Some(info) = sets.info().filter(|_| is_key && sets.is_complete()) else {
                continue;
            };
            let rate = rate(args, &info);
            known = Some((info, rate));
            let first = with_sets(codec, unit, &sets);
            each(&Packet::new(codec, &first, 0, 0), &info, rate)?;
            number = 1;
            continue;
        };
        let time_ns = rate.time_ns(number);
        each(&Packet::new(codec, unit, time_ns, time_ns), &info, rate)?;
        number += 1;
    }
    known.ok_or_else(|| match has_key {
        true => nothing(args, "no usable parameter sets before any key frame"),
        false => nothing(args, "no key frame in it"),
    })
}

/// A unit with those sets in front that it does not bring along.
fn with_sets(codec: Codec, unit: &[u8], sets: &ParameterSets) -> Vec<u8> {
    let mut own = ParameterSets::new(codec);
    own.add_all(unit);
    match own == *sets {
        true => unit.to_vec(),
        false => [&sets.to_bytes(), unit].concat(),
    }
}
