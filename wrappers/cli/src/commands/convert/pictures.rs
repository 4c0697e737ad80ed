//! Decoding a stream into raw video, and encoding raw video.

use std::io::{self, BufReader, Read, Seek};

use videostream::decode::{CodecError, Decoder, DecoderConfig};
use videostream::encode::{Backend, Codec, Encoder, PictureOrder, has_b_slices};
use videostream::record::{RawRecorder, Recorder, Track};
use videostream::y4m::Y4mReader;

use super::packets::{About, Source, packets};
use super::{Args, Converted, broken, lost, nothing, read, reading, stopped, wait_for_reader};
use crate::args::DEFAULT_RATE;
use crate::failure::Failure;
use crate::output::Output;
use crate::{recording, signals};

/// Returns whether decoding can continue after this error, at the next key frame.
fn is_damage(error: &CodecError) -> bool {
    matches!(
        error,
        CodecError::Corrupt { .. } | CodecError::KeyFrameNeeded
    )
}

/// Counts the pictures that are not decoded, of those whose order is known by now.
fn never_shown(order: &mut PictureOrder) -> u64 {
    let known = std::iter::from_fn(|| order.next());
    known.filter(Option::is_none).count() as u64
}

/// Decodes a byte stream or MP4 into raw video.
pub(super) fn decode<'a>(
    args: &'a Args,
    source: &mut Source<impl Read + Seek>,
) -> Result<Converted<'a>, Failure> {
    let codec = source.codec();
    let mut decoder = Decoder::new(&DecoderConfig::new(codec))?;
    let of_file = source.info();
    let appearance = of_file.map(|info| info.appearance).unwrap_or_default();
    let mut not_shown = 0;
    let mut recorder = None;
    let (mut size, mut other) = (None, None);
    let mut take = |decoder: &mut Decoder, rate| {
        loop {
            let decoded = match decoder.receive() {
                Ok(Some(decoded)) => decoded,
                Ok(None) => return Ok(()),
                Err(error) if is_damage(&error) => continue,
                Err(error) => return Err(Failure::from(error)),
            };
            let picture = decoded.picture();
            if of_file.is_some_and(|info| !info.shows(decoded.pts_ns())) {
                not_shown += 1;
                continue;
            }
            let now = (picture.width(), picture.height());
            let was = *size.get_or_insert(now);
            if was != now {
                let why = format!(
                    "the stream was {}x{} and is {}x{}: start a new file",
                    was.0, was.1, now.0, now.1
                );
                other = Some(why.clone());
                return Err(broken(args, &why));
            }
            let recorder = match &mut recorder {
                Some(recorder) => recorder,
                none => {
                    let _reader = wait_for_reader(args)?;
                    let like = (picture.fourcc(), picture.width(), picture.height());
                    let appearance = decoded.appearance().within(appearance);
                    let recorder = RawRecorder::create(&args.output, like, rate, appearance)?;
                    none.insert(recorder.durable(false).whole(true))
                }
            };
            recorder.write(picture)?;
        }
    };
    let in_software = codec == Codec::H264 && decoder.backend() == Backend::Software;
    let mut submitted = 0;
    // Leading pictures of the first key frame refer to frames before it and are not decoded.
    let mut order = PictureOrder::new(codec);
    let mut leading = 0;
    // Nor are those of an intra refresh at the beginning of the stream, up to its end. After
    // damage, missing pictures count as damaged.
    let (mut refreshing, mut is_damaged) = (0, false);
    let decoded = packets(args, source, |packet, _, rate| {
        if in_software && has_b_slices(codec, packet.annex_b()) {
            let why = "it has B pictures, which OpenH264 does not decode exactly";
            return Err(broken(args, why));
        }
        match decoder.submit(packet) {
            Ok(()) => {}
            Err(error) if is_damage(&error) => is_damaged = true,
            Err(error) => return Err(error.into()),
        }
        if !is_damaged {
            refreshing = decoder.hidden();
        }
        submitted += 1;
        // A packet that can't be parsed counts as damaged.
        let _ = order.add(packet.annex_b());
        leading += never_shown(&mut order);
        take(&mut decoder, rate)
    });
    let decoded = decoded.and_then(|about| {
        decoder.finish()?;
        take(&mut decoder, about.rate)?;
        Ok(about)
    });
    let about = match (decoded, other) {
        (Ok(about), _) => about,
        // When the size changes, complete the file with the pictures before it.
        (Err(error), Some(why)) => {
            let Some(recorder) = recorder else {
                return Err(error);
            };
            let frames = recorder.finish()?.frames;
            let file = args.output.display();
            let why = format!("{why}; {file} has the first {frames}");
            return Err(broken(args, &why));
        }
        (Err(error), None) => return Err(error),
    };
    order.end();
    let skipped = leading + never_shown(&mut order) + refreshing;
    let Some(recorder) = recorder else {
        let why = match skipped == submitted {
            true => "they need frames before the first",
            false => "they are damaged",
        };
        let why = format!("none of its {submitted} frames can be decoded: {why}");
        return Err(nothing(args, &why));
    };
    let frames = recorder.finish()?.frames;
    let About { info, rate, .. } = about;
    Ok(Converted {
        file: &args.output,
        frames,
        width: info.width,
        height: info.height,
        fps: rate.as_f64(),
        duration_ms: rate.time_ns(frames) / 1_000_000,
        damaged_frames: source.missing()
            + u64::saturating_sub(submitted, frames + not_shown + skipped),
        skipped_frames: about.skipped + skipped,
        lost: of_file.as_ref().map(lost::in_pictures).unwrap_or_default(),
    })
}

