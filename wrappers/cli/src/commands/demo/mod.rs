//! `videostream demo`: demonstrates the whole path with real processes.
//!
//! This process chooses the source and starts three others, each a subcommand of its own: `stream`
//! is the host, `receive` checks frames and measures latency, `record` records. They report to this
//! process, which draws a table and ends them in turn, the host last.

mod children;
mod plan;
mod table;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

use crate::args::{SourceArgs, seconds};
use crate::failure::{Failure, GENERAL};
use crate::open::About;
use crate::output::Output;
use crate::signals;
use children::Children;
use plan::Plan;
use table::Table;

/// How long a process may take to start its work.
const START: Duration = Duration::from_secs(60);
/// How long a process may take to end.
const END: Duration = Duration::from_secs(60);

#[derive(clap::Args)]
#[command(after_help = "\
Uses the first camera that delivers frames, else a moving test pattern. Writes demo.mp4 and
demo.png, replacing existing ones. Ctrl-C ends it at any time and leaves complete files.

Examples:
  videostream demo
  videostream demo --seconds 60 -d /dev/video2
  videostream demo --pattern --frames 300 --json")]
pub(crate) struct Args {
    /// How long to run
    #[arg(long, value_name = "N", default_value = "10", value_parser = seconds)]
    seconds: Duration,
    /// Run for this many frames instead
    #[arg(
        short,
        long,
        value_name = "N",
        conflicts_with = "seconds",
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    frames: Option<u64>,
    #[command(flatten)]
    source: SourceArgs,
    /// Where to write demo.mp4 and demo.png
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    output_dir: PathBuf,
}

/// Summary of the demo.
#[derive(Serialize)]
struct Summary {
    #[serde(flatten)]
    about: About,
    /// Why this source was chosen.
    why: String,
    encoder: Option<String>,
    /// Whether the user ended it early.
    interrupted: bool,
    host: Value,
    checker: Value,
    recorder: Value,
    files: Vec<PathBuf>,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<(), Failure> {
    signals::listen()?;
    signals::keep_children()?;
    if !args.output_dir.is_dir() {
        let folder = args.output_dir.display();
        let message = format_args!("{folder}: no such folder");
        return Err(Failure::new(GENERAL, message));
    }
    let plan = Plan::new(args, output)?;
    if !output.json {
        output.print(&plan)?;
    }
    let mut children = Children::new();
    let ran = watch(args, &plan, &mut children, output);
    let interrupted = signals::stopped();
    // Clients before the host, so that they don't fail for lack of frames.
    children.end(END);
    ran?;
    if let Some(failure) = children.failure() {
        return Err(failure);
    }
    let summary = Summary {
        interrupted,
        host: children.summary(children::HOST),
        checker: children.summary(children::CHECKER),
        recorder: children.summary(children::RECORDER),
        files: plan.files.iter().filter(|f| f.exists()).cloned().collect(),
        about: plan.about,
        why: plan.why,
        encoder: plan.encoder,
    };
    if output.json {
        output.print_json(&summary)
    } else {
        output.print(&summary)
    }
}

/// Starts the processes and watches them until the demo is over.
fn watch(
    args: &Args,
    plan: &Plan,
    children: &mut Children,
    output: &Output,
) -> Result<(), Failure> {
    if signals::stopped() {
        return Ok(());
    }
    children.start(children::HOST, plan.host())?;
    if !children.started(children::HOST, START) {
        return Ok(());
    }
    children.start(children::CHECKER, plan.checker(args.frames))?;
    if let Some(recorder) = plan.recorder(args.frames) {
        children.start(children::RECORDER, recorder)?;
    }
    let begin = Instant::now();
    let mut table = Table::new(output);
    while !signals::stopped() && children.are_well() {
        children.listen(Duration::from_millis(50));
        table.draw(children, begin.elapsed())?;
        let enough = match args.frames {
            Some(_) => children.clients_are_done(),
            None => begin.elapsed() >= args.seconds,
        };
        if enough {
            break;
        }
    }
    table.last(children, begin.elapsed())
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let number = |of: &Value, field: &str| of[field].as_f64().unwrap_or(0.0);
        let (host, checker, recorder) = (&self.host, &self.checker, &self.recorder);
        writeln!(
            f,
            "\nshared    {} frames, {} dropped by the source",
            number(host, "frames_processed"),
            number(host, "dropped_frames")
        )?;
        writeln!(
            f,
            "checked   {} frames held, {} dropped, {} intact pattern frames, {} corrupt",
            number(checker, "frames_processed"),
            number(checker, "dropped_frames"),
            number(checker, "verified_frames"),
            number(checker, "corrupt_frames")
        )?;
        writeln!(
            f,
            "latency   from publishing to the checker: p50 {:.3} ms, p99 {:.3} ms, max {:.3} ms",
            number(checker, "delivery_p50_ns") / 1e6,
            number(checker, "delivery_p99_ns") / 1e6,
            number(checker, "delivery_max_ns") / 1e6
        )?;
        if !recorder.is_null() {
            writeln!(
                f,
                "recorded  {} frames, {:.2} s, {:.2} MB, {} dropped",
                number(recorder, "frames"),
                number(recorder, "duration_ms") / 1e3,
                number(recorder, "bytes") / 1e6,
                number(recorder, "dropped_frames")
            )?;
        }
        write!(f, "files    ")?;
        if self.files.is_empty() {
            write!(f, " none")?;
        }
        for file in &self.files {
            write!(f, " {}", file.display())?;
        }
        Ok(())
    }
}
