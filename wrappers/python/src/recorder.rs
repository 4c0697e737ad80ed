//! Recorders: frames, arrays and packets in, a file out.

use std::path::PathBuf;

use parking_lot::Mutex;
use pyo3::prelude::*;
use rustix::io::Errno;
use videostream::encode::{Backend, Codec, DevicePath, RateControl};
use videostream::hal::format::FourCc;
use videostream::hal::ring::Flags;
use videostream::hal::ring::descriptor::NO_TIME;
use videostream::hal::time::now_ns;
use videostream::record::{self, FrameTime, Recordable, RecordingConfig};
use videostream::{DmaBufPicture, Error, FrameRate, Picture};

use crate::context::{ContextManager, context_manager};
use crate::convert::{Pixels, Source};
use crate::encoder::options::{parse_backend, parse_device, parse_rate_control};
use crate::encoder::submit::with_dmabuf;
use crate::error::{Kind, invalid, raise, to_python};
use crate::fork::ProcessLocal;
use crate::frame::{Frame, parse_fourcc};
use crate::packet::{Packet, parse_codec};
use crate::rate::parse_fps;
use crate::wait::lock;

/// Base of times made from picture numbers, as a time of 0 means unknown.
const START_NS: u64 = 1_000_000_000;

/// Records frames, arrays and packets to a file; its extension chooses the format.
///
/// `.mp4` is fragmented MP4; `.h264` and `.h265` are byte streams, without times; `.y4m` is raw
/// video; `.mjpeg` keeps the JPEG images of a camera, as `.mp4` does with `codec="mjpeg"`. The
/// file appears as soon as it is playable. If the program is killed or the power fails, at most the
/// last fragment of about a second is lost.
///
/// - `codec`: "h264", "h265" or "mjpeg"; by default that of the extension, else "h264".
/// - `fps`: rate of pictures without times (arrays, drawn frames); by default that of the first
///   frame, else 30. Frames of sources keep their capture times.
/// - `bitrate`: bits per second; 5,000,000 by default. `rate_control` is "constant" (default) or
///   "variable", with an optional `peak`. `quantiser` (0, the best, to 51) sets a constant quality
///   instead.
/// - `gop`: number of pictures from one key frame to the next; by default those of one second.
/// - `backend`, `device`: which encoder to use; "auto" by default.
/// - `format`: format of arrays; by default (height, width, 3) is RGB3.
/// - `expected_frames`: approximate number of frames, for which an MP4 reserves room in its index.
/// - `durable`: whether each fragment is synced to storage before the next; True by default.
/// - `whole`: whether the file appears only when it is closed; False by default.
///
/// The file is created with the first picture.
#[pyclass(module = "videostream", frozen, weakref)]
pub(crate) struct Recorder {
    path: PathBuf,
    format: Option<FourCc>,
    state: ProcessLocal<Mutex<State>>,
}

struct State {
    config: RecordingConfig,
    rate: Option<FrameRate>,
    recording: Option<record::Recording>,
    /// Number of pictures written.
    given: u64,
    /// Number of damaged pictures, which are left out.
    broken: u64,
    ended: Option<Recorded>,
}

/// What a recording contains, and what was left out.
#[pyclass(module = "videostream", frozen, get_all)]
#[derive(Clone, Copy, Default)]
pub(crate) struct Recorded {
    /// Number of playable frames.
    frames: u64,
    /// Size of the file in bytes.
    bytes: u64,
    /// Playing time in nanoseconds.
    duration_ns: u64,
    /// Number of packets before the first key frame.
    skipped: u64,
    /// Number of packets that were lost, or could not be decoded after a loss.
    lost: u64,
    /// Number of frames left out because they were damaged, or too detailed for the encoder.
    left_out: u64,
    /// Number of frames with implausible timestamps, which are timed by their arrival.
    estimated: u64,
}

#[pymethods]
impl Recorded {
    /// Playing time in seconds.
    #[getter]
    fn duration(&self) -> f64 {
        self.duration_ns as f64 / 1e9
    }

    fn __repr__(&self) -> String {
        format!("<videostream.Recorded {}>", self.describe())
    }
}

