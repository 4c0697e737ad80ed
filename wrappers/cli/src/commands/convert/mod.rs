//! `videostream convert`: converts one file to another.

mod copy;
mod lost;
mod packets;
mod pictures;

use std::fs;
use std::io::{self, Read, Seek};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use videostream::encode::{AccessUnits, Codec};
use videostream::mp4::Mp4Reader;
use videostream::{FrameRate, record};

use crate::args::{self, CodecName};
use crate::failure::{ARGUMENTS, Failure, GENERAL};
use crate::output::Output;
use crate::{pipes, signals};

use self::packets::Source;

#[derive(clap::Args)]
#[command(after_help = "\
The file extensions select the formats: .h264, .264, .h265, .265 and .hevc are Annex B byte streams,
.mp4 is MP4 (as input also .m4v and .mov), .y4m is raw video. Byte streams have no timestamps:
frame n is shown at exactly n / fps, in the display order of the stream (B pictures). The
timestamps of an MP4 are kept; its first video track is read.
The output appears when it is complete, or complete up to where Ctrl-C or a change of the picture
size ends it; until then an existing file of that name stays.
Where a stream is damaged, frames that can't be decoded are left out up to the next key frame,
and counted.

Examples:
  videostream convert clip.h264 clip.mp4             without encoding again
  videostream convert -F 30000/1001 clip.hevc clip.mp4
  videostream convert clip.mp4 clip.h265             a byte stream for other programs
  videostream convert clip.h264 clip.y4m             decoded
  videostream convert -b 8Mbps clip.y4m clip.mp4     encoded")]
pub(crate) struct Args {
    /// Frames per second [default: the stream's, else 30]
    #[arg(short = 'F', long, value_name = "N")]
    fps: Option<FrameRate>,
    /// Codec of a byte stream whose extension does not tell
    #[arg(long, value_name = "NAME", ignore_case = true, value_enum)]
    codec: Option<CodecName>,
    /// Bit rate of the encoder in kbit/s, or with a unit (5000, 5000kbps, 5Mbps)
    #[arg(short, long, value_name = "RATE", default_value = "5000", value_parser = args::bitrate)]
    bitrate: u32,
    /// The file to read
    input: PathBuf,
    /// The file to write
    output: PathBuf,
}

/// Summary of a conversion.
#[derive(Serialize)]
struct Converted<'a> {
    file: &'a Path,
    frames: u64,
    width: u32,
    height: u32,
    fps: f64,
    duration_ms: u64,
    /// Pictures that could not be decoded: damaged, referring to a damaged one, or in the decoder
    /// at that time.
    damaged_frames: u64,
    /// Pictures at the beginning that refer to missing ones: before the first key frame, leading
    /// it, or of an unfinished intra refresh.
    skipped_frames: u64,
    /// Properties of the input that the output lacks.
    #[serde(skip)]
    lost: Vec<String>,
}

/// Kind of a file by its extension.
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
        let kind = by_option.or_else(|| self.kind(&self.input)).or_else(|| {
            let extension = self.input.extension()?.to_ascii_lowercase();
            ["m4v", "mov"]
                .iter()
                .any(|other| extension == *other)
                .then_some(Kind::Mp4)
        });
        kind.ok_or_else(|| {
            let why = format_args!(
                "{}: reads .mp4, .m4v, .mov, .h264, .264, .h265, .265, .hevc and .y4m; for byte \
                 streams with other extensions, set --codec",
                self.input.display()
            );
            Failure::new(ARGUMENTS, why)
        })
    }

    /// Opens a file as a source of packets.
    fn source<R: Read + Seek>(
        &self,
        from: Kind,
        file: R,
        output: &Output,
    ) -> Result<Source<R>, Failure> {
        if let Kind::Stream(codec) = from {
            return Ok(Source::Stream(codec, AccessUnits::new(codec, file)));
        }
        if self.fps.is_some() && self.kind(&self.output) != Some(Kind::Y4m) {
            let why = format_args!(
                "{} has timestamps, which are kept: --fps is for byte streams and .y4m",
                self.input.display()
            );
            return Err(Failure::new(ARGUMENTS, why));
        }
        let reader = Mp4Reader::new(file).map_err(|error| match error.kind() {
            io::ErrorKind::NotSeekable => {
                broken(self, "an MP4 is read from a file, not from a pipe")
            }
            _ => reading(self)(error),
        })?;
        let others = reader.info().other_tracks;
        if others > 0 {
            output.note(format_args!(
                "{}: only the first video track is read, not the {others} after it",
                self.input.display()
            ));
        }
        Ok(Source::Mp4(reader.into()))
    }
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<(), Failure> {
    let from = args.input_kind()?;
    let to = args.kind(&args.output);
    check_apart(args)?;
    signals::listen()?;
    let (file, bar) = open(&args.input, output)?;
    let converted = convert(args, (from, to), file, output);
    let converted = converted.map_err(|failure| failure.about(args.input.display()))?;
    bar.finish_and_clear();
    if signals::stopped() {
        return Err(stopped(args, converted.frames));
    }
    if !converted.lost.is_empty() {
        output.note(format_args!(
            "{} can't store everything that {} has: {}; write to a .mp4 to keep that",
            args.output.display(),
            args.input.display(),
            converted.lost.join(", ")
        ));
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
        let until = match from {
            Kind::Y4m => "",
            _ => ", each time up to the next key frame",
        };
        output.print(format_args!(
            "damaged   {} frames left out{until}",
            converted.damaged_frames
        ))?;
    }
    if converted.skipped_frames > 0 {
        output.print(format_args!(
            "skipped   {} frames at the beginning, which need frames before it",
            converted.skipped_frames
        ))?;
    }
    Ok(())
}

