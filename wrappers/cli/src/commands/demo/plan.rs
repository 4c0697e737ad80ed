//! The demo's plan: its source, its encoder, and the command lines of its processes.

use std::fmt;
use std::path::PathBuf;
use std::process::Command;

use videostream::camera::CameraMemory;
use videostream::encode::{CodecError, Encoder};
use videostream::hal::format::FourCc;
use videostream::{CameraSource, FrameRate};

use super::Args;
use crate::args::{Io, SourceArgs};
use crate::failure::{Failure, GENERAL};
use crate::open::{About, Opened, PATTERN_SIZE, first_working};
use crate::output::Output;
use crate::recording;

/// Bits per second of the recording.
const BITRATE: u32 = 5_000_000;

/// The plan of a demo.
pub(super) struct Plan {
    pub(super) about: About,
    pub(super) why: String,
    pub(super) encoder: Option<String>,
    /// Why there is no encoder.
    no_encoder: Option<CodecError>,
    pub(super) files: [PathBuf; 2],
    device: Option<PathBuf>,
    io: Io,
    rate: Option<FrameRate>,
    buffers: u32,
    socket: String,
    length: String,
}

impl Plan {
    /// Chooses source and encoder.
    pub(super) fn new(args: &Args, output: &Output) -> Result<Self, Failure> {
        let (opened, why) = choose(&args.source, output)?;
        let about = opened.about();
        let device = match &opened {
            Opened::Camera(camera) => camera.camera().map(|stream| stream.path().to_owned()),
            Opened::Pattern(_) => None,
        };
        // The host opens it again.
        drop(opened);
        let (encoder, no_encoder) = match encoder(&about, args.source.fps) {
            Ok(encoder) => (Some(recording::name(&encoder)), None),
            Err(why) => (None, Some(why)),
        };
        Ok(Self {
            why,
            encoder,
            no_encoder,
            files: ["demo.mp4", "demo.png"].map(|name| args.output_dir.join(name)),
            device,
            io: args.source.io,
            rate: args.source.fps,
            buffers: args.source.buffers,
            socket: format!("videostream-demo-{}", std::process::id()),
            length: match args.frames {
                Some(frames) => format!("{frames} frames"),
                None => format!("{} s", args.seconds.as_secs_f64()),
            },
            about,
        })
    }

    /// Returns the host's command line.
    pub(super) fn host(&self) -> Result<Command, Failure> {
        let mut command = child("stream")?;
        match &self.device {
            Some(path) => command
                .arg("--device")
                .arg(path)
                .args(["--io", CameraMemory::from(self.io).name()]),
            None => command.arg("--pattern"),
        };
        let size = format!("{}x{}", self.about.width, self.about.height);
        command
            .args(["--size", &size, "--format", &self.about.format])
            .args(["--buffers", &self.buffers.to_string()])
            .arg(&self.socket);
        if let Some(rate) = self.rate {
            command.args(["--fps", &rate.to_string()]);
        }
        Ok(command)
    }

    /// Returns the command line of the checking client.
    pub(super) fn checker(&self, frames: Option<u64>) -> Result<Command, Failure> {
        let mut command = child("receive")?;
        command
            .args(["--every", "--timeout", "15"])
            .args(["--frames", &frames.unwrap_or(0).to_string()])
            .arg(&self.socket);
        Ok(command)
    }

    /// Returns the command line of the recording client, if there is an encoder.
    pub(super) fn recorder(&self, frames: Option<u64>) -> Option<Result<Command, Failure>> {
        self.encoder.as_ref()?;
        Some(child("record").map(|mut command| {
            let [recording, picture] = &self.files;
            command
                .args(["--ipc", &self.socket, "--timeout", "15"])
                .args(["--bitrate", &(BITRATE / 1_000).to_string()])
                .args(["--frames", &frames.unwrap_or(0).to_string()])
                .arg("--picture")
                .arg(picture)
                .arg("--")
                .arg(recording);
            command
        }))
    }
}

/// Chooses the source: the user's, the first working camera that can be recorded, or the pattern.
/// Returns it with the reason.
fn choose(args: &SourceArgs, output: &Output) -> Result<(Opened, String), Failure> {
    if args.pattern || args.device.is_some() {
        return Ok((Opened::new(args, output)?, "as asked".to_owned()));
    }
    let wanted = SourceArgs {
        near: Some(PATTERN_SIZE),
        ..args.clone()
    };
    let why = match first_working(&wanted) {
        Ok(stream) => {
            let camera = Opened::Camera(CameraSource::new(stream));
            match encoder(&camera.about(), args.fps) {
                Ok(_) | Err(CodecError::NoBackend { .. }) => {
                    return Ok((camera, "the first camera that works".to_owned()));
                }
                Err(why) => format!("{} can't be recorded: {why}", camera.about().source),
            }
        }
        Err(why) => why.to_string(),
    };
    Ok((Opened::pattern(args)?, why))
}

/// Opens an encoder for the source, to check that there is one.
fn encoder(about: &About, rate: Option<FrameRate>) -> Result<Encoder, CodecError> {
    let fourcc = FourCc::parse(&about.format).unwrap_or(FourCc::NV12);
    let like = (fourcc, about.width, about.height);
    Encoder::new(&recording::config(
        videostream::encode::Codec::H264,
        like,
        rate,
        BITRATE,
    ))
}

/// Returns a command line of this program.
fn child(subcommand: &str) -> Result<Command, Failure> {
    let program = std::env::current_exe()
        .map_err(|error| Failure::new(GENERAL, format_args!("this program's path: {error}")))?;
    let mut command = Command::new(program);
    command
        .args([subcommand, "--quiet", "--report"])
        .args(["--parent", &std::process::id().to_string()]);
    Ok(command)
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "One process shares video frames, two others read the same memory: one checks every\n\
             frame and measures latency, one records.\n"
        )?;
        writeln!(f, "source    {}", self.about)?;
        writeln!(f, "because   {}", self.why)?;
        writeln!(f, "memory    {}", self.about.memory)?;
        match (&self.encoder, &self.no_encoder) {
            (Some(encoder), _) => writeln!(f, "encoder   {encoder}")?,
            (None, Some(why)) => writeln!(f, "encoder   none, nothing is recorded: {why}")?,
            (None, None) => {}
        }
        writeln!(f, "socket    {} (abstract, no file)", self.socket)?;
        writeln!(f, "for       {}, or until Ctrl-C\n", self.length)
    }
}
