//! The `videostream` command: a thin layer over the library, one file per subcommand.

mod activation;
mod args;
mod commands;
mod connect;
mod decoding;
mod failure;
mod input;
mod metrics;
mod open;
mod output;
mod pipes;
mod progress;
mod recording;
mod signals;

use std::process::ExitCode;
use std::sync::LazyLock;

use clap::{CommandFactory as _, FromArgMatches as _};

use commands::Command;
use failure::Failure;
use output::Output;

/// `3.0.0 (1a2b3c, x86_64-unknown-linux-gnu, gnu)`.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    use videostream::build::{LIBC, REVISION, TARGET, VERSION};
    format!("{VERSION} ({REVISION}, {TARGET}, {LIBC})")
});

/// Share, receive and record video frames on embedded Linux without a copy.
#[derive(clap::Parser)]
#[command(
    name = "videostream",
    version = VERSION.as_str(),
    propagate_version = true,
    arg_required_else_help = false,
    after_help = "\
Examples:
  videostream demo                                  everything at once, even without a camera
  videostream devices                               list cameras and codecs of this machine
  videostream stream /tmp/camera                    share the first camera on a socket
  videostream receive /tmp/camera                   read it in another process, measure latency
  videostream record --ipc /tmp/camera out.mp4      and record it in a third

A SOCKET that starts with / is a file; any other name is an abstract socket, without a file.

Exit status: 0 success, 1 other errors, 2 invalid arguments, 3 camera missing, unplugged or not
permitted, 4 no encoder or decoder, 5 socket errors, 6 timeout."
)]
struct Cli {
    #[command(flatten)]
    output: Output,
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    // A negative number is an invalid value, not an unknown option.
    let negative = |argument: clap::Arg| {
        let takes_values = argument.get_action().takes_values();
        argument.allow_negative_numbers(takes_values)
    };
    let command = Cli::command().mut_subcommands(|command| command.mut_args(negative));
    let cli = Cli::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit());
    match signals::prepare().and_then(|()| cli.command.run(&cli.output)) {
        // The reader has closed the output: no error.
        Ok(()) | Err(Failure::OutputClosed) => ExitCode::SUCCESS,
        Err(Failure::Said { code, message, .. }) => {
            output::error(&message);
            ExitCode::from(code)
        }
    }
}
