//! Observations of received frames, and the final figures.

use std::collections::BTreeSet;

use rustix::fs::fstat;
use serde::Serialize;
use videostream::Frame;
use videostream::hal::ring::Flags;
use videostream::hal::sequence::lost_between;
use videostream::hal::time::now_ns;
use videostream::pattern::{PictureError, verify};

use super::{Args, raw};
use crate::decoding::Decoding;
use crate::failure::Failure;
use crate::metrics::{Metrics, Summary, Times};
use crate::output::Output;

/// Summary in JSON.
#[derive(Serialize)]
pub(super) struct Received {
    #[serde(flatten)]
    metrics: Summary,
    /// Frames dropped by the source.
    source_dropped_frames: u64,
    /// Latency from publishing to this process, in nanoseconds.
    delivery_p50_ns: u64,
    delivery_p95_ns: u64,
    delivery_p99_ns: u64,
    delivery_max_ns: u64,
    format: String,
    width: u32,
    height: u32,
    /// Intact frames of the pattern, and corrupt ones.
    verified_frames: u64,
    corrupt_frames: u64,
    /// Frames marked as damaged by their source.
    damaged_frames: u64,
    /// With --decode: pictures, key frames, packets without a picture, and pictures of the pattern
    /// in order.
    decoded_frames: u64,
    key_frames: u64,
    undecoded_frames: u64,
    numbered_frames: u64,
    /// Whether serials and sequence numbers always increased.
    in_order: bool,
    first_sequence: Option<u64>,
    last_sequence: Option<u64>,
    /// How often another host took over.
    restarts: u64,
    /// How often format or size changed.
    format_changes: u64,
    /// Inodes of the frames' memory.
    inodes: Vec<u64>,
}

/// Everything observed about frames.
pub(super) struct Seen {
    /// When this client connected.
    since_ns: u64,
    pub(super) metrics: Metrics,
    pub(super) delivery: Times,
    /// Format and size of the first frame.
    format: (String, u32, u32),
    format_changes: u64,
    source_dropped: u64,
    damaged: u64,
    verified: u64,
    pub(super) corrupt: u64,
    /// What was wrong with the first corrupt frame.
    pub(super) first_corrupt: Option<PictureError>,
    pub(super) in_order: bool,
    first_sequence: Option<u64>,
    /// Serial and sequence number of the last frame of this host.
    last: Option<(u64, u64)>,
    buffers: BTreeSet<u32>,
    inodes: BTreeSet<u64>,
    decoding: Decoding,
}

impl Seen {
    pub(super) fn new() -> Self {
        Self {
            since_ns: now_ns(),
            metrics: Metrics::new(),
            delivery: Times::new(),
            format: (String::new(), 0, 0),
            format_changes: 0,
            source_dropped: 0,
            damaged: 0,
            verified: 0,
            corrupt: 0,
            first_corrupt: None,
            in_order: true,
            first_sequence: None,
            last: None,
            buffers: BTreeSet::new(),
            inodes: BTreeSet::new(),
            decoding: Decoding::default(),
        }
    }

    pub(super) fn frame(
        &mut self,
        frame: &Frame,
        args: &Args,
        output: &Output,
    ) -> Result<(), Failure> {
        let now = now_ns();
        let about = frame.descriptor();
        self.metrics.frame(about.bytes_used, now);
        // Frames from before this client connected would falsify the latency.
        if frame.published_ns() >= self.since_ns {
            self.delivery.add(now.saturating_sub(frame.published_ns()));
            let latency = now.saturating_sub(frame.timestamp_ns());
            self.metrics.latency.add(latency);
        }
        self.metrics.dropped += frame.missed();
        self.damaged += u64::from(frame.flags().contains(Flags::CORRUPTED));
        if frame.is_after_restart() {
            output.note(format_args!(
                "{}: another host has taken over, its first frame here is {}",
                args.socket,
                frame.serial()
            ));
            self.since_ns = now;
            self.last = None;
            self.buffers.clear();
        }
        if frame.has_new_format() {
            self.format_changes += 1;
            output.note(format_args!(
                "{}: {}x{} {} from frame {} on",
                args.socket,
                frame.width(),
                frame.height(),
                frame.fourcc(),
                frame.serial()
            ));
        }
        if self.metrics.frames == 1 {
            self.format = (frame.fourcc().to_string(), frame.width(), frame.height());
            self.first_sequence = Some(frame.sequence());
            if let Some(path) = &args.raw {
                raw::write(frame, path)?;
            }
        }
        if let Some((serial, sequence)) = self.last {
            self.in_order &= frame.serial() > serial && frame.sequence() > sequence;
            // Numbers in between that the host published were missed, not dropped by the source.
            let between = lost_between(sequence, frame.sequence());
            self.source_dropped += between.saturating_sub(frame.missed());
        }
        self.last = Some((frame.serial(), frame.sequence()));
        for (at, plane) in about.planes().iter().enumerate() {
            if self.buffers.insert(plane.buffer)
                && let Some(fd) = frame.plane_fd(at)
                && let Ok(stat) = fstat(fd)
            {
                self.inodes.insert(stat.st_ino);
            }
        }
        if args.decode {
            self.decoding.frame(frame)?;
        }
        self.check(frame, args)?;
        if output.is_verbose() {
            output.detail(format_args!(
                "frame {} sequence {} after {:.3} ms, {} missed",
                frame.serial(),
                frame.sequence(),
                now.saturating_sub(frame.published_ns()) as f64 / 1e6,
                frame.missed()
            ));
        }
        Ok(())
    }

