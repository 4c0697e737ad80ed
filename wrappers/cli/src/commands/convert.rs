//! `videostream convert`: from one file to another.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use videostream::colorimetry::Range;
use videostream::decode::{DecodeError, Decoder, DecoderConfig};
use videostream::encode::{
    AccessUnits, Backend, Codec, Encoder, OrderError, Packet, PictureOrder, StreamInfo,
    has_b_slices, stream_info,
};
use videostream::record::{Recorder, Track};
use videostream::y4m::{Y4mReader, Y4mWriter};
use videostream::{FrameRate, record};

use crate::args::{self, CodecName};
use crate::failure::{ARGUMENTS, Failure, GENERAL};
use crate::output::Output;
use crate::{recording, signals};

#[derive(clap::Args)]
#[command(after_help = "\
The files' names say the formats: .h264, .264, .h265, .265 and .hevc are Annex B byte streams, .mp4
is MP4, .y4m is raw video. Byte streams have no times: frame n is shown at n / fps, exactly. In which order
frames are shown they do say (B pictures); a stream that may have some is read twice, for an MP4.
Where a stream is damaged, what can't be decoded is left out up to the next key frame, and counted.

Examples:
  videostream convert clip.h264 clip.mp4             nothing is encoded anew
  videostream convert -F 30000/1001 clip.hevc clip.mp4
  videostream convert clip.h264 clip.y4m             decoded
  videostream convert -b 8Mbps clip.y4m clip.mp4     encoded")]
pub(crate) struct Args {
    /// Frames per second [default: what the stream says, else 30]
    #[arg(short = 'F', long, value_name = "N", value_parser = args::rate)]
    fps: Option<FrameRate>,
    /// The compression of a byte stream whose name does not say it
    #[arg(long, value_name = "NAME", ignore_case = true, value_enum)]
    codec: Option<CodecName>,
    /// Where pictures are encoded: kbit/s, or with a unit (5000, 5000kbps, 5Mbps)
    #[arg(short, long, value_name = "RATE", default_value = "5000", value_parser = args::bitrate)]
    bitrate: u32,
    /// The file to read
    input: PathBuf,
    /// The file to write
    output: PathBuf,
}

/// What was converted.
#[derive(Serialize)]
struct Converted<'a> {
    file: &'a Path,
    frames: u64,
    width: u32,
    height: u32,
    fps: f64,
    duration_ms: u64,
    /// Pictures that could not be decoded: damaged, referring to one that is, or waiting in the decoder then.
    damaged_frames: u64,
}

/// What a file's name says.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Stream(Codec),
    Mp4,
    Y4m,
}

impl Args {
    fn kind(&self, path: &Path) -> Option<Kind> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        Some(match &*extension {
            "mp4" => Kind::Mp4,
            "y4m" => Kind::Y4m,
            _ => Kind::Stream(record::annex_b(path)?),
        })
    }

    fn input_kind(&self) -> Result<Kind, Failure> {
        let by_option = self.codec.map(|name| Kind::Stream(name.into()));
        let kind = by_option.or_else(|| self.kind(&self.input));
        kind.filter(|kind| *kind != Kind::Mp4).ok_or_else(|| {
            let why = format_args!(
                "{}: reads .h264, .264, .h265, .265, .hevc and .y4m; for others name the --codec",
                self.input.display()
            );
            Failure::new(ARGUMENTS, why)
        })
    }
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<(), Failure> {
    let from = args.input_kind()?;
    let to = args.kind(&args.output);
    check_apart(args)?;
    signals::listen()?;
    let (file, bar) = open(&args.input, output)?;
    let converted = match (from, to) {
        (Kind::Stream(codec), Some(Kind::Y4m)) => decode(args, codec, file)?,
        (Kind::Stream(codec), _) => {
            record::check_path(&args.output, codec)?;
            copy(args, codec, file, output)?
        }
        (_, Some(Kind::Y4m)) | (Kind::Mp4, _) => {
            let why = "nothing to convert: both files are .y4m";
            return Err(Failure::new(ARGUMENTS, why));
        }
        (Kind::Y4m, _) => {
            let codec = match to {
                Some(Kind::Stream(codec)) => codec,
                _ => Codec::H264,
            };
            record::check_path(&args.output, codec)?;
            encode(args, codec, file)?
        }
    };
    bar.finish_and_clear();
    if signals::stopped() {
        let why = format_args!(
            "stopped before the end: {} has the first {} frames",
            converted.file.display(),
            converted.frames
        );
        return Err(Failure::new(GENERAL, why));
    }
    if output.json {
        return output.print_json(&converted);
    }
    output.print(format_args!(
        "converted {} frames, {:.2} s, {}x{}, to {}",
        converted.frames,
        converted.duration_ms as f64 / 1e3,
        converted.width,
        converted.height,
        converted.file.display()
    ))?;
    if converted.damaged_frames > 0 {
        output.print(format_args!(
            "damaged   {} frames left out, each time up to the next key frame",
            converted.damaged_frames
        ))?;
    }
    Ok(())
}

