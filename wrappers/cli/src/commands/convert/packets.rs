//! The packets of a byte stream, with times.

use std::io::Read;

use videostream::FrameRate;
use videostream::encode::{AccessUnits, Codec, Packet, StreamInfo, stream_info};

use super::{Args, broken, nothing, read};
use crate::failure::Failure;
use crate::recording;

/// What the first key frame says of a stream.
fn about(args: &Args, packet: &Packet<'_>) -> Result<StreamInfo, Failure> {
    let info = stream_info(packet.codec(), packet.parameter_sets());
    let info =
        info.ok_or_else(|| broken(args, "no usable parameter sets before the first key frame"))?;
    Ok(info)
}

/// The rate that was asked for, else the stream's, else 30 frames a second.
fn rate(args: &Args, info: &StreamInfo) -> FrameRate {
    let default = recording::NOMINAL;
    args.fps.or(info.rate).unwrap_or(default)
}

/// Lets `each` see the packets of a stream from the first key frame on, and what the stream is.
pub(super) fn packets(
    args: &Args,
    codec: Codec,
    file: impl Read,
    mut each: impl FnMut(&Packet<'_>, &StreamInfo, FrameRate) -> Result<(), Failure>,
) -> Result<(StreamInfo, FrameRate), Failure> {
    let mut units = AccessUnits::new(codec, file);
    let mut known = None;
    let mut number = 0;
    let mut read_before = 0;
    while let Some(unit) = read(args, read_before, units.next())? {
        read_before += 1;
        let first = Packet::new(codec, unit, 0, 0);
        let (info, rate) = match known {
            Some(known) => known,
            // Nothing can be shown before.
            None if !first.is_key() => continue,
            None => {
                let info = about(args, &first)?;
                *known.insert((info, rate(args, &info)))
            }
        };
        let time_ns = rate.time_ns(number);
        each(&Packet::new(codec, unit, time_ns, time_ns), &info, rate)?;
        number += 1;
    }
    known.ok_or_else(|| nothing(args, "no key frame in it"))
}
