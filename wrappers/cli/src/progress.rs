//! What the processes of `demo` tell the one that started them: JSON, a line each.

use serde::{Deserialize, Serialize};
use videostream::hal::time::now_ns;

use crate::args::ChildArgs;
use crate::failure::Failure;
use crate::{output, signals};

/// Between two reports, in nanoseconds.
const INTERVAL_NS: u64 = 200_000_000;

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event {
    /// The process works.
    Started,
    /// How far it is.
    Progress(Progress),
    /// It has ended well: its result as with `--json`.
    Ended {
        /// The result.
        summary: serde_json::Value,
    },
}

/// How far a process is.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Frames so far.
    pub(crate) frames: u64,
    /// Frames that it did not get.
    pub(crate) dropped: u64,
    /// Frames held now; by clients, for a host.
    pub(crate) held: u32,
    /// Latency from publishing (for the host, from capture) in nanoseconds.
    pub(crate) latency_p50_ns: u64,
    /// As above.
    pub(crate) latency_p99_ns: u64,
}

/// Writes reports, if there is somebody to write them to.
pub(crate) struct Reporter {
    enabled: bool,
    due_ns: u64,
}

impl Reporter {
    /// Sets up a process for its parent, if it has one.
    pub(crate) fn new(args: &ChildArgs) -> Result<Self, Failure> {
        if let Some(parent) = args.parent {
            signals::follow(parent)?;
        }
        Ok(Self {
            enabled: args.report,
            due_ns: 0,
        })
    }

    /// Whether there is somebody to report to.
    pub(crate) fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Reports progress from time to time.
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

    /// Reports something.
    pub(crate) fn send(&self, event: &Event) {
        if !self.enabled {
            return;
        }
        // Without a reader there is nobody to work for; what is begun is finished.
        let sent = serde_json::to_string(event)
            .ok()
            .and_then(|line| output::print(format_args!("{line}\n")).ok());
        if sent.is_none() {
            signals::stop();
        }
    }
}
