//! `videostream snapshot`: saves one picture to a file.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use videostream::Picture;
use videostream::encode::Codec;
use videostream::hal::time::now_ns;
use videostream::snapshot::{self, RecordError};

use crate::args::InputArgs;
use crate::decoding::First;
use crate::failure::{Failure, GENERAL, TIMEOUT};
use crate::input::{Info, Input, InputFrame};
use crate::output::Output;
use crate::signals;

#[derive(clap::Args)]
#[command(after_help = "\
The file's extension selects the format: .png, .jpg or .jpeg. It appears complete or not at all.
A .jpg of a JPEG camera (MJPG) holds the camera's bytes unchanged. Frames that are truncated, empty
or marked as damaged by the source are skipped. From H.264 or H.265 packets, the next key frame is
decoded; a host sends one to each new client.

Examples:
  videostream snapshot picture.png                   the first camera
  videostream snapshot --pattern picture.jpg
  videostream snapshot --ipc /tmp/camera now.png     from a shared stream")]
pub(crate) struct Args {
    #[command(flatten)]
    input: InputArgs,
    /// The file to write
    #[arg(value_name = "OUTPUT")]
    file: PathBuf,
}

/// The saved picture, in JSON.
#[derive(Serialize)]
struct Saved<'a> {
    file: &'a PathBuf,
    width: u32,
    height: u32,
    /// Pixel format of the source.
    format: String,
    /// The source's sequence number of the frame.
    sequence: u64,
}

impl Args {
    /// Returns the failure of a command that the user stops before the first picture.
    fn stopped(&self) -> Failure {
        let file = self.file.display();
        let why = format_args!("stopped before the first picture: {file} is not written");
        Failure::new(GENERAL, why)
    }

    /// Saves a picture. Returns `None` for a packet that is not a key frame, and the reason as an
    /// inner error for a broken picture.
    fn save(
        &self,
        info: &Info,
        picture: &Picture<'_>,
        sets: &[u8],
        first: &mut First,
    ) -> Result<Result<Option<Saved<'_>>, String>, Failure> {
        let format = picture.fourcc();
        let save = |picture: &Picture<'_>| -> Result<_, RecordError> {
            snapshot::save(&self.file, picture, info.appearance.colorimetry)?;
            Ok(Saved {
                file: &self.file,
                width: picture.width(),
                height: picture.height(),
                format: format.to_string(),
                sequence: info.sequence,
            })
        };
        let Some(codec) = Codec::of_packets(format) else {
            return match save(picture) {
                Err(error) if error.is_broken_jpeg() => Ok(Err(error.to_string())),
                saved => Ok(Ok(Some(saved?))),
            };
        };
        let bytes = picture.planes().first().map_or(&[][..], |plane| plane.data);
        Ok(Ok(first.see(codec, bytes, sets, save)?.transpose()?))
    }
}

/// Frames that could not be saved.
#[derive(Default)]
struct Unfit {
    frames: u64,
    /// Broken frames among them, and what was wrong with the last one.
    broken: u64,
    last: String,
}

impl Unfit {
    fn note(&mut self, why: String, output: &Output) {
        output.detail(format_args!("left out a frame: {why}"));
        self.frames += 1;
        self.broken += 1;
        self.last = why;
    }

    fn failure(&self, args: &Args) -> Failure {
        let (broken, last) = (self.broken, &self.last);
        let seconds = args.input.timeout.as_secs_f64();
        let why = match broken {
            0 => {
                format!("packets, but no key frame (waited {seconds} s)")
            }
            _ => {
                format!("no intact frame among {broken} (waited {seconds} s); the last one: {last}")
            }
        };
        Failure::new(TIMEOUT, why)
    }
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<(), Failure> {
    snapshot::check_path(&args.file)?;
    signals::listen()?;
    let Some(mut input) = Input::open(&args.input, false, output)? else {
        return Err(args.stopped());
    };
    let deadline = now_ns().saturating_add(args.input.timeout.as_nanos() as u64);
    let mut unfit = Unfit::default();
    let mut first = First::default();
    let saved = loop {
        let sets = input.parameters()?;
        let sets = sets.as_deref().unwrap_or_default();
        let save = |info: &Info, frame: &InputFrame<'_>| {
            if info.corrupted {
                return Ok(Err("the source marked it as damaged".to_owned()));
            }
            frame.see(|picture| args.save(info, picture, sets, &mut first))?
        };
        let seen = match input.next(save) {
            Err(Failure::Said { code: TIMEOUT, .. }) if unfit.frames > 0 => {
                return Err(unfit.failure(args));
            }
            seen => seen?,
        };
        let Some(seen) = seen else {
            return Err(args.stopped());
        };
        match seen.map_err(|failure| failure.about(args.file.display()))? {
            Ok(Some(saved)) => break saved,
            Ok(None) => unfit.frames += 1,
            Err(why) => unfit.note(why, output),
        }
        let now = now_ns();
        if now > deadline {
            return Err(unfit.failure(args));
        }
        input.wait_at_most(Duration::from_nanos(deadline - now));
    };
    if output.json {
        return output.print_json(&saved);
    }
    output.print(format_args!(
        "saved     {}x{} {} as {}",
        saved.width,
        saved.height,
        saved.format,
        saved.file.display()
    ))
}
