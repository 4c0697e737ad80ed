//! Packets as they are, into another kind of file.

use std::fs;
use std::io::Read;

use videostream::encode::{AccessUnits, Codec, OrderError, Packet, PictureOrder, has_b_slices};
use videostream::record::{Recorder, Track};

use super::packets::packets;
use super::{Args, Converted, Kind, broken, open, read, wait_for_reader};
use crate::failure::Failure;
use crate::output::Output;

fn disordered(args: &Args, error: OrderError) -> Failure {
    let why = format!("when its pictures are shown is not known: {error}");
    broken(args, &why)
}

/// Which picture in the order of showing each one is, from the first key frame on; `None` for those of no use.
fn order(args: &Args, codec: Codec, output: &Output) -> Result<Vec<Option<u64>>, Failure> {
    let (file, bar) = open(&args.input, output)?;
    let mut units = AccessUnits::new(codec, file);
    let mut order = None;
    while let Some(unit) = read(args, 1, units.next())? {
        if order.is_none() && Packet::new(codec, unit, 0, 0).is_key() {
            order = Some(PictureOrder::new(codec));
        }
        if let Some(order) = &mut order {
            order.add(unit).map_err(|error| disordered(args, error))?;
        }
    }
    bar.finish_and_clear();
    Ok(order.map(PictureOrder::finish).unwrap_or_default())
}

/// Fills a recording with the packets of a byte stream.
pub(super) fn copy<'a>(
    args: &'a Args,
    codec: Codec,
    file: impl Read,
    output: &Output,
) -> Result<Converted<'a>, Failure> {
    // An MP4 needs times; a byte stream has none. What is no file can't be read twice.
    let timed = args.kind(&args.output) == Some(Kind::Mp4);
    let is_file = fs::metadata(&args.input).is_ok_and(|about| about.is_file());
    let mut recorder = None;
    let mut refused = false;
    let mut shown: Option<Vec<Option<u64>>> = None;
    let mut number = 0;
    let copied = packets(args, codec, file, |packet, info, rate| {
        let recorder = match &mut recorder {
            Some(recorder) => recorder,
            none => {
                if timed && is_file && info.reordered != Some(false) {
                    shown = Some(order(args, codec, output)?);
                }
                // The source is still there after a power loss.
                let track = Track::new(codec, info.width, info.height, rate).durable(false);
                let _reader = wait_for_reader(args)?;
                none.insert(Recorder::create(&args.output, &track)?)
            }
        };
        let Some(shown) = &shown else {
            let is_reordered =
                info.reordered == Some(true) || has_b_slices(codec, packet.annex_b());
            if timed && is_reordered {
                refused = true;
                let why = "its pictures are shown in another order than they are stored in (B \
                           pictures), which is found only in a file";
                return Err(broken(args, why));
            }
            return Ok(recorder.write(packet)?);
        };
        // The end of `shown` is that of the file, or of what was read of it.
        let place = shown.get(number).copied().flatten();
        number += 1;
        match place {
            Some(place) => {
                let (shown_ns, decoded_ns) = (rate.time_ns(place), packet.dts_ns());
                let packet = Packet::new(codec, packet.annex_b(), shown_ns, decoded_ns);
                Ok(recorder.write(&packet)?)
            }
            None => Ok(()),
        }
    });
    if refused && recorder.take().is_some() {
        // What there is of it is no conversion; the source is still there.
        let _ = fs::remove_file(&args.output);
    }
    let (info, rate) = copied?;
    let recorded = recorder
        .map(Recorder::finish)
        .transpose()?
        .unwrap_or_default();
    Ok(Converted {
        file: &args.output,
        frames: recorded.frames,
        width: info.width,
        height: info.height,
        fps: rate.as_f64(),
        duration_ms: recorded.duration_ns / 1_000_000,
        damaged_frames: 0,
    })
}
