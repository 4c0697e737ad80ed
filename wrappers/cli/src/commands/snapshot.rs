//! `videostream snapshot`: one picture to a file.

use std::path::PathBuf;

use serde::Serialize;
use videostream::snapshot;

use crate::args::InputArgs;
use crate::failure::Failure;
use crate::input::Input;
use crate::output::Output;
use crate::signals;

#[derive(clap::Args)]
#[command(after_help = "\
The file's name says the format: .png, .jpg or .jpeg. It appears complete or not at all.

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

pub(crate) fn run(args: &Args, output: &Output) -> Result<(), Failure> {
    snapshot::check_path(&args.file)?;
    signals::listen()?;
    let Some(mut input) = Input::open(&args.input, false, output)? else {
        return Ok(());
    };
    let saved = input.next(|info, picture| {
        snapshot::save(&args.file, picture, info.colorimetry)?;
        Ok::<_, Failure>(Saved {
            file: &args.file,
            width: picture.width(),
            height: picture.height(),
            format: picture.fourcc().to_string(),
            sequence: info.sequence,
        })
    })?;
    // None: Ctrl-C came first.
    let Some(saved) = saved.transpose()? else {
        return Ok(());
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
