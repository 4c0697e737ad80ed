//! The summary of a recording.

use std::path::PathBuf;

use serde::Serialize;

use crate::failure::Failure;
use crate::output::Output;
use crate::progress::{Event, Reporter};

/// Summary in JSON.
#[derive(Default, Serialize)]
pub(super) struct Summary {
    pub(super) file: PathBuf,
    /// Frames in the file.
    pub(super) frames: u64,
    pub(super) duration_ms: u64,
    pub(super) bytes: u64,
    pub(super) width: u32,
    pub(super) height: u32,
    /// Frames per second of the source, if known.
    pub(super) fps: Option<f64>,
    /// Pixel format of the source.
    pub(super) format: String,
    pub(super) encoder: String,
    /// Frames of the source that were lost.
    pub(super) dropped_frames: u64,
    /// Truncated frames and those marked as damaged by the source, which were left out.
    pub(super) broken_frames: u64,
    /// Pictures with more detail than the encoder can store.
    pub(super) left_out_frames: u64,
    /// Frames with invalid timestamps, timed by their arrival.
    pub(super) estimated_times: u64,
    /// Packets of a host that were lost, or left out after a loss up to the next key frame.
    pub(super) lost_packets: u64,
    /// Number of losses.
    pub(super) losses: u64,
    /// How often another host took over.
    pub(super) restarts: u64,
}

impl Summary {
    /// Reports the summary to the user, or to the parent process.
    pub(super) fn tell(&self, reporter: &Reporter, output: &Output) -> Result<(), Failure> {
        if reporter.is_enabled() {
            let summary = serde_json::to_value(self).unwrap_or_default();
            reporter.send(&Event::Ended { summary });
            return Ok(());
        }
        if output.json {
            return output.print_json(self);
        }
        self.print(output)
    }

    fn print(&self, output: &Output) -> Result<(), Failure> {
        if self.frames == 0 && self.broken_frames > 0 {
            let broken = self.broken_frames;
            return output.print(format_args!(
                "nothing recorded: {broken} frames were truncated or marked as damaged"
            ));
        }
        if self.frames == 0 {
            return output.print("nothing recorded");
        }
        output.print(format_args!(
            "recorded  {} frames, {:.2} s, {}x{}, {:.2} MB in {}",
            self.frames,
            self.duration_ms as f64 / 1e3,
            self.width,
            self.height,
            self.bytes as f64 / 1e6,
            self.file.display()
        ))?;
        if self.dropped_frames + self.left_out_frames > 0 {
            output.print(format_args!(
                "missing   {} dropped, {} left out as too detailed",
                self.dropped_frames, self.left_out_frames
            ))?;
        }
        if self.broken_frames > 0 {
            output.print(format_args!(
                "broken    {} frames left out: truncated or marked as damaged",
                self.broken_frames
            ))?;
        }
        if self.estimated_times > 0 {
            output.print(format_args!(
                "times     {} frames with invalid timestamps, timed by their arrival",
                self.estimated_times
            ))?;
        }
        if self.losses > 0 {
            output.print(format_args!(
                "lost      {} packets in {} gaps, each up to the next key frame",
                self.lost_packets, self.losses
            ))?;
        }
        Ok(())
    }
}
