//! `videostream stream`: shares a source through a host.

use std::time::Duration;

use rustix::fs::fstat;
use serde::Serialize;
use videostream::hal::format::FourCc;
use videostream::hal::time::now_ns;
use videostream::share::{Access, HostBuilder};
use videostream::{
    ConvertedSource, DecodedSource, EncodedSource, Error, Host, Source, Stream, jpeg,
};

use crate::activation;
use crate::args::{self, ChildArgs, CodecName, SourceArgs};
use crate::failure::{ARGUMENTS, CAMERA, Failure};
use crate::metrics::{Metrics, Summary};
use crate::open::{About, Opened};
use crate::output::Output;
use crate::progress::{Event, Progress, Reporter};
use crate::recording;
use crate::signals;

/// Time without a frame after which the user gets a note.
const SILENCE_NS: u64 = 5_000_000_000;
/// Pause between two attempts to open a missing camera.
const RETRY: Duration = Duration::from_secs(1);

#[derive(clap::Args)]
#[command(after_help = "\
Shares frames until Ctrl-C. A client that disconnects, crashes or stalls costs no other client a
frame. When the signal of a grabber changes, the next frame has the new format; without a signal,
clients wait.

Examples:
  videostream stream /tmp/camera                       the first camera that works
  videostream stream -d /dev/video2 -r 1920x1080 --format NV12 -F 60 /tmp/camera
  videostream stream --pattern --frames 300 /tmp/camera
  videostream stream --encode -b 4Mbps /tmp/camera     packets of H.264
  videostream stream --encode h265 /tmp/camera         packets of H.265
  videostream stream --scale 640x360 --convert RGB3 /tmp/small   for a neural network
  videostream stream --mode 666 /run/camera            clients of every user
  videostream stream --reconnect                       as a service: docs/systemd.md
  videostream stream --reconnect -d /dev/v4l/by-path/platform-xhci-hcd.0-usb-0:1:1.0-video-index0 \\
    /run/camera                                        survive unplugging")]
pub(crate) struct Args {
    #[command(flatten)]
    source: SourceArgs,
    /// End after this many frames; 0 for never
    #[arg(short, long, value_name = "N", default_value = "0", value_parser = args::frames)]
    frames: u64,
    /// Wait for a camera that is missing, unplugged or failing, and continue with it under any
    /// device number; clients stay connected
    #[arg(long)]
    reconnect: bool,
    /// Scale the picture to this size, before it is shared or encoded
    #[arg(long, value_name = "WxH", value_parser = args::size)]
    scale: Option<(u32, u32)>,
    /// Convert the picture to this pixel format, before it is shared or encoded: 8-bit YUV, RGB or
    /// grey
    #[arg(long, value_name = "FOURCC", value_parser = FourCc::parse)]
    convert: Option<FourCc>,
    /// Share packets of this codec instead of pictures; a new client starts at a key frame
    #[arg(
        short,
        long,
        value_name = "CODEC",
        num_args = 0..=1,
        default_missing_value = "h264",
        ignore_case = true,
        value_enum
    )]
    encode: Option<CodecName>,
    /// With --encode: bit rate in kbit/s, or with a unit (5000, 5000kbps, 5Mbps)
    #[arg(
        short,
        long,
        value_name = "RATE",
        default_value = "5000",
        value_parser = args::bitrate,
        requires = "encode"
    )]
    bitrate: u32,
    /// With --encode: frames from one key frame to the next; 0 for key frames only when a client
    /// connects [default: one second of frames]
    #[arg(long, value_name = "N", requires = "encode")]
    gop: Option<u32>,
    /// Expire a frame after this time even if no newer one follows; 0 for never
    #[arg(long, value_name = "MS", default_value_t = 0)]
    lifespan: u32,
    /// Permission bits of the socket file; more than 600 admits clients of other users
    #[arg(long, value_name = "OCTAL", default_value = "600", value_parser = args::mode)]
    mode: u32,
    #[command(flatten)]
    child: ChildArgs,
    /// Socket that clients connect to: a path that starts with /, or an abstract name; omit it
    /// where a systemd socket unit passes the socket
    socket: Option<String>,
}