/// Refuses to write over what is to be read.
fn check_apart(args: &Args) -> Result<(), Failure> {
    let file = |path: &Path| {
        let about = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
        Some((about.dev(), about.ino()))
    };
    match (file(&args.input), file(&args.output)) {
        (Some(from), Some(to)) if from == to => {
            let why = format_args!(
                "{} is the input itself, which would be lost: give the output another name",
                args.output.display()
            );
            Err(Failure::new(ARGUMENTS, why))
        }
        _ => Ok(()),
    }
}

/// The file, whose reading moves a bar on the terminal.
fn open(path: &Path, output: &Output) -> Result<(impl Read + use<>, ProgressBar), Failure> {
    let fail =
        |error: io::Error| Failure::new(GENERAL, format_args!("{}: {error}", path.display()));
    let file = File::open(path).map_err(fail)?;
    let bar = ProgressBar::new(file.metadata().map_err(fail)?.len());
    if output.json || output.is_quiet() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    if let Ok(style) =
        ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec}, {eta} left")
    {
        bar.set_style(style);
    }
    Ok((bar.wrap_read(file), bar))
}

fn reading(args: &Args) -> impl Fn(io::Error) -> Failure + use<'_> {
    |error| Failure::new(GENERAL, format_args!("{}: {error}", args.input.display()))
}

fn writing(args: &Args) -> impl Fn(io::Error) -> Failure + use<'_> {
    |error| Failure::new(GENERAL, format_args!("{}: {error}", args.output.display()))
}

fn broken(args: &Args, why: &str) -> Failure {
    Failure::new(GENERAL, format_args!("{}: {why}", args.input.display()))
}

/// What the first key frame says of a stream.
fn about(args: &Args, packet: &Packet<'_>) -> Result<StreamInfo, Failure> {
    let info = stream_info(packet.codec(), packet.parameter_sets());
    let info =
        info.ok_or_else(|| broken(args, "no usable parameter sets before the first key frame"))?;
    Ok(info)
}

fn disordered(args: &Args, error: OrderError) -> Failure {
    let why = format!("when its pictures are shown is not known: {error}");
    broken(args, &why)
}

