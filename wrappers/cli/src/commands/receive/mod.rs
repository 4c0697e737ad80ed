//! `videostream receive`: receives a stream, checks frames, and measures latency.

mod raw;
mod report;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

use videostream::{Client, Mode};

use self::report::Seen;
use crate::args::{self, ChildArgs};
use crate::connect;
use crate::failure::{Failure, GENERAL};
use crate::output::Output;
use crate::progress::{Event, Progress, Reporter};
use crate::signals;

#[derive(clap::Args)]
#[command(after_help = "\
Frames of the test pattern carry a number and a checksum and are checked byte for byte.
Latency is measured from capture and from publishing until this process holds the frame.

Examples:
  videostream receive /tmp/camera                  100 frames, then the figures
  videostream receive -f 0 --every /tmp/camera     every frame in order, until Ctrl-C
  videostream receive --reconnect -f 0 /tmp/camera survive restarts of the host
  videostream receive --spin 50000 --json /tmp/camera")]
pub(crate) struct Args {
    /// End after this many frames; 0 for never
    #[arg(short, long, value_name = "N", default_value = "100", value_parser = args::frames)]
    frames: u64,
    /// How long to wait for a frame, and for a host
    #[arg(short, long, value_name = "SECONDS", default_value = "5", value_parser = args::seconds)]
    timeout: Duration,
    /// Receive every frame in order, instead of always the newest
    #[arg(long)]
    every: bool,
    /// Hold this many frames at once; the host refuses clients that want more than it can spare
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..=64)
    )]
    hold: u32,
    /// Spin this long before sleeping: lower latency at the cost of a core
    #[arg(long, value_name = "US", default_value_t = 0)]
    spin: u64,
    /// Wait for a host if none is running, and for the next one when it ends
    #[arg(long)]
    reconnect: bool,
    /// Fail unless every frame is an intact frame of the test pattern
    #[arg(long, overrides_with = "no_verify")]
    verify: bool,
    /// Don't check frames [default: check those of the test pattern]
    #[arg(long)]
    no_verify: bool,
    /// Decode compressed frames from a key frame on (implies --every); damaged ones are skipped and
    /// counted
    #[arg(long)]
    decode: bool,
    /// Write the first frame's planes to a file, without padding
    #[arg(long, value_name = "FILE")]
    raw: Option<PathBuf>,
    #[command(flatten)]
    child: ChildArgs,
    /// The host's socket
    socket: String,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<(), Failure> {
    signals::listen()?;
    let mut reporter = Reporter::new(&args.child)?;
    let mode = if args.every || args.decode {
        Mode::Every
    } else {
        Mode::Newest
    };
    let builder = Client::builder(&args.socket)
        .mode(mode)
        .hold(args.hold)
        .spin(Duration::from_micros(args.spin))
        .reconnect(args.reconnect);
    let Some(mut client) = connect::connect(&builder, args.reconnect, args.timeout)? else {
        return tell(&Seen::new(), 0, &reporter, output);
    };
    if !reporter.is_enabled() {
        output.note(format_args!(
            "connected to {} (process {})",
            args.socket,
            client.ipc().host_pid()
        ));
    }
    reporter.send(&Event::Started);

    let mut seen = Seen::new();
    let mut held = VecDeque::with_capacity(args.hold as usize);
    let mut ended = Ok(());
    let endless = args.frames == 0;
    while endless || seen.metrics.frames < args.frames {
        if held.len() >= args.hold as usize {
            held.pop_front();
        }
        match connect::next(&mut client, args.reconnect, endless, args.timeout) {
            Ok(Some(frame)) => {
                let noted = seen.frame(&frame, args, output);
                noted.map_err(|failure| failure.about(&args.socket))?;
                held.push_back(frame);
            }
            Ok(None) => break,
            Err(failure) => {
                ended = Err(failure);
                break;
            }
        }
        reporter.progress(|| Progress {
            frames: seen.metrics.frames,
            dropped: seen.metrics.dropped,
            held: client.ipc().held(),
            latency_p50_ns: seen.delivery.percentile_ns(50.0),
            latency_p99_ns: seen.delivery.percentile_ns(99.0),
        });
    }
    drop(held);
    seen.finish()
        .map_err(|failure| failure.about(&args.socket))?;
    tell(&seen, client.restarts(), &reporter, output)?;
    ended?;
    match seen.first_corrupt {
        Some(why) => Err(Failure::new(
            GENERAL,
            format_args!("{} corrupt frames; the first: {why}", seen.corrupt),
        )),
        None if !seen.in_order => Err(Failure::new(GENERAL, "frames arrived out of order")),
        None => Ok(()),
    }
}

/// Reports the results to the user, or to the parent process.
fn tell(seen: &Seen, restarts: u64, reporter: &Reporter, output: &Output) -> Result<(), Failure> {
    let received = seen.received(restarts);
    if reporter.is_enabled() {
        let summary = serde_json::to_value(&received).unwrap_or_default();
        reporter.send(&Event::Ended { summary });
        return Ok(());
    }
    if output.json {
        return output.print_json(&received);
    }
    seen.print(&received, output)
}
