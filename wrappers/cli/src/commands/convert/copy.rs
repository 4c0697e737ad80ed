//! Copies packets unchanged into another kind of file.

use std::collections::VecDeque;
use std::io::{Read, Seek};

use videostream::encode::{Codec, Packet, PictureOrder};
use videostream::mp4::Mp4Info;
use videostream::record::{RecordError, Recorder, Track};

use super::packets::{About, Source, packets};
use super::{Args, Converted, Kind, lost, wait_for_reader};
use crate::failure::{Failure, GENERAL};

/// A recorder, and packets whose time is not known yet.
struct Copy {
    codec: Codec,
    recorder: Recorder,
    /// Derives times, which an MP4 needs, from the picture order of a byte stream.
    order: Option<PictureOrder>,
    /// Bytes of the waiting packets; `None` for one that can't be parsed.
    waiting: VecDeque<Option<Vec<u8>>>,
    /// Packets taken out of the queue.
    number: u64,
    damaged: u64,
    /// Leading pictures of the first key frame, which refer to frames before it.
    skipped: u64,
}

impl Copy {
    fn add(
        &mut self,
        packet: &Packet<'_>,
        time_ns: impl Fn(u64) -> u64,
    ) -> Result<(), RecordError> {
        let Some(order) = &mut self.order else {
            return self.recorder.write(packet);
        };
        self.waiting.push_back(match order.add(packet.annex_b()) {
            Ok(()) => Some(packet.annex_b().to_vec()),
            Err(_) => None,
        });
        self.write(time_ns)
    }

    /// Writes the packets whose time is known by now.
    fn write(&mut self, time_ns: impl Fn(u64) -> u64) -> Result<(), RecordError> {
        while let Some(shown) = self.order.as_mut().and_then(PictureOrder::next) {
            match (self.waiting.pop_front().flatten(), shown) {
                (Some(bytes), Some(number)) => {
                    let dts_ns = time_ns(self.number - self.skipped);
                    let packet = Packet::new(self.codec, &bytes, time_ns(number), dts_ns);
                    self.recorder.write(&packet)?;
                }
                (Some(_), None) => self.skipped += 1,
                (None, _) => self.damaged += 1,
            }
            self.number += 1;
        }
        Ok(())
    }
}

/// Gives a track the times of the input file, whose first packet is shown at `first_ns`.
fn timed(track: Track, info: &Mp4Info, first_ns: u64) -> Track {
    let track = track
        .timescale(info.timescale)
        .appearance(info.appearance)
        .matrix(info.matrix);
    match info.shown_ns {
        (from, None) if first_ns >= from => track,
        (from, to) => track.shown(from, to, info.delay_ns),
    }
}

/// Copies the packets of a byte stream or MP4 into the output.
pub(super) fn copy<'a>(
    args: &'a Args,
    source: &mut Source<impl Read + Seek>,
) -> Result<Converted<'a>, Failure> {
    let (codec, of_file) = (source.codec(), source.info());
    let has_times = args.kind(&args.output) == Some(Kind::Mp4);
    let needs_times = has_times && of_file.is_none();
    let mut hidden = 0;
    let mut copy = None;
    let mut other = None;
    let copied = packets(args, source, |packet, info, rate| {
        let copy = match &mut copy {
            Some(copy) => copy,
            none => {
                // No sync to disk: after a power loss there is still the input.
                let track = Track::new(codec, info.width, info.height, rate);
                let track = track.durable(false).whole(true);
                let track = match of_file {
                    Some(info) => timed(track, &info, packet.pts_ns()),
                    None => track,
                };
                let _reader = wait_for_reader(args)?;
                none.insert(Copy {
                    codec,
                    recorder: Recorder::create(&args.output, &track)?,
                    order: needs_times.then(|| PictureOrder::new(codec)),
                    waiting: VecDeque::new(),
                    number: 0,
                    damaged: 0,
                    skipped: 0,
                })
            }
        };
        hidden += u64::from(of_file.is_some_and(|info| !info.shows(packet.pts_ns())));
        match copy.add(packet, |number| rate.time_ns(number)) {
            Err(error @ RecordError::Changed { .. }) => {
                other = Some(error.to_string());
                Err(error.into())
            }
            other => Ok(other?),
        }
    });
    // When the size changes, complete the file with the pictures before it.
    let about = match copied {
        Ok(about) => about,
        Err(error) => {
            if let (Some(copy), Some(why)) = (copy, other) {
                let recorded = copy.recorder.finish()?;
                let why = format_args!(
                    "{}: {why}; {} has the first {}",
                    args.input.display(),
                    args.output.display(),
                    recorded.frames
                );
                return Err(Failure::new(GENERAL, why));
            }
            return Err(error);
        }
    };
    let mut recorded = Default::default();
    let About { info, rate, .. } = about;
    let mut damaged_frames = source.missing();
    let mut skipped_frames = about.skipped;
    if let Some(mut copy) = copy {
        if let Some(order) = &mut copy.order {
            order.end();
        }
        copy.write(|number| rate.time_ns(number))?;
        damaged_frames += copy.damaged;
        skipped_frames += copy.skipped;
        recorded = copy.recorder.finish()?;
    }
    let of_file = of_file.filter(|_| !has_times);
    let lost = of_file.map(|of_file| lost::in_stream(&of_file, info.appearance, hidden));
    Ok(Converted {
        file: &args.output,
        frames: recorded.frames,
        width: info.width,
        height: info.height,
        fps: rate.as_f64(),
        duration_ms: recorded.duration_ns / 1_000_000,
        damaged_frames,
        skipped_frames,
        lost: lost.unwrap_or_default(),
    })
}