fn convert<'a>(
    args: &'a Args,
    kinds: (Kind, Option<Kind>),
    file: impl Read + Seek,
    output: &Output,
) -> Result<Converted<'a>, Failure> {
    match kinds {
        (Kind::Y4m, Some(Kind::Y4m)) => {
            let why = "nothing to convert: both files are .y4m";
            Err(Failure::new(ARGUMENTS, why))
        }
        (from, Some(Kind::Y4m)) => pictures::decode(args, &mut args.source(from, file, output)?),
        (from @ (Kind::Stream(_) | Kind::Mp4), _) => {
            let mut source = args.source(from, file, output)?;
            record::check_path(&args.output, source.codec())?;
            copy::copy(args, &mut source)
        }
        (Kind::Y4m, to) => {
            let codec = match to {
                Some(Kind::Stream(codec)) => codec,
                _ => Codec::H264,
            };
            record::check_path(&args.output, codec)?;
            pictures::encode(args, codec, file, output)
        }
    }
}

/// Checks that the output does not overwrite the input.
fn check_apart(args: &Args) -> Result<(), Failure> {
    let file = |path: &Path| {
        let about = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
        Some((about.dev(), about.ino()))
    };
    match (file(&args.input), file(&args.output)) {
        (Some(from), Some(to)) if from == to => {
            let why = format_args!(
                "{} is the input itself, which would be overwritten: give the output another name",
                args.output.display()
            );
            Err(Failure::new(ARGUMENTS, why))
        }
        _ => Ok(()),
    }
}

/// Opens a file, with a progress bar on the terminal.
fn open(path: &Path, output: &Output) -> Result<(impl Read + Seek + use<>, ProgressBar), Failure> {
    let fail =
        |error: io::Error| Failure::new(GENERAL, format_args!("{}: {error}", path.display()));
    let input = pipes::Input::open(path).map_err(fail)?;
    let bar = ProgressBar::new(input.file.metadata().map_err(fail)?.len());
    if output.json || output.is_quiet() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    if let Ok(style) =
        ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec}, {eta} left")
    {
        bar.set_style(style);
    }
    Ok((bar.wrap_read(input), bar))
}

/// Returns what was read after `number` others, or `None` at the end. If the user stops the
/// command, the end comes after the first picture at the earliest, if there is one.
fn read<T>(args: &Args, number: u64, read: io::Result<Option<T>>) -> Result<Option<T>, Failure> {
    match read {
        Ok(Some(read)) if number == 0 || !signals::stopped() => Ok(Some(read)),
        _ if signals::stopped() => Ok(None),
        read => read.map_err(reading(args)),
    }
}

/// Returns the failure of a conversion that the user stopped after `frames` frames.
fn stopped(args: &Args, frames: u64) -> Failure {
    let file = args.output.display();
    let why = match frames {
        0 => format!("stopped before the end, without a picture: {file} is not written"),
        _ => format!("stopped before the end: {file} has the first {frames} frames"),
    };
    Failure::new(GENERAL, why)
}

/// Returns the failure of an input without pictures, unless the user stopped the command.
fn nothing(args: &Args, why: &str) -> Failure {
    if signals::stopped() {
        return stopped(args, 0);
    }
    broken(args, why)
}

/// Waits for a reader if the output is a FIFO.
fn wait_for_reader(args: &Args) -> Result<pipes::Reader, Failure> {
    pipes::wait_for_reader(&args.output).ok_or_else(|| stopped(args, 0))
}

fn reading(args: &Args) -> impl Fn(io::Error) -> Failure + use<'_> {
    |error| Failure::new(GENERAL, format_args!("{}: {error}", args.input.display()))
}

fn broken(args: &Args, why: &str) -> Failure {
    Failure::new(GENERAL, format_args!("{}: {why}", args.input.display()))
}
