//! Progress reports of `demo`'s child processes: lines of JSON.

use serde::{Deserialize, Serialize};
use videostream::hal::time::now_ns;

use crate::args::ChildArgs;
use crate::failure::Failure;
use crate::{output, signals};

/// Time between two reports.
const INTERVAL_NS: u64 = 200_000_000;

/// A report: one line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event {
    /// The process has started its work.
    Started,
    /// The process's progress.
    Progress(Progress),
    /// The process has ended successfully, with its result as by `--json`.
    Ended {
        /// The result.
        summary: serde_json::Value,
    },
}

/// Progress of a process.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Frames so far.
    pub(crate) frames: u64,
    /// Frames that it missed.
    pub(crate) dropped: u64,
    /// Frames held now; by clients, for a host.
    pub(crate) held: u32,
    /// Median latency from publishing (for the host, from capture) in nanoseconds.
    pub(crate) latency_p50_ns: u64,
    /// Its 99th percentile.
    pub(crate) latency_p99_ns: u64,
}

/// Writes reports to the parent process, if any.
pub(crate) struct Reporter {
    enabled: bool,
    due_ns: u64,
}

impl Reporter {
    /// Sets up reporting, and ends this process with its parent, as the options say.
    pub(crate) fn new(args: &ChildArgs) -> Result<Self, Failure> {
        if let Some(parent) = args.parent {
            signals::follow(parent)?;
        }
        Ok(Self {
            enabled: args.report,
            due_ns: 0,
        })
    }

    /// Returns whether reports are wanted.
    pub(crate) fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Reports progress if a report is due.
    pub(crate) fn progress(&mut self, make: impl FnOnce() -> Progress) {
        if !self.enabled {
            return;
        }
        let now = now_ns();
        if now >= self.due_ns {
            self.due_ns = now.saturating_add(INTERVAL_NS);
            self.send(&Event::Progress(make()));
        }
    }

    /// Writes a report.
    pub(crate) fn send(&self, event: &Event) {
        if !self.enabled {
            return;
        }
        // The parent is gone: stop, but complete the file.
        let sent = serde_json::to_string(event)
            .ok()
            .and_then(|line| output::print(format_args!("{line}\n")).ok());
        if sent.is_none() {
            signals::stop();
        }
    }
}
