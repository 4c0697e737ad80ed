//! The subcommands.

mod devices;
mod receive;
mod stream;

use crate::failure::Failure;
use crate::output::Output;

/// What to do.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// List cameras, encoders, decoders and converters with their formats
    Devices(devices::Args),
    /// Share a camera or the test pattern with any number of processes
    Stream(stream::Args),
    /// Read a shared stream: check frames, measure latency and drops
    Receive(receive::Args),
}

impl Command {
    pub(crate) fn run(&self, output: &Output) -> Result<(), Failure> {
        match self {
            Self::Devices(args) => devices::run(args, output),
            Self::Stream(args) => stream::run(args, output),
            Self::Receive(args) => receive::run(args, output),
        }
    }
}
