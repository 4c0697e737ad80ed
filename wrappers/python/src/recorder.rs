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
use videostream::record::{self, Moment, RecordingConfig, Shot};
use videostream::{DmaBufPicture, Error, FrameRate, Picture};

use crate::convert::{Pixels, Source};
use crate::encoder::{parse_backend, parse_device, parse_rate_control, with_dmabuf};
use crate::error::{Kind, invalid, raise, to_python};
use crate::fork::Native;
use crate::frame::{Frame, parse_fourcc};
use crate::packet::{Packet, parse_codec, parse_fps};
use crate::wait::lock;

/// Where times begin that are made of the numbers of pictures: a source that says 0 says nothing.
const START_NS: u64 = 1_000_000_000;

/// Records frames, arrays and packets to a file in the format that its name says.
///
/// `.mp4` is fragmented MP4; `.h264`, `.h265` are byte streams, which have no times; `.y4m` takes raw pictures;
/// `.mjpeg` keeps the JPEG images of a camera, as `.mp4` does with `codec="mjpeg"`. The file takes its name as soon
/// as it plays, and plays up to its last fragment, at most a second, when the program is killed or the power
/// fails.
///
/// - `codec`: "h264" (default, if the name says no other), "h265", "mjpeg".
/// - `fps`: the rate of pictures that have no times (arrays, frames that the program has drawn); 30 by default, or
///   what the first frame says. Frames of sources are shown as they were taken.
/// - `bitrate`: bits per second, 5,000,000 by default. `rate_control` is "constant" (default) or "variable" with
///   a `peak`; `quantiser` (0, the best, to 51) instead keeps the quality.
/// - `gop`: pictures from one key frame to the next: those of a second by default.
/// - `backend`, `device`: who encodes; "auto" by default.
/// - `format`: of arrays; (height, width, 3) is RGB3 by default.
/// - `expected_frames`: how many there will be, about: an MP4 keeps room for its index.
/// - `durable`: whether each fragment is written to the medium before the next (yes).
/// - `whole`: whether the file appears when it is closed, and not at all if it is not (no).
///
/// The file is made with the first picture.
#[pyclass(module = "videostream", frozen, weakref)]
pub(crate) struct Recorder {
    path: PathBuf,
    format: Option<FourCc>,
    state: Native<Mutex<State>>,
}

struct State {
    config: RecordingConfig,
    rate: Option<FrameRate>,
    recording: Option<record::Recording>,
    /// Pictures that were given.
    given: u64,
    /// Those that were damaged, and are left out.
    broken: u64,
    ended: Option<Recorded>,
}

/// What is in a file, and what is not.
#[pyclass(module = "videostream", frozen, get_all)]
#[derive(Clone, Copy, Default)]
pub(crate) struct Recorded {
    /// Frames that can be played.
    frames: u64,
    /// Bytes of the file.
    bytes: u64,
    /// Nanoseconds that it takes to play it.
    duration_ns: u64,
    /// Packets before the first key frame.
    skipped: u64,
    /// Packets that were lost on the way, or of no use after that.
    lost: u64,
    /// Frames that were damaged, or too detailed for the encoder, and are not in it.
    left_out: u64,
    /// Frames whose timestamps made no sense, and that are shown as they came.
    estimated: u64,
}

#[pymethods]
impl Recorded {
    /// Seconds that it takes to play it.
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

/// A picture as a recording takes it.
struct Given<'a> {
    pixels: Pixels<'a>,
    like: (FourCc, u32, u32),
}