/// Which picture in the order of showing each one is, from the first key frame on; `None` for those of no use.
fn order(args: &Args, codec: Codec, output: &Output) -> Result<Vec<Option<u64>>, Failure> {
    let (file, bar) = open(&args.input, output)?;
    let mut units = AccessUnits::new(codec, file);
    let mut order = None;
    while let Some(unit) = units.next().map_err(reading(args))? {
        if signals::stopped() {
            break;
        }
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

/// The rate that was asked for, else the stream's, else 30 frames a second.
fn rate(args: &Args, info: &StreamInfo) -> FrameRate {
    let default = recording::NOMINAL;
    args.fps.or(info.rate).unwrap_or(default)
}

/// Lets `each` see the packets of a stream from the first key frame on, and what the stream is.
fn packets(
    args: &Args,
    codec: Codec,
    file: impl Read,
    mut each: impl FnMut(&Packet<'_>, &StreamInfo, FrameRate) -> Result<(), Failure>,
) -> Result<(StreamInfo, FrameRate), Failure> {
    let mut units = AccessUnits::new(codec, file);
    let mut known = None;
    let mut number = 0;
    while let Some(unit) = units.next().map_err(reading(args))? {
        if signals::stopped() {
            break;
        }
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
    known.ok_or_else(|| broken(args, "no key frame in it"))
}

fn copy<'a>(
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

/// Whether a stream may be decoded again after this, from a key frame on.
fn is_damage(error: &DecodeError) -> bool {
    matches!(
        error,
        DecodeError::Corrupt { .. } | DecodeError::KeyFrameNeeded
    )
}

fn decode<'a>(args: &'a Args, codec: Codec, file: impl Read) -> Result<Converted<'a>, Failure> {
    let mut decoder = Decoder::new(&DecoderConfig::new(codec))?;
    let mut writer = None;
    let mut frames = 0;
    let mut take = |decoder: &mut Decoder, rate| {
        loop {
            let decoded = match decoder.receive() {
                Ok(Some(decoded)) => decoded,
                Ok(None) => return Ok(()),
                Err(error) if is_damage(&error) => continue,
                Err(error) => return Err(Failure::from(error)),
            };
            let picture = decoded.picture();
            let writer = match &mut writer {
                Some(writer) => writer,
                none => {
                    let file = File::create(&args.output).map_err(writing(args))?;
                    let like = (picture.fourcc(), picture.width(), picture.height());
                    let writer = Y4mWriter::new(file, like, rate, Range::Limited);
                    none.insert(writer.map_err(writing(args))?)
                }
            };
            writer.write(picture).map_err(writing(args))?;
            frames += 1;
        }
    };
    let in_software = codec == Codec::H264 && decoder.backend() == Backend::Software;
    let mut refused = false;
    let mut submitted = 0;
    let decoded = packets(args, codec, file, |packet, _, rate| {
        if in_software && has_b_slices(codec, packet.annex_b()) {
            refused = true;
            let why = "it has B pictures, which OpenH264 does not decode exactly";
            return Err(broken(args, why));
        }
        match decoder.submit(packet) {
            Ok(()) => {}
            Err(error) if is_damage(&error) => {}
            Err(error) => return Err(error.into()),
        }
        submitted += 1;
        take(&mut decoder, rate)
    });
    if refused && fs::metadata(&args.output).is_ok_and(|about| about.is_file()) {
        let _ = fs::remove_file(&args.output);
    }
    let (info, rate) = decoded?;
    decoder.finish()?;
    take(&mut decoder, rate)?;
    if frames == 0 {
        let why = format!("none of its {submitted} frames can be decoded: they are damaged");
        return Err(broken(args, &why));
    }
    Ok(Converted {
        file: &args.output,
        frames,
        width: info.width,
        height: info.height,
        fps: rate.as_f64(),
        duration_ms: rate.time_ns(frames) / 1_000_000,
        damaged_frames: u64::saturating_sub(submitted, frames),
    })
}

fn encode<'a>(args: &'a Args, codec: Codec, file: impl Read) -> Result<Converted<'a>, Failure> {
    let mut reader = Y4mReader::new(BufReader::new(file)).map_err(reading(args))?;
    let rate = args.fps.unwrap_or(reader.rate());
    let layout = *reader.layout();
    let like = (layout.fourcc, layout.width, layout.height);
    let config = recording::config(codec, like, Some(rate), args.bitrate);
    let mut encoder = Encoder::new(&config)?;
    let create = || Recorder::create(&args.output, &Track::from(&config).durable(false));
    let mut recorder = None;
    let mut number = 0;
    while let Some(picture) = reader.read().map_err(reading(args))? {
        if signals::stopped() {
            break;
        }
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
        return Err(broken(args, "no complete picture in it"));
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
        damaged_frames: 0,
    })
}