    /// Checks the picture if it is, or should be, the pattern.
    fn check(&mut self, frame: &Frame, args: &Args) -> Result<(), Failure> {
        if args.no_verify {
            return Ok(());
        }
        let pixels = frame.pixels()?;
        let checked = match pixels.picture() {
            Ok(picture) => verify(&picture),
            // Compressed data is not the pattern.
            Err(_) => Err(PictureError::PatternFormat(frame.fourcc())),
        };
        let is_pattern = self.verified > 0 || self.corrupt > 0;
        match checked {
            Ok(_) => self.verified += 1,
            Err(why) => {
                let damaged = matches!(
                    why,
                    PictureError::PatternStrip { .. } | PictureError::PatternContent { .. }
                );
                if args.verify || is_pattern || damaged {
                    self.corrupt += 1;
                    self.first_corrupt.get_or_insert(why);
                }
            }
        }
        Ok(())
    }

    /// Takes the last pictures of the decoder.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        self.decoding.finish()
    }

    pub(super) fn received(&self, restarts: u64) -> Received {
        let at = |percent| self.delivery.percentile_ns(percent);
        let (format, width, height) = self.format.clone();
        Received {
            metrics: self.metrics.summary(),
            source_dropped_frames: self.source_dropped,
            delivery_p50_ns: at(50.0),
            delivery_p95_ns: at(95.0),
            delivery_p99_ns: at(99.0),
            delivery_max_ns: at(100.0),
            format,
            width,
            height,
            verified_frames: self.verified,
            corrupt_frames: self.corrupt,
            damaged_frames: self.damaged,
            decoded_frames: self.decoding.pictures,
            key_frames: self.decoding.key_frames,
            undecoded_frames: self.decoding.left_out(),
            numbered_frames: self.decoding.numbered,
            in_order: self.in_order,
            first_sequence: self.first_sequence,
            last_sequence: self.last.map(|(_, sequence)| sequence),
            restarts,
            format_changes: self.format_changes,
            inodes: self.inodes.iter().copied().collect(),
        }
    }

    pub(super) fn print(&self, received: &Received, output: &Output) -> Result<(), Failure> {
        let (format, width, height) = &self.format;
        output.print(format_args!(
            "frames    {}, {width}x{height} {format}",
            received.metrics
        ))?;
        output.print(format_args!(
            "capture   to client: {}",
            self.metrics.latency
        ))?;
        output.print(format_args!("publish   to client: {}", self.delivery))?;
        output.print(format_args!(
            "dropped   {} by this client, {} by the source",
            self.metrics.dropped, self.source_dropped
        ))?;
        if self.damaged > 0 {
            output.print(format_args!(
                "damaged   {} frames, as marked by the source",
                self.damaged
            ))?;
        }
        if self.verified + self.corrupt > 0 {
            output.print(format_args!(
                "checked   {} intact pattern frames, {} corrupt",
                self.verified, self.corrupt
            ))?;
        }
        if received.decoded_frames + received.undecoded_frames > 0 {
            output.print(format_args!(
                "decoded   {} pictures, {} key frames, {} packets left out",
                received.decoded_frames, received.key_frames, received.undecoded_frames
            ))?;
        }
        if received.restarts > 0 {
            output.print(format_args!("restarts  {} of the host", received.restarts))?;
        }
        Ok(())
    }
}
