//! The subcommands.

pub(crate) mod controls;
mod convert;
mod demo;
mod devices;
mod formats;
mod info;
mod media;
mod receive;
mod record;
mod snapshot;
mod stream;
mod top;

use crate::failure::Failure;
use crate::output::Output;

/// A subcommand.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Run a demonstration: one process shares video, two others check and record it
    Demo(demo::Args),
    /// List cameras, encoders, decoders and converters with their formats
    Devices(devices::Args),
    /// Show what this machine supports, or everything about one device
    Info(info::Args),
    /// List, read and set the controls of a camera or codec: brightness, exposure, ...
    Controls(controls::Args),
    /// Show and set up the links and formats of a camera's media graph (MIPI CSI-2)
    Media(media::Args),
    /// Share a camera or the test pattern with any number of processes
    Stream(stream::Args),
    /// Read a shared stream: check frames, measure latency and drops
    Receive(receive::Args),
    /// Record to a file: H.264 or H.265 as MP4 or byte stream, or raw video
    Record(record::Args),
    /// Convert a file: put a byte stream into an MP4, decode it, or encode raw video
    Convert(convert::Args),
    /// Show the state of a host and its clients
    Top(top::Args),
    /// Save one picture as PNG or JPEG
    Snapshot(snapshot::Args),
}

impl Command {
    pub(crate) fn run(&self, output: &Output) -> Result<(), Failure> {
        match self {
            Self::Demo(args) => demo::run(args, output),
            Self::Devices(args) => devices::run(args, output),
            Self::Info(args) => info::run(args, output),
            Self::Controls(args) => controls::run(args, output),
            Self::Media(args) => media::run(args, output),
            Self::Stream(args) => stream::run(args, output),
            Self::Receive(args) => receive::run(args, output),
            Self::Record(args) => record::run(args, output),
            Self::Convert(args) => convert::run(args, output),
            Self::Top(args) => top::run(args, output),
            Self::Snapshot(args) => snapshot::run(args, output),
        }
    }
}
