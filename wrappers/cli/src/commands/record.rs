//! `videostream record`: records pictures to a file, encoded or raw.

mod summary;

use std::path::{Path, PathBuf};
use std::time::Duration;

use videostream::encode::Codec;
use videostream::hal::format::FourCc;
use videostream::hal::time::{deadline_in, now_ns};
use videostream::record::Recorded;
use videostream::snapshot::{self, RecordError};
use videostream::{FrameRate, record};

use self::summary::Summary;
use crate::args::{self, ChildArgs, InputArgs, StoredName};
use crate::failure::{Failure, GENERAL};
use crate::input::{Info, Input, InputFrame};
use crate::metrics::Times;
use crate::output::Output;
use crate::progress::{Event, Progress, Reporter};
use crate::recording::{Limit, Recording};
use crate::{pipes, signals};

#[derive(clap::Args)]
#[command(after_help = "\
The file's extension selects the format: .mp4 is fragmented MP4, which plays up to its last second
after a crash, a power loss or a full disk; .h264, .264, .h265 and .hevc are Annex B byte streams;
.y4m is raw video, which is not encoded and has no timestamps: dropped frames leave no gap.
The file appears as soon as it is playable; until then an existing file of that name stays.
Packets of a host that shares H.264 or H.265 are recorded unchanged, starting at a key frame. After
a lost packet, a key frame is requested, and the packets before it are left out.
Frames of JPEG cameras (MJPG) are decoded and encoded; .mjpeg, or --codec mjpeg with .mp4, keeps
them unchanged. Truncated frames and those that the source marks as damaged are left out and
counted.
A file has one picture size and format: when the source changes them, the file is completed and
the command ends with status 1.

Examples:
  videostream record clip.mp4                        the first camera, until Ctrl-C
  videostream record --pattern -t 5 clip.mp4         five seconds of the test pattern
  videostream record --ipc /tmp/camera -b 8Mbps clip.mp4   from a shared stream
  videostream record -d /dev/video2 -r 1920x1080 -f 300 clip.h264
  videostream record -d 0 -t 2 clip.y4m              the camera's frames, bit for bit
  videostream record -d 0 --codec mjpeg clip.mp4     the camera's JPEG, without encoding")]
pub(crate) struct Args {
    #[command(flatten)]
    input: InputArgs,
    /// End after this many frames; 0 for never
    #[arg(short, long, value_name = "N", default_value = "0", value_parser = args::frames)]
    frames: u64,
    /// End after this time
    #[arg(short = 't', long, value_name = "SECONDS", value_parser = args::seconds)]
    duration: Option<Duration>,
    /// Bit rate in kbit/s, or with a unit (5000, 5000kbps, 5Mbps)
    #[arg(short, long, value_name = "RATE", default_value = "5000", value_parser = args::bitrate)]
    bitrate: u32,
    /// Codec; mjpeg keeps the camera's JPEG [default: by the file's extension, else h264]
    #[arg(long, value_name = "NAME", ignore_case = true, value_enum)]
    codec: Option<StoredName>,
    /// Save a picture as well, at the end; if that fails, the command ends with status 1
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
    /// The file to write; also -o OUTPUT
    #[arg(value_name = "OUTPUT", required_unless_present = "out")]
    file: Option<PathBuf>,
    #[arg(short, value_name = "OUTPUT", hide = true, conflicts_with = "file")]
    out: Option<PathBuf>,
    #[command(flatten)]
    child: ChildArgs,
}

impl Args {
    fn codec(&self, path: &Path) -> Codec {
        let by_name = || match record::annex_b(path) {
            Some(codec) => codec,
            None if record::is_mjpeg(path) => Codec::Mjpeg,
            None => Codec::H264,
        };
        self.codec.map_or_else(by_name, Codec::from)
    }

    fn limit(&self) -> Limit {
        Limit {
            frames: Some(self.frames).filter(|frames| *frames != 0),
            time_ns: self
                .duration
                .and_then(|time| u64::try_from(time.as_nanos()).ok()),
        }
    }
}