impl Shot for Given<'_> {
    fn like(&self) -> (FourCc, u32, u32) {
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

/// What the interpreter says, through the library.
fn of_python(error: PyErr) -> Error {
    Error::Os("reading a frame", std::io::Error::other(error))
}

/// The other way: what was the interpreter's is again.
fn of_recording(error: Error) -> PyErr {
    match error {
        Error::Os(what, error) => match error.downcast::<PyErr>() {
            Ok(error) => error,
            Err(error) => to_python(Error::Os(what, error)),
        },
        error => to_python(error),
    }
}

impl State {
    fn check(&self, path: &std::path::Path) -> PyResult<()> {
        match self.ended {
            None => Ok(()),
            Some(_) => {
                let why = "the recorder is closed: its file is complete";
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
        let given = Given {
            pixels,
            like: pixels.like()?,
        };
        let is_packet = Codec::of_packets(given.like.0).is_some();
        if let Pixels::Frame(frame) = pixels {
            let flags = frame.about().descriptor.flags();
            if flags.contains(Flags::CORRUPTED) && !is_packet {
                self.broken += 1;
                return Ok(());
            }
        }
        let shot: &dyn Shot = match shared {
            Some(frame) => frame,
            None => &given,
        };
        let moment = self.moment(&pixels, pts_ns);
        let recording = match &mut self.recording {
            Some(recording) => recording,
            none => {
                let said = match pixels {
                    Pixels::Frame(frame) => {
                        FrameRate::from_period_ns(frame.about().descriptor.duration_ns)
                    }
                    Pixels::Array(..) => None,
                };
                let config = self
                    .config
                    .rate(self.rate.or(said))
                    .appearance(pixels.appearance());
                let begun = record::Recording::begin(path, &config, shot);
                none.insert(begun.map_err(of_recording)?)
            }
        };
        let added = recording.add(shot, moment, u64::MAX);
        added.map_err(of_recording)?;
        self.given += 1;
        self.broken += u64::from(recording.take_broken().is_some());
        Ok(())
    }

    /// When a picture was taken: as was said, as the frame says, else by its number.
    fn moment(&self, pixels: &Pixels<'_>, pts_ns: Option<u64>) -> Moment {
        let said = match pixels {
            Pixels::Frame(frame) => {
                let descriptor = &frame.about().descriptor;
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
        Moment {
            timestamp_ns: said.unwrap_or(by_number),
            arrival_ns: match pixels {
                Pixels::Frame(frame) if frame.about().descriptor.published_ns != 0 => {
                    frame.about().descriptor.published_ns
                }
                _ => now_ns(),
            },
        }
    }

    fn write_packet(&mut self, path: &PathBuf, packet: &Packet) -> PyResult<()> {
        let packet = packet.inner();
        let recording = match &mut self.recording {
            Some(recording) => recording,
            // No decoder could begin with it.
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
            state: Native::new(Mutex::new(State {
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
    /// Pictures are encoded, or written as they are to `.y4m`. Frames that are packets of a host, and packets
    /// of an encoder, are written as they are from a key frame on. Frames of JPEG are decoded and encoded,
    /// or kept with the codec "mjpeg". `pts_ns` says when a picture is shown; by default frames do, and others
    /// follow by `fps`. Frames that are damaged are left out and counted.
    ///
    /// Raises Error for another format or size than the first, and where the file can't be written.
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

    /// Completes the file, and gives what is in it. Without a picture there is no file.
    fn close(&self, py: Python<'_>) -> PyResult<Recorded> {
        py.detach(|| self.with(State::close))
    }

    /// What is in the file now; pictures that wait for their fragment to be complete are not counted.
    #[getter]
    fn recorded(&self) -> PyResult<Recorded> {
        self.with(|state| Ok(state.recorded()))
    }

    /// The file.
    #[getter]
    fn path(&self) -> String {
        self.path.display().to_string()
    }

    /// Whether `close()` was called.
    #[getter]
    fn is_closed(&self) -> PyResult<bool> {
        self.with(|state| Ok(state.ended.is_some()))
    }

    /// Whether it is time for `client.ask_for_key_frame()`: packets of a host were lost, or none has come
    /// that decoding can start with. True once for each time.
    fn needs_key_frame(&self) -> PyResult<bool> {
        self.with(|state| {
            let recording = state.recording.as_mut();
            Ok(recording.is_some_and(record::Recording::needs_key_frame))
        })
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// Completes the file, whatever has ended the block.
    fn __exit__(
        &self,
        py: Python<'_>,
        kind: &Bound<'_, PyAny>,
        _value: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        match self.close(py) {
            // What has ended the block comes first.
            Err(_) if !kind.is_none() => Ok(()),
            closed => closed.map(drop),
        }
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
