//! `videostream top`: shows the state of a host and its clients without holding frames.

use std::fmt::Write;
use std::io::IsTerminal;
use std::time::Duration;

use serde::Serialize;
use videostream::hal::ring::wake;
use videostream::hal::time::now_ns;
use videostream::share::{ClientStatus, Report};
use videostream::{Client, Mode};

use crate::args;
use crate::connect;
use crate::failure::Failure;
use crate::output::{self, Output};
use crate::signals;

/// How long a host may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(clap::Args)]
#[command(after_help = "\
Connects as a client that holds no frames, and does not affect other clients.

Examples:
  videostream top /tmp/camera
  videostream top --once --json /tmp/camera")]
pub(crate) struct Args {
    /// Print the state once and exit
    #[arg(long)]
    once: bool,
    /// Time between updates
    #[arg(short, long, value_name = "SECONDS", default_value = "1", value_parser = args::seconds)]
    interval: Duration,
    /// The host's socket
    socket: String,
}

/// A host's state, for JSON and the table.
#[derive(Serialize)]
struct Shown {
    /// Frames published, outstanding now, and the maximum of outstanding ones.
    frames: u64,
    lent: u32,
    lend: u32,
    slots: u32,
    /// Frames per second since the last update; 0 at the first.
    fps: f64,
    /// Time since the newest frame was published.
    age_ms: Option<f64>,
    /// Frames that were not published, by cause.
    dropped_sensor: u64,
    dropped_no_buffer: u64,
    dropped_blocked: u64,
    /// Clients refused, evicted, and left.
    refused: u64,
    evicted: u64,
    left: u64,
    clients: Vec<Reading>,
}

/// A client's state. Its own counts may be wrong.
#[derive(Serialize)]
struct Reading {
    /// `None` for a process that the host's PID namespace does not show.
    pid: Option<u32>,
    uid: u32,
    wants: &'static str,
    held: u32,
    hold: u32,
    acquired: u64,
    missed: u64,
    /// Frames published since the last one it held.
    lag: u64,
    waits: &'static str,
}

impl Shown {
    fn new(report: &Report, before: Option<(u64, u64)>) -> Self {
        let host = &report.host;
        let now = now_ns();
        let fps = before.map_or(0.0, |(head, then)| {
            let seconds = now.saturating_sub(then) as f64 / 1e9;
            host.head.saturating_sub(head) as f64 / seconds.max(1e-9)
        });
        let age = now.saturating_sub(host.newest_ns) as f64 / 1e6;
        let readers = report.clients.iter().filter(|client| client.hold > 0);
        Self {
            frames: host.head,
            lent: host.lent,
            lend: host.max_outstanding,
            slots: host.slots,
            fps,
            age_ms: (host.newest_ns != 0).then_some(age),
            dropped_sensor: host.sensor_drops,
            dropped_no_buffer: host.no_buffer_drops,
            dropped_blocked: host.blocked,
            refused: host.refused,
            evicted: host.evicted,
            left: host.left,
            clients: readers.map(|c| Reading::new(c, host.head)).collect(),
        }
    }

    fn table(&self) -> String {
        let age = self
            .age_ms
            .map_or("none yet".into(), |age| format!("{age:.1} ms old"));
        let mut text = format!(
            "frames {} ({:.1} fps, newest {age}), out {} of {}, clients {} (refused {}, \
             evicted {}, left {})\ndropped: {} by the sensor, {} without a free buffer, \
             {} without a free slot\n",
            self.frames,
            self.fps,
            self.lent,
            self.lend,
            self.clients.len(),
            self.refused,
            self.evicted,
            self.left,
            self.dropped_sensor,
            self.dropped_no_buffer,
            self.dropped_blocked,
        );
        // Writing to a string can't fail.
        let _ = writeln!(
            text,
            "{:>8} {:>6} {:>7} {:>7} {:>10} {:>8} {:>6}  WAITS",
            "PID", "UID", "MODE", "HELD", "RECEIVED", "MISSED", "LAG"
        );
        for c in &self.clients {
            let held = format!("{}/{}", c.held, c.hold);
            let pid = c.pid.map_or("unknown".into(), |pid| pid.to_string());
            let _ = writeln!(
                text,
                "{:>8} {:>6} {:>7} {:>7} {:>10} {:>8} {:>6}  {}",
                pid, c.uid, c.wants, held, c.acquired, c.missed, c.lag, c.waits
            );
        }
        text
    }
}

impl Reading {
    fn new(client: &ClientStatus, head: u64) -> Self {
        Self {
            pid: (client.pid != 0).then_some(client.pid),
            uid: client.uid,
            wants: match client.mode {
                Mode::Newest => "newest",
                Mode::Every => "every",
            },
            held: client.held,
            hold: client.hold,
            acquired: client.acquired,
            missed: client.missed,
            lag: head.saturating_sub(client.last_serial),
            waits: match client.waiting {
                0 => "no",
                word if word & wake::SLEEPERS != 0 => "futex",
                _ => "event",
            },
        }
    }
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<(), Failure> {
    signals::listen()?;
    let builder = Client::builder(&args.socket).hold(0);
    let Some(client) = connect::connect(&builder, false, ANSWER_TIMEOUT)? else {
        return Ok(());
    };
    let in_place = std::io::stdout().is_terminal() && !output.json && !args.once;
    let mut before = None;
    while !signals::stopped() {
        let report = client.look(ANSWER_TIMEOUT)?;
        let shown = Shown::new(&report, before);
        before = Some((shown.frames, now_ns()));
        if output.json {
            output.print_json(&shown)?;
        } else {
            // Cursor home and clear to the end: redraws the table in place.
            let start = if in_place { "\x1b[H\x1b[2J" } else { "" };
            output::print(format_args!("{start}{}", shown.table()))?;
        }
        if args.once {
            break;
        }
        signals::sleep(args.interval);
    }
    Ok(())
}