/// A recording and its summary.
struct Job<'a> {
    args: &'a Args,
    path: &'a PathBuf,
    recording: Option<Recording>,
    summary: Summary,
    delivery: Times,
    done: bool,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<(), Failure> {
    let path = args.file.as_ref().or(args.out.as_ref());
    let path = path.unwrap_or_else(|| unreachable!("clap requires one of them"));
    if !record::is_raw(path) {
        record::check_path(path, args.codec(path))?;
    }
    if let Some(picture) = &args.picture {
        snapshot::check_path(picture)?;
    }
    signals::listen()?;
    let mut reporter = Reporter::new(&args.child)?;
    let endless = args.frames == 0 && args.duration.is_none();
    let mut job = Job {
        args,
        path,
        recording: None,
        summary: Summary {
            file: path.clone(),
            ..Summary::default()
        },
        delivery: Times::new(),
        done: false,
    };
    let mut from = args.input.clone();
    if args.codec(path) == Codec::Mjpeg && from.ipc.is_none() && !from.source.pattern {
        from.source.format = from.source.format.or(Some(FourCc::MJPG));
    }
    let Some(mut input) = Input::open(&from, endless, output)? else {
        return job.summary.tell(&reporter, output);
    };
    let ended = job.record(&mut input, &mut reporter, output);
    // The file is completed even after an error.
    let finished = job.finish(&input);
    let mut saved = Ok(());
    if job.summary.frames > 0
        && let Some(picture) = &args.picture
    {
        saved = save_one_more(&mut input, picture);
    }
    drop(input);
    job.summary.tell(&reporter, output)?;
    if reporter.is_enabled() {
        // For `demo` a missing picture is not an error: the recording is complete.
        if let Err(Failure::Said { message, .. }) = std::mem::replace(&mut saved, Ok(())) {
            output.note(message);
        }
    }
    // Report the first error.
    ended.and(finished).and(saved)
}