impl Recorded {
    fn describe(&self) -> String {
        let mut words = format!(
            "{} frames {:.3} s {} bytes",
            self.frames,
            self.duration(),
            self.bytes
        );
        for (name, count) in [
            ("skipped", self.skipped),
            ("lost", self.lost),
            ("left_out", self.left_out),
            ("estimated", self.estimated),
        ] {
            if count > 0 {
                words.push_str(&format!(" {name}={count}"));
            }
        }
        words
    }
}

/// A picture to record.
struct PictureInput<'a> {
    pixels: Pixels<'a>,
    like: (FourCc, u32, u32),
}

impl Recordable for PictureInput<'_> {
    fn format_and_size(&self) -> (FourCc, u32, u32) {
        self.like
    }

    fn see(&self, look: &mut dyn FnMut(&Picture<'_>)) -> Result<(), Error> {
        let seen = self.pixels.see(|picture| {
            look(picture);
            Ok(())
        });
        seen.map_err(of_python)
    }

    fn with_memory(&self, act: &mut dyn FnMut(&DmaBufPicture<'_>)) -> Result<bool, Error> {
        let Pixels::Frame(frame) = self.pixels else {
            return Ok(false);
        };
        with_dmabuf(frame, |picture| act(picture)).map_err(of_python)?;
        Ok(true)
    }
}

/// Wraps an exception as an error of the library.
fn of_python(error: PyErr) -> Error {
    Error::Program {
        error: Box::new(error),
    }
}

/// Converts an error of a recording, and unwraps exceptions.
fn of_recording(error: Error) -> PyErr {
    match error {
        Error::Program { error } => match error.downcast::<PyErr>() {
            Ok(error) => *error,
            Err(error) => to_python(Error::Program { error }),
        },
        error => to_python(error),
    }
}

impl State {
    fn check(&self, path: &std::path::Path) -> PyResult<()> {
        match self.ended {
            None => Ok(()),
            Some(_) => {
                let why = "the recorder is closed and its file complete";
                Err(raise(Kind::Released, Errno::BADF, why, Some(path)))
            }
        }
    }

    fn write(&mut self, path: &PathBuf, pixels: Pixels<'_>, pts_ns: Option<u64>) -> PyResult<()> {
        let client_frame = match pixels {
            Pixels::Frame(frame) => Some(frame.shared().memory()?),
            Pixels::Array(..) => None,
        };
        let memory = client_frame.as_ref().map(|owner| owner.get()).transpose()?;
        let shared = memory.and_then(|memory| memory.client_frame());
        let given = PictureInput {
            pixels,
            like: pixels.like()?,
        };
        let is_packet = Codec::of_packets(given.like.0).is_some();
        if let Pixels::Frame(frame) = pixels {
            let flags = frame.info().descriptor.flags();
            if flags.contains(Flags::CORRUPTED) && !is_packet {
                self.broken += 1;
                return Ok(());
            }
        }
        let input: &dyn Recordable = match shared {
            Some(frame) => frame,
            None => &given,
        };
        let time = self.time(&pixels, pts_ns);
        let recording = match &mut self.recording {
            Some(recording) => recording,
            none => {
                let said = match pixels {
                    Pixels::Frame(frame) => {
                        FrameRate::from_period_ns(frame.info().descriptor.duration_ns)
                    }
                    Pixels::Array(..) => None,
                };
                let config = self
                    .config
                    .rate(self.rate.or(said))
                    .appearance(pixels.appearance());
                let begun = record::Recording::begin(path, &config, input);
                none.insert(begun.map_err(of_recording)?)
            }
        };
        let added = recording.add(input, time, u64::MAX);
        added.map_err(of_recording)?;
        self.given += 1;
        self.broken += u64::from(recording.take_broken().is_some());
        Ok(())
    }

    /// Returns when a picture was taken: as given, as the frame says, else by its number.
    fn time(&self, pixels: &Pixels<'_>, pts_ns: Option<u64>) -> FrameTime {
        let said = match pixels {
            Pixels::Frame(frame) => {
                let descriptor = &frame.info().descriptor;
                match (descriptor.timestamp_ns, descriptor.pts_ns) {
                    (0, NO_TIME) => None,
                    (0, pts_ns) => u64::try_from(pts_ns).ok().map(|pts_ns| START_NS + pts_ns),
                    (timestamp_ns, _) => Some(timestamp_ns),
                }
            }
            Pixels::Array(..) => None,
        };
        let said = pts_ns
            .map(|pts_ns| START_NS.saturating_add(pts_ns))
            .or(said);
        let rate = self.rate.or(FrameRate::fps(30).ok());
        let by_number = rate.map_or(0, |rate| START_NS + rate.time_ns(self.given));
        FrameTime {
            timestamp_ns: said.unwrap_or(by_number),
            arrival_ns: match pixels {
                Pixels::Frame(frame) if frame.info().descriptor.published_ns != 0 => {
                    frame.info().descriptor.published_ns
                }
                _ => now_ns(),
            },
        }
    }

    fn write_packet(&mut self, path: &PathBuf, packet: &Packet) -> PyResult<()> {
        let packet = packet.inner();
        let recording = match &mut self.recording {
            Some(recording) => recording,
            // A recording has to start with a key frame.
            None if !packet.is_key() => {
                self.broken += 1;
                return Ok(());
            }
            none => {
                let config = self.config.rate(self.rate);
                let begun = record::Recording::begin_packets(path, &config, &packet);
                none.insert(begun.map_err(of_recording)?)
            }
        };
        recording.add_packet(&packet).map_err(of_recording)?;
        self.given += 1;
        Ok(())
    }

    fn recorded(&self) -> Recorded {
        if let Some(ended) = self.ended {
            return ended;
        }
        match &self.recording {
            Some(recording) => self.of(recording, recording.recorded()),
            None => Recorded {
                left_out: self.broken,
                ..Recorded::default()
            },
        }
    }

    fn of(&self, recording: &record::Recording, recorded: record::Recorded) -> Recorded {
        Recorded {
            frames: recorded.frames,
            bytes: recorded.bytes,
            duration_ns: recorded.duration_ns,
            skipped: recorded.skipped,
            lost: recording.lost().0,
            left_out: self.broken + recording.left_out(),
            estimated: recording.estimated(),
        }
    }

    fn close(&mut self) -> PyResult<Recorded> {
        if let Some(ended) = self.ended {
            return Ok(ended);
        }
        let so_far = self.recorded();
        self.ended = Some(so_far);
        let Some(recording) = self.recording.take() else {
            return Ok(so_far);
        };
        let recorded = recording.finish().map_err(of_recording)?;
        let ended = Recorded {
            frames: recorded.frames,
            bytes: recorded.bytes,
            duration_ns: recorded.duration_ns,
            ..so_far
        };
        self.ended = Some(ended);
        Ok(ended)
    }
}

#[pymethods]
impl Recorder {
    #[new]
    #[pyo3(signature = (
        path, *, codec = None, fps = None, bitrate = 5_000_000, rate_control = "constant",
        peak = None, quantiser = None, gop = None, backend = "auto", device = None, format = None,
        expected_frames = None, durable = true, whole = false
    ))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn new(
        path: PathBuf,
        codec: Option<&str>,
        fps: Option<&Bound<'_, PyAny>>,
        bitrate: u32,
        rate_control: &str,
        peak: Option<u32>,
        quantiser: Option<u8>,
        gop: Option<u32>,
        backend: &str,
        device: Option<PathBuf>,
        format: Option<&Bound<'_, PyAny>>,
        expected_frames: Option<u64>,
        durable: bool,
        whole: bool,
    ) -> PyResult<Self> {
        let codec = match codec {
            Some(codec) => parse_codec(codec)?,
            None => match record::annex_b(&path) {
                Some(codec) => codec,
                None if record::is_mjpeg(&path) => Codec::Mjpeg,
                None => Codec::H264,
            },
        };
        if !record::is_raw(&path) {
            record::check_path(&path, codec).map_err(|e| invalid(e.to_string()))?;
        }
        let control = parse_rate_control(rate_control, bitrate, peak, quantiser)?;
        let config = config(
            codec,
            control,
            parse_backend(backend)?,
            parse_device(device)?,
        );
        let config = config.durable(durable).whole(whole);
        let config = match gop {
            Some(gop) => config.gop(gop),
            None => config,
        };
        let config = match expected_frames {
            Some(frames) => config.expected_frames(frames),
            None => config,
        };
        Ok(Self {
            path,
            format: format.map(parse_fourcc).transpose()?,
            state: ProcessLocal::new(Mutex::new(State {
                config,
                rate: fps.map(parse_fps).transpose()?,
                recording: None,
                given: 0,
                broken: 0,
                ended: None,
            })),
        })
    }

    /// Adds a Frame, an array, or a Packet of an encoder.
    ///
    /// Pictures are encoded, or written unchanged to `.y4m`. Packets, also those that a client
    /// receives as frames, are written unchanged, from a key frame on. JPEG frames are decoded and
    /// encoded, or kept with the codec "mjpeg". `pts_ns` is the presentation time; by default
    /// frames have their own, and others follow by `fps`. Damaged frames are left out and counted.
    ///
    /// Raises Error if format or size differ from the first picture's, or the file can't be
    /// written.
    #[pyo3(signature = (picture, pts_ns = None))]
    fn write(
        &self,
        py: Python<'_>,
        picture: &Bound<'_, PyAny>,
        pts_ns: Option<u64>,
    ) -> PyResult<()> {
        if let Ok(packet) = picture.cast::<Packet>() {
            let packet = packet.get();
            return py.detach(|| {
                self.with(|state| {
                    state.check(&self.path)?;
                    state.write_packet(&self.path, packet)
                })
            });
        }
        let format = self.format.filter(|_| picture.cast::<Frame>().is_err());
        let source = Source::new(picture, format)?;
        let pixels = source.pixels();
        py.detach(|| {
            pixels.wait_ready()?;
            self.with(|state| {
                state.check(&self.path)?;
                state.write(&self.path, pixels, pts_ns)
            })
        })
    }

    /// Completes the file and returns what it contains. Without a picture no file is created.
    fn close(&self, py: Python<'_>) -> PyResult<Recorded> {
        py.detach(|| self.with(State::close))
    }

    /// What the file contains so far, without the pictures of an incomplete fragment.
    #[getter]
    fn recorded(&self) -> PyResult<Recorded> {
        self.with(|state| Ok(state.recorded()))
    }

    /// Path of the file.
    #[getter]
    fn path(&self) -> String {
        self.path.display().to_string()
    }

    /// Whether `close()` was called.
    #[getter]
    fn is_closed(&self) -> PyResult<bool> {
        self.with(|state| Ok(state.ended.is_some()))
    }

    /// Whether to call `client.ask_for_key_frame()`: packets were lost, or no key frame has arrived
    /// yet. Returns True once for each occasion.
    fn needs_key_frame(&self) -> PyResult<bool> {
        self.with(|state| {
            let recording = state.recording.as_mut();
            Ok(recording.is_some_and(record::Recording::needs_key_frame))
        })
    }

    fn __repr__(&self) -> PyResult<String> {
        self.with(|state| {
            let recorded = state.recorded().describe();
            let open = if state.ended.is_some() { "" } else { ", open" };
            Ok(format!(
                "<videostream.Recorder {:?} {recorded}{open}>",
                self.path.display().to_string()
            ))
        })
    }
}

fn config(
    codec: Codec,
    rate_control: RateControl,
    backend: Backend,
    device: Option<DevicePath>,
) -> RecordingConfig {
    let config = RecordingConfig::new(codec)
        .rate_control(rate_control)
        .backend(backend);
    match device {
        Some(device) => config.device(device),
        None => config,
    }
}

impl Recorder {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> PyResult<T>) -> PyResult<T> {
        act(&mut lock(self.state.get()?))
    }
}

impl ContextManager for Recorder {
    fn exit(slf: &Bound<'_, Self>, has_failed: bool) -> PyResult<()> {
        match slf.get().close(slf.py()) {
            // An exception of the block comes first.
            Err(_) if has_failed => Ok(()),
            closed => closed.map(drop),
        }
    }
}

context_manager!(
    /// Completes the file, also when an exception ends the block.
    Recorder
);