/// Summary in JSON.
#[derive(Serialize)]
struct Shared {
    #[serde(flatten)]
    metrics: Summary,
    #[serde(flatten)]
    about: About,
    /// Clients connected at the end.
    clients: usize,
    /// Clients refused, and evicted.
    refused: u64,
    evicted: u64,
    /// How often the source changed its format or buffers.
    changes: u64,
    /// Inodes of the buffers, one per memory part: clients see the same ones.
    inodes: Vec<u64>,
}

/// Returns a host builder for the socket of the service manager, if any, else for the named one.
fn host(args: &Args) -> Result<HostBuilder, Failure> {
    let listen_pid = activation::listen_pid();
    let given = activation::take()?;
    let mode = given.as_ref().and_then(|given| given.mode);
    let access = match mode.unwrap_or(args.mode) & 0o066 {
        0 => Access::SameUser,
        // The file's permissions decide.
        _ => Access::Anyone,
    };
    match (given, &args.socket) {
        (Some(given), Some(name)) if *name != given.name => {
            let why = format_args!(
                "{name}: the service manager passed the socket {}; omit the name",
                given.name
            );
            Err(Failure::new(ARGUMENTS, why))
        }
        (Some(given), _) => {
            let host = Host::builder(given.name).access(access);
            Ok(host.listener(given.socket))
        }
        (None, Some(name)) => Ok(Host::builder(name).mode(args.mode).access(access)),
        (None, None) => Err(activation::none(listen_pid.as_deref())),
    }
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<(), Failure> {
    // Before any other thread is started.
    let host = host(args)?;
    signals::listen()?;
    let reporter = Reporter::new(&args.child)?;
    let Some(opened) = open(args, output)? else {
        output.note("stopped before a source was found: nothing was shared");
        return Ok(());
    };
    let about = opened.about();
    let source: Box<dyn Source> = match opened {
        Opened::Camera(camera) => Box::new(camera.reconnect(args.reconnect)),
        Opened::Pattern(pattern) => Box::new(pattern),
    };
    let source = converted(args, output, source)?;
    let source = encoded(args, output, source).map_err(|failure| failure.about(&about.source))?;
    serve(args, output, reporter, host, source, about)
}

/// Adds decoding of JPEG, scaling and conversion to the source, as the arguments say.
fn converted(
    args: &Args,
    output: &Output,
    mut source: Box<dyn Source>,
) -> Result<Box<dyn Source>, Failure> {
    let buffers = args.source.buffers;
    let is_converted = args.scale.is_some() || args.convert.is_some();
    let from = source.layout().fourcc;
    if jpeg::is_jpeg(from) && (is_converted || args.encode.is_some()) {
        let decoded = DecodedSource::new(source, buffers)?;
        let to = decoded.layout().fourcc;
        output.note(format_args!("decoding {from} to {to}"));
        source = Box::new(decoded);
    }
    if !is_converted {
        return Ok(source);
    }
    let has = source.layout();
    let (width, height) = args.scale.unwrap_or((has.width, has.height));
    let fourcc = args.convert.unwrap_or(has.fourcc);
    let converted = ConvertedSource::new(source, fourcc, width, height, buffers)?;
    output.note(format_args!(
        "converting {} {}x{} to {fourcc} {width}x{height}",
        has.fourcc, has.width, has.height
    ));
    Ok(Box::new(converted))
}

/// Adds an encoder to the source, if the arguments say so.
fn encoded(
    args: &Args,
    output: &Output,
    source: Box<dyn Source>,
) -> Result<Box<dyn Source>, Failure> {
    let Some(codec) = args.encode else {
        return Ok(source);
    };
    let layout = source.layout();
    let like = (layout.fourcc, layout.width, layout.height);
    let mut config = recording::config(codec.into(), like, source.rate(), args.bitrate);
    if let Some(frames) = args.gop {
        config = config.gop(frames);
    }
    let encoded = EncodedSource::new(source, &config, args.source.buffers)?;
    output.note(format_args!(
        "encoding {}",
        recording::name(encoded.encoder())
    ));
    Ok(Box::new(encoded))
}

/// Opens the source; with `--reconnect`, waits for the camera. Returns `None` if the user stops the
/// command.
fn open(args: &Args, output: &Output) -> Result<Option<Opened>, Failure> {
    let mut told = String::new();
    while !signals::stopped() {
        match Opened::new(&args.source, output) {
            Ok(opened) => return Ok(Some(opened)),
            Err(Failure::Said {
                code: CAMERA,
                message,
                ..
            }) if args.reconnect => {
                if told != message {
                    output.note(format_args!("waiting: {message}"));
                    activation::status(format_args!("waiting: {message}"));
                    told = message;
                }
                signals::sleep(RETRY);
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(None)
}

/// Reports trouble of the source, and when it continues.
#[derive(Default)]
struct News {
    trouble: Option<String>,
    generation: u32,
    changes: u64,
}

impl News {
    fn tell(&mut self, source: &impl Source, output: &Output) {
        if let Some(error) = source.trouble() {
            let text = error.to_string();
            if self.trouble.as_ref() != Some(&text) {
                output.note(format_args!("waiting: {text}"));
                activation::status(format_args!("waiting: {text}"));
                self.trouble = Some(text);
            }
        } else if source.generation() != self.generation {
            self.generation = source.generation();
            self.trouble = None;
            self.changes += 1;
            let layout = source.layout();
            let (format, width, height) = (layout.fourcc, layout.width, layout.height);
            output.note(format_args!("now sharing {width}x{height} {format}"));
            activation::status(format_args!("sharing {width}x{height} {format}"));
        }
    }
}

fn serve(
    args: &Args,
    output: &Output,
    mut reporter: Reporter,
    host: HostBuilder,
    source: Box<dyn Source>,
    about: About,
) -> Result<(), Failure> {
    let mut stream = Stream::new(host, source)?;
    // The shared format, which may be a conversion of the source's.
    let layout = stream.source().layout();
    let about = About {
        format: layout.fourcc.to_string(),
        width: layout.width,
        height: layout.height,
        ..about
    };
    stream.set_lifespan_ns(u64::from(args.lifespan) * 1_000_000);
    if !reporter.is_enabled() {
        let sharing = format!("sharing {about} on {}", stream.host().socket());
        activation::ready(&sharing);
        output.note(sharing);
        output.detail(format_args!("memory: {}", about.memory));
    }
    reporter.send(&Event::Started);

    let mut metrics = Metrics::new();
    let mut last_ns = now_ns();
    let mut news = News::default();
    while !signals::stopped() && (args.frames == 0 || metrics.frames < args.frames) {
        let published = match stream.step(signals::slice()) {
            Ok(published) => published.and_then(|_| stream.latest()),
            Err(Error::EndOfStream) => break,
            Err(error) => return Err(error.into()),
        };
        if let Some(frame) = published {
            let sent_ns = frame.published_ns;
            metrics.frame(frame.bytes_used, sent_ns);
            let latency = sent_ns.saturating_sub(frame.timestamp_ns);
            metrics.latency.add(latency);
            last_ns = sent_ns;
        } else if stream.source().trouble().is_some() {
            last_ns = now_ns();
        } else if now_ns().saturating_sub(last_ns) > SILENCE_NS {
            output.note(format_args!("{}: no frame for 5 seconds", about.source));
            last_ns = now_ns();
        }
        news.tell(stream.source(), output);
        metrics.dropped = stream.dropped();
        reporter.progress(|| Progress {
            frames: metrics.frames,
            dropped: metrics.dropped,
            held: stream.host().clients().map(|client| client.held).sum(),
            latency_p50_ns: metrics.latency.percentile_ns(50.0),
            latency_p99_ns: metrics.latency.percentile_ns(99.0),
        });
    }
    if !reporter.is_enabled() {
        activation::stopping();
    }
    let stats = stream.host().stats();
    let shared = Shared {
        metrics: metrics.summary(),
        clients: stream.host().clients().count(),
        refused: stats.refused,
        evicted: stats.evicted,
        changes: news.changes,
        inodes: inodes(stream.source()),
        about,
    };
    // Clients get their goodbye before the user gets the summary.
    drop(stream);
    if reporter.is_enabled() {
        let summary = serde_json::to_value(&shared).unwrap_or_default();
        reporter.send(&Event::Ended { summary });
        return Ok(());
    }
    if output.json {
        return output.print_json(&shared);
    }
    output.print(format_args!(
        "frames    {}\ndropped   {} by the source",
        shared.metrics, metrics.dropped
    ))
}

/// Returns the inodes of all buffers.
fn inodes(source: &impl Source) -> Vec<u64> {
    (0..source.buffer_count())
        .flat_map(|index| source.buffer_fds(index))
        .filter_map(|(fd, _)| Some(fstat(fd).ok()?.st_ino))
        .collect()
}