impl Job<'_> {
    /// Records until a limit is reached, the input ends, or an error occurs.
    fn record(
        &mut self,
        input: &mut Input,
        reporter: &mut Reporter,
        output: &Output,
    ) -> Result<(), Failure> {
        let Some(_reader) = pipes::wait_for_reader(self.path) else {
            return Ok(());
        };
        while !self.done {
            let Some(added) = input.next(|info, frame| self.add(info, frame, output))? else {
                break;
            };
            let first = added?;
            if let (true, Some(recording)) = (first, &self.recording) {
                let encoder = recording.encoder();
                if !reporter.is_enabled() {
                    output.note(format_args!(
                        "recording to {}: {encoder}",
                        self.path.display()
                    ));
                }
                reporter.send(&Event::Started);
            }
            if self
                .recording
                .as_mut()
                .is_some_and(Recording::needs_key_frame)
            {
                input.ask_for_key_frame();
            }
            reporter.progress(|| Progress {
                frames: self.recording.as_ref().map_or(0, Recording::frames),
                dropped: input.dropped(),
                held: 0,
                latency_p50_ns: self.delivery.percentile_ns(50.0),
                latency_p99_ns: self.delivery.percentile_ns(99.0),
            });
        }
        Ok(())
    }

    /// Adds a picture. Returns whether it was the first.
    fn add(
        &mut self,
        info: &Info,
        frame: &InputFrame<'_>,
        output: &Output,
    ) -> Result<bool, Failure> {
        self.delivery
            .add(now_ns().saturating_sub(info.published_ns));
        let broken = match info.corrupted {
            // Kept, because later packets refer to it.
            true if Codec::of_packets(frame.format_and_size().0).is_some() => None,
            true => Some("the source marked it as damaged".to_owned()),
            false => frame.check()?.map(|error| error.to_string()),
        };
        if let Some(why) = broken {
            self.leave_out(&why, output);
            return Ok(false);
        }
        let first = self.recording.is_none();
        let of_file = |failure: Failure| failure.about(self.path.display());
        let limit = self.args.limit();
        let (fourcc, width, height) = frame.format_and_size();
        let recording = match &mut self.recording {
            Some(recording) => recording,
            none => {
                let how = (self.args.codec(self.path), self.args.bitrate);
                let begun = Recording::begin(self.path, info, frame, how, limit);
                none.insert(begun.map_err(of_file)?)
            }
        };
        if first {
            self.summary.width = width;
            self.summary.height = height;
            self.summary.format = fourcc.to_string();
            self.summary.fps = recording.rate().map(FrameRate::as_f64);
            self.summary.encoder = recording.encoder();
        }
        let before = (
            &self.summary.format,
            self.summary.width,
            self.summary.height,
        );
        let format = fourcc.to_string();
        let now = (&format, width, height);
        if before != now {
            let message = format_args!(
                "{}: complete up to here; the picture was {}x{} {} and now is {}x{} {}",
                self.path.display(),
                before.1,
                before.2,
                before.0,
                now.1,
                now.2,
                now.0
            );
            return Err(Failure::new(GENERAL, message));
        }
        let estimated_before = recording.estimated();
        let more = recording.add(info, frame, limit.time_ns.unwrap_or(u64::MAX));
        let more = more.map_err(of_file)?;
        if let Some(error) = recording.take_broken() {
            self.leave_out(&error.to_string(), output);
            return Ok(first);
        }
        let Some(recording) = &mut self.recording else {
            return Ok(first);
        };
        if estimated_before == 0 && recording.estimated() > 0 {
            output.note(
                "some timestamps of the source repeat, go back or jump: such frames are \
                 timed by their arrival",
            );
        }
        self.done = !more
            || limit
                .frames
                .is_some_and(|frames| recording.frames() >= frames);
        Ok(first)
    }

    /// Counts a broken frame, and prints a note about the first.
    fn leave_out(&mut self, why: &str, output: &Output) {
        if self.summary.broken_frames == 0 {
            output.note(format_args!("leaving out a frame: {why}"));
        }
        self.summary.broken_frames += 1;
    }

    fn finish(&mut self, input: &Input) -> Result<(), Failure> {
        self.summary.dropped_frames = input.dropped();
        self.summary.restarts = input.restarts();
        let Some(recording) = self.recording.take() else {
            return Ok(());
        };
        self.summary.left_out_frames = recording.left_out();
        self.summary.estimated_times = recording.estimated();
        (self.summary.lost_packets, self.summary.losses) = recording.lost();
        let recorded = recording.recorded();
        let finished = recording.finish();
        let recorded = finished.as_ref().unwrap_or(&recorded);
        let Recorded {
            frames,
            bytes,
            duration_ns,
            ..
        } = *recorded;
        self.summary.frames = frames;
        self.summary.bytes = bytes;
        self.summary.duration_ms = duration_ns / 1_000_000;
        finished
            .map(drop)
            .map_err(|failure| failure.about(self.path.display()))
    }
}

/// Saves the next complete picture.
fn save_one_more(input: &mut Input, path: &PathBuf) -> Result<(), Failure> {
    let deadline = deadline_in(2_000_000_000);
    let why = loop {
        let saved = input.one_more(|info, frame| match info.corrupted {
            true => Ok(Err(None)),
            false => frame.see(|picture| {
                snapshot::save(path, picture, info.appearance.colorimetry).map_err(Some)
            }),
        });
        match saved {
            Ok(Some(Ok(Ok(())))) => return Ok(()),
            Ok(Some(Ok(Err(error))))
                if error.as_ref().is_none_or(RecordError::is_broken_jpeg)
                    && now_ns() < deadline => {}
            Ok(Some(Ok(Err(None)))) => break "all further frames were damaged".to_owned(),
            Ok(Some(Ok(Err(Some(error))))) => break error.to_string(),
            Ok(None) => break "no further frame arrived".to_owned(),
            Ok(Some(Err(_))) | Err(_) => break "the source ended".to_owned(),
        }
    };
    let why = format_args!("the recording is complete, but no picture was saved: {why}");
    Err(Failure::new(GENERAL, why))
}
