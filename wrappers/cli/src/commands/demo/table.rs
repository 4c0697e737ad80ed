//! The live table: redrawn in place on a terminal, one line per second elsewhere.

use std::fmt::Write as _;
use std::io::{IsTerminal, stdout};
use std::time::Duration;

use super::children::{Children, Process};
use crate::failure::Failure;
use crate::output::{self, Output};

/// Time between two updates on a terminal.
const REDRAW: Duration = Duration::from_millis(250);
/// Time between two lines elsewhere.
const LINE: Duration = Duration::from_secs(1);

/// The state of the drawing.
pub(super) struct Table {
    /// Whether only results are printed.
    silent: bool,
    in_place: bool,
    due: Duration,
    /// Rows of the last drawing, to be overwritten.
    rows: usize,
}

impl Table {
    pub(super) fn new(output: &Output) -> Self {
        let in_place = stdout().is_terminal();
        Self {
            silent: output.json,
            in_place,
            due: if in_place { Duration::ZERO } else { LINE },
            rows: 0,
        }
    }

    /// Draws the table if an update is due.
    pub(super) fn draw(&mut self, children: &Children, time: Duration) -> Result<(), Failure> {
        if self.silent || time < self.due {
            return Ok(());
        }
        self.due = time + if self.in_place { REDRAW } else { LINE };
        if self.in_place {
            self.redraw(children, time)
        } else {
            output::print(line(children, time))
        }
    }

    /// Draws the final table.
    pub(super) fn last(&mut self, children: &Children, time: Duration) -> Result<(), Failure> {
        if self.silent || !self.in_place {
            return Ok(());
        }
        self.redraw(children, time)
    }

    fn redraw(&mut self, children: &Children, time: Duration) -> Result<(), Failure> {
        let mut text = String::new();
        if self.rows > 0 {
            // Move up to the first row.
            let _ = write!(text, "\x1b[{}A", self.rows);
        }
        let time = format!("{:.1} s", time.as_secs_f64());
        let mut rows = vec![format!(
            "{time:<8} {:>7} {:>9} {:>6} {:>13} {:>10} {:>5} {:>8}",
            "pid", "frames", "fps", "latency p50", "p99", "held", "dropped"
        )];
        rows.extend(children.iter().map(|(name, process)| row(name, process)));
        self.rows = rows.len();
        for row in rows {
            // Clear the line before writing it.
            let _ = writeln!(text, "\x1b[2K{row}");
        }
        output::print(text)
    }
}

fn row(name: &str, process: &Process) -> String {
    let progress = &process.progress;
    format!(
        "{name:<8} {:>7} {:>9} {:>6.1} {:>10.3} ms {:>7.3} ms {:>5} {:>8}",
        process.pid.unwrap_or(0),
        progress.frames,
        process.fps,
        progress.latency_p50_ns as f64 / 1e6,
        progress.latency_p99_ns as f64 / 1e6,
        progress.held,
        progress.dropped
    )
}

fn line(children: &Children, time: Duration) -> String {
    let mut text = format!("{:>4.0} s", time.as_secs_f64());
    for (name, process) in children.iter() {
        let progress = &process.progress;
        let _ = write!(
            text,
            "  {name} {} frames {:.1} fps p50 {:.3} ms held {} dropped {}",
            progress.frames,
            process.fps,
            progress.latency_p50_ns as f64 / 1e6,
            progress.held,
            progress.dropped
        );
    }
    text.push('\n');
    text
}
