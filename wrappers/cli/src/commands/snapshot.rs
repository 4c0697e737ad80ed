//! `videostream snapshot`: one picture to a file.

use std::path::PathBuf;

use serde::Serialize;
use videostream::encode::Codec;
use videostream::hal::time::now_ns;
use videostream::{Picture, snapshot};

use crate::args::InputArgs;
use crate::decoding::still;
use crate::failure::{Failure, GENERAL, TIMEOUT};
use crate::input::{Info, Input, Shot};
use crate::output::Output;
use crate::signals;

#[derive(clap::Args)]
#[command(after_help = "\
The file's name says the format: .png, .jpg or .jpeg. It appears complete or not at all.
A .jpg of a camera that gives JPEG (MJPG) holds the camera's own bytes. Of packets of H.264 or H.265 the
next key frame is decoded; a host makes one for whoever joins.

Examples:
  videostream snapshot picture.png                   the first camera
  videostream snapshot --pattern picture.jpg
  videostream snapshot --ipc /tmp/camera now.png     from a stream that is shared")]
pub(crate) struct Args {
    #[command(flatten)]
    input: InputArgs,
    /// The file
    #[arg(value_name = "OUTPUT")]
    file: PathBuf,
}

/// What was saved.
#[derive(Serialize)]
struct Saved<'a> {
    file: &'a PathBuf,
    width: u32,
    height: u32,
    /// Pixel format of the source.
    format: String,
    /// The source's number of the frame.
    sequence: u64,
}

impl Args {
    /// Why there is no picture: the user wanted an end first.
    fn stopped(&self) -> Failure {
        let file = self.file.display();
        let why = format_args!("stopped before the first picture: {file} is not written");
        Failure::new(GENERAL, why)
    }

    /// Saves a picture; `None` if it is no key frame of packets.
    fn save(
        &self,
        info: &Info,
        picture: &Picture<'_>,
        sets: &[u8],
    ) -> Result<Option<Saved<'_>>, Failure> {
        let format = picture.fourcc();
        let save = |picture: &Picture<'_>| {
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
            return save(picture).map(Some);
        };
        let bytes = picture.planes().first().map_or(&[][..], |plane| plane.data);
        still(codec, bytes, sets, save)?.transpose()
    }
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<(), Failure> {
    snapshot::check_path(&args.file)?;
    signals::listen()?;
    let Some(mut input) = Input::open(&args.input, false, output)? else {
        return Err(args.stopped());
    };
    let deadline = now_ns().saturating_add(args.input.timeout.as_nanos() as u64);
    let saved = loop {
        let sets = input.parameters()?;
        let sets = sets.as_deref().unwrap_or_default();
        let save =
            |info: &Info<'_>, shot: &Shot<'_>| shot.see(|picture| args.save(info, picture, sets));
        let Some(seen) = input.next(save)? else {
            return Err(args.stopped());
        };
        if let Some(saved) = seen?? {
            break saved;
        }
        if now_ns() > deadline {
            let seconds = args.input.timeout.as_secs_f64();
            let why = format_args!("packets, but no key frame to begin with (waited {seconds} s)");
            return Err(Failure::new(TIMEOUT, why));
        }
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