/// Returns whether to keep the `pictures` read so far: raw video is truncated, or continues with
/// other data.
fn is_end(error: &io::Error, pictures: u64) -> bool {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => true,
        io::ErrorKind::InvalidData => pictures > 0,
        _ => false,
    }
}

/// Encodes raw video into a recording.
pub(super) fn encode<'a>(
    args: &'a Args,
    codec: Codec,
    file: impl Read,
    output: &Output,
) -> Result<Converted<'a>, Failure> {
    let mut reader = match Y4mReader::new(BufReader::new(file)) {
        Ok(reader) => reader,
        Err(_) if signals::stopped() => return Err(stopped(args, 0)),
        Err(error) => return Err(reading(args)(error)),
    };
    if let Some(order) = reader.interlaced() {
        output.note(format_args!(
            "warning: {}: its pictures are interlaced (I{order}), and are encoded as \
             progressive frames",
            args.input.display()
        ));
    }
    let rate = args.fps.or(reader.rate()).unwrap_or(DEFAULT_RATE);
    let layout = *reader.layout();
    let like = (layout.fourcc, layout.width, layout.height);
    let config = recording::config(codec, like, Some(rate), args.bitrate);
    let config = config.appearance(reader.appearance());
    let mut encoder = Encoder::new(&config)?;
    let create = || {
        let _reader = wait_for_reader(args)?;
        let track = Track::from(&config).durable(false).whole(true);
        Recorder::create(&args.output, &track).map_err(Failure::from)
    };
    let mut recorder = None;
    let mut number = 0;
    let mut damaged_frames = 0;
    loop {
        let picture = match reader.read() {
            Err(error) if is_end(&error, number) && !signals::stopped() => {
                output.note(format_args!("warning: {}: {error}", args.input.display()));
                damaged_frames = 1;
                break;
            }
            picture => picture,
        };
        let Some(picture) = read(args, number, picture)? else {
            break;
        };
        encoder.submit(&picture, rate.time_ns(number))?;
        number += 1;
        let recorder = match &mut recorder {
            Some(recorder) => recorder,
            none => none.insert(create()?),
        };
        while let Some(packet) = encoder.receive()? {
            recorder.write(&packet)?;
        }
    }
    let Some(mut recorder) = recorder else {
        return Err(nothing(args, "no complete picture in it"));
    };
    encoder.finish()?;
    while let Some(packet) = encoder.receive()? {
        recorder.write(&packet)?;
    }
    let recorded = recorder.finish()?;
    Ok(Converted {
        file: &args.output,
        frames: recorded.frames,
        width: layout.width,
        height: layout.height,
        fps: rate.as_f64(),
        duration_ms: recorded.duration_ns / 1_000_000,
        damaged_frames,
        skipped_frames: 0,
        lost: Vec::new(),
    })
}
