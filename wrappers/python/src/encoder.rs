//! Encoders: frames and arrays in, packets out.

use std::path::PathBuf;

use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rustix::io::Errno;
use videostream::encode::{
    self, Backend, Codec, DevicePath, EncodeError, EncoderConfig, Level, Profile, RateControl,
};
use videostream::hal::format::{FourCc, Layout, PlaneLayout};
use videostream::hal::ring::MAX_PLANES;
use videostream::hal::ring::descriptor::NO_TIME;
use videostream::hal::time::deadline_in;
use videostream::{DmaBufPicture, FrameRate, Rect, jpeg};

use crate::convert::{Crop, Pixels, Source, Worker};
use crate::error::{Kind, invalid, raise, to_python};
use crate::fork::Native;
use crate::frame::{Frame, parse_fourcc};
use crate::packet::{Packet, name_of, parse_codec, parse_fps};
use crate::wait::lock;

/// How long a device is waited for that must give a packet first, in nanoseconds.
const PATIENCE_NS: u64 = 1_000_000_000;

/// Encodes frames and arrays to H.264 or H.265.
///
/// - `codec`: "h264" (default) or "h265".
/// - `size`: (width, height); that of the first picture by default.
/// - `fps`: pictures a second, 30 by default: a number, a Fraction, "30000/1001" or (30000, 1001).
/// - `format`: of the pictures that come in; that of the first by default.
/// - `bitrate`: bits per second, 5,000,000 by default. `rate_control` is "constant" (default) or
///   "variable"; then `peak` are the bits per second that are not exceeded for long. `quantiser` (0, the best,
///   to 51) instead of all that keeps the quality.
/// - `gop`: pictures from one key frame to the next: those of a second by default, 0 for the first only.
/// - `profile`: "baseline", "main", "high" (default of H.264).
/// - `level`: such as "4.1", that decoders have to know; the lowest that fits by default.
/// - `quantiser_range`: (finest, coarsest) that rate control may choose.
/// - `repeat_parameter_sets`: whether every key frame has them (default), or the first only.
/// - `crop`: (x, y, width, height), the part that is encoded; even numbers.
/// - `backend`: "auto" (default: a device, else software), "v4l2", "software".
/// - `device`: the path of a device.
///
/// It is made with the first picture, or at once if `size` and `format` are given: what it can't do is an
/// Error, which says what it can.
#[pyclass(module = "videostream", frozen, weakref)]
pub(crate) struct Encoder {
    codec: Codec,
    state: Native<Mutex<State>>,
}

struct State {
    options: Options,
    encoder: Option<encode::Encoder>,
    /// Pictures of this stream so far.
    count: u64,
}

/// How a stream is to be, beside format and size.
#[derive(Clone)]
struct Options {
    codec: Codec,
    size: Option<(u32, u32)>,
    format: Option<FourCc>,
    rate: FrameRate,
    rate_control: RateControl,
    gop: Option<u32>,
    profile: Option<Profile>,
    level: Option<Level>,
    quantisers: Option<(u8, u8)>,
    repeat_sets: bool,
    crop: Option<Rect>,
    backend: Backend,
    device: Option<DevicePath>,
}

impl Options {
    /// The defaults.
    fn config(&self, (fourcc, width, height): (FourCc, u32, u32)) -> EncoderConfig {
        let mut config = EncoderConfig::new(self.codec, fourcc, width, height, self.rate)
            .rate_control(self.rate_control)
            .parameter_sets_with_every_key_frame(self.repeat_sets)
            .backend(self.backend);
        if let Some(gop) = self.gop {
            config = config.gop(gop);
        }
        if let Some(profile) = self.profile {
            config = config.profile(profile);
        }
        if let Some(level) = self.level {
            config = config.level(level);
        }
        if let Some((finest, coarsest)) = self.quantisers {
            config = config.quantiser_range(finest, coarsest);
        }
        if let Some(crop) = self.crop {
            config = config.crop(crop);
        }
        if let Some(device) = self.device {
            config = config.device(device);
        }
        config
    }
}

impl State {
    /// The encoder, made for pictures like this one if there is none.
    fn encoder(&mut self, pixels: &Pixels<'_>) -> PyResult<&mut encode::Encoder> {
        if self.encoder.is_none() {
            let (mut fourcc, width, height) = pixels.like()?;
            let appearance = pixels.appearance();
            let is_jpeg = jpeg::is_jpeg(fourcc);
            if is_jpeg {
                fourcc = FourCc::YU12;
            }
            let (width, height) = self.options.size.unwrap_or((width, height));
            let like = (self.options.format.unwrap_or(fourcc), width, height);
            // RGB becomes NV12 or the like.
            let coded = appearance.converted(fourcc, FourCc::NV12);
            let config = self.options.config(like).appearance(coded);
            let config = match pixels {
                Pixels::Frame(frame) if !is_jpeg => config.strides(&layout_of(frame)),
                _ => config,
            };
            self.encoder = Some(encode::Encoder::new(&config).map_err(|e| of_encoder(&e))?);
            self.count = 0;
        }
        match &mut self.encoder {
            Some(encoder) => Ok(encoder),
            None => unreachable!("made above"),
        }
    }

    fn encode(&mut self, pixels: &Pixels<'_>, pts_ns: Option<u64>) -> PyResult<Vec<Packet>> {
        let number = self.count;
        let pts_ns = pts_ns.unwrap_or_else(|| time_of(pixels, self.options.rate, number));
        let encoder = self.encoder(pixels)?;
        let mut packets = Vec::new();
        submit(encoder, pixels, pts_ns, &mut |packet| {
            packets.push(Packet::from(packet));
            Ok(())
        })?;
        self.count += 1;
        Ok(packets)
    }

    fn flush(&mut self) -> PyResult<Vec<Packet>> {
        let mut packets = Vec::new();
        if let Some(mut encoder) = self.encoder.take() {
            encoder.finish().map_err(|e| of_encoder(&e))?;
            drain(&mut encoder, &mut |packet| {
                packets.push(Packet::from(packet));
                Ok(())
            })?;
        }
        self.count = 0;
        Ok(packets)
    }
}

/// When a picture is shown, in nanoseconds: what the frame says, else by its number.
fn time_of(pixels: &Pixels<'_>, rate: FrameRate, number: u64) -> u64 {
    if let Pixels::Frame(frame) = pixels {
        let descriptor = &frame.about().descriptor;
        if descriptor.pts_ns != NO_TIME
            && let Ok(pts_ns) = u64::try_from(descriptor.pts_ns)
        {
            return pts_ns;
        }
        if descriptor.timestamp_ns != 0 {
            return descriptor.timestamp_ns;
        }
    }
    rate.time_ns(number)
}

/// What takes packets.
pub(crate) type Sink<'s> = &'s mut dyn FnMut(&encode::Packet<'_>) -> PyResult<()>;

/// Gives `encoder` a picture, and `sink` the packets that are ready. A device reads the picture where
/// it lies if it can, and has done so when this returns.
fn submit(
    encoder: &mut encode::Encoder,
    pixels: &Pixels<'_>,
    pts_ns: u64,
    sink: Sink<'_>,
) -> PyResult<()> {
    let is_jpeg = jpeg::is_jpeg(pixels.like()?.0);
    let mut reading = None;
    repeat(encoder, sink, |encoder| match pixels {
        Pixels::Frame(frame) if encoder.device().is_some() && !is_jpeg => {
            let submitted = with_dmabuf(frame, |picture| encoder.submit_dmabuf(picture, pts_ns))?;
            Ok(submitted.map(|submitted| reading = Some(submitted)))
        }
        _ => pixels.see(|picture| match is_jpeg {
            true => Worker::with(|worker| {
                worker.unpacked(picture, |picture| Ok(encoder.submit(picture, pts_ns)))
            }),
            false => Ok(encoder.submit(picture, pts_ns)),
        }),
    })?;
    if let Some(reading) = reading {
        repeat(
            encoder,
            sink,
            |encoder| Ok(encoder.finish_reading(&reading)),
        )?;
    }
    drain(encoder, sink)
}

/// Takes packets out of the way of `act`.
fn repeat(
    encoder: &mut encode::Encoder,
    sink: Sink<'_>,
    mut act: impl FnMut(&mut encode::Encoder) -> PyResult<Result<(), EncodeError>>,
) -> PyResult<()> {
    loop {
        match act(encoder)? {
            Err(EncodeError::PacketWaiting) => {
                let ready = encoder.wait(deadline_in(PATIENCE_NS));
                if !ready.map_err(|e| of_encoder(&e))? {
                    let why = "the encoder takes no picture and gives no packet";
                    return Err(raise(Kind::Other, Errno::TIMEDOUT, why, None));
                }
                drain(encoder, sink)?;
            }
            result => return result.map_err(|e| of_encoder(&e)),
        }
    }
}

fn drain(encoder: &mut encode::Encoder, sink: Sink<'_>) -> PyResult<()> {
    while let Some(packet) = encoder.receive().map_err(|e| of_encoder(&e))? {
        sink(&packet)?;
    }
    Ok(())
}

fn of_encoder(error: &EncodeError) -> PyErr {
    let errno = match error {
        EncodeError::Mismatch { .. } | EncodeError::Value { .. } | EncodeError::NoBitrate => {
            Errno::INVAL
        }
        EncodeError::TooDetailed { .. } => Errno::MSGSIZE,
        EncodeError::NoDevice(_) | EncodeError::NoBackend(_) | EncodeError::Library(_) => {
            Errno::NODEV
        }
        _ => Errno::IO,
    };
    raise(Kind::Other, errno, &error.to_string(), None)
}

/// Where the planes of a frame lie, by the descriptors of its memory.
fn layout_of(frame: &Frame) -> Layout {
    let d = &frame.described();
    let fourcc = frame.about().fourcc();
    let mut layout = Layout::opaque(fourcc, d.width, d.height, 0, d.bytes_used);
    layout.plane_count = d.planes().len();
    for (to, plane) in layout.planes.iter_mut().zip(d.planes()) {
        *to = PlaneLayout {
            offset: plane.offset,
            stride: plane.stride,
            size: plane.size,
            memory: 0,
        };
    }
    layout
}

/// Runs `act` with the memory of a frame, for a device that reads it where it lies.
pub(crate) fn with_dmabuf<T>(
    frame: &Frame,
    act: impl FnOnce(&DmaBufPicture<'_>) -> T,
) -> PyResult<T> {
    use std::os::fd::{AsRawFd, BorrowedFd};
    let owner = frame.shared().memory()?;
    let memory = owner.get()?;
    let mut layout = layout_of(frame);
    let mut parts: Vec<BorrowedFd<'_>> = Vec::with_capacity(MAX_PLANES);
    let count = layout.plane_count;
    for (at, plane) in layout.planes.iter_mut().enumerate().take(count) {
        let Some((fd, offset)) = memory.plane_fd(at) else {
            let why = "the frame has no memory of a descriptor";
            return Err(raise(Kind::Other, Errno::BADF, why, None));
        };
        let known = parts
            .iter()
            .position(|part| part.as_raw_fd() == fd.as_raw_fd());
        let part = known.unwrap_or(parts.len());
        if part == parts.len() {
            parts.push(fd);
        }
        (plane.memory, plane.offset) = (part as u32, offset);
    }
    let picture = DmaBufPicture::new(&layout, &parts).map_err(|e| to_python(e.into()))?;
    Ok(act(&picture))
}

/// Who encodes or decodes, by name.
pub(crate) fn parse_backend(name: &str) -> PyResult<Backend> {
    Backend::from_name(name).ok_or_else(|| {
        invalid(format!(
            "backend={name:?}: expected \"auto\", \"v4l2\" or \"software\""
        ))
    })
}

/// A device by its path.
pub(crate) fn parse_device(path: Option<PathBuf>) -> PyResult<Option<DevicePath>> {
    path.map(|path| {
        DevicePath::new(&path).ok_or_else(|| {
            invalid(format!(
                "device={:?}: expected a path of at most {} bytes",
                path.display().to_string(),
                DevicePath::MAX
            ))
        })
    })
    .transpose()
}

fn parse_level(level: &str) -> PyResult<Level> {
    let parts = level.split_once('.').unwrap_or((level, "0"));
    match (parts.0.parse(), parts.1.parse()) {
        (Ok(major), Ok(minor)) => Ok(Level::new(major, minor)),
        _ => Err(invalid(format!(
            "level={level:?}: expected one such as \"4.1\""
        ))),
    }
}

fn parse_profile(profile: &str) -> PyResult<Profile> {
    match profile {
        "baseline" => Ok(Profile::Baseline),
        "main" => Ok(Profile::Main),
        "high" => Ok(Profile::High),
        other => Err(invalid(format!(
            "profile={other:?}: expected \"baseline\", \"main\" or \"high\""
        ))),
    }
}

pub(crate) fn parse_rate_control(
    kind: &str,
    bitrate: u32,
    peak: Option<u32>,
    quantiser: Option<u8>,
) -> PyResult<RateControl> {
    match (kind, peak, quantiser) {
        (_, None, Some(quantiser)) => Ok(RateControl::Quantiser(quantiser)),
        (_, Some(_), Some(_)) => Err(invalid("a quantiser has no peak: leave one of them out")),
        ("constant", None, None) => Ok(RateControl::Constant(bitrate)),
        ("variable", peak, None) => Ok(RateControl::Variable { bitrate, peak }),
        ("constant", Some(_), None) => Err(invalid("a peak needs rate_control=\"variable\"")),
        (other, ..) => Err(invalid(format!(
            "rate_control={other:?}: expected \"constant\" or \"variable\""
        ))),
    }
}

#[pymethods]
impl Encoder {
    #[new]
    #[pyo3(signature = (
        codec = "h264", size = None, fps = None, *, format = None, bitrate = 5_000_000,
        rate_control = "constant", peak = None, quantiser = None, gop = None, profile = None,
        level = None, quantiser_range = None, repeat_parameter_sets = true, crop = None,
        backend = "auto", device = None
    ))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn new(
        py: Python<'_>,
        codec: &str,
        size: Option<(u32, u32)>,
        fps: Option<&Bound<'_, PyAny>>,
        format: Option<&Bound<'_, PyAny>>,
        bitrate: u32,
        rate_control: &str,
        peak: Option<u32>,
        quantiser: Option<u8>,
        gop: Option<u32>,
        profile: Option<&str>,
        level: Option<&str>,
        quantiser_range: Option<(u8, u8)>,
        repeat_parameter_sets: bool,
        crop: Option<Crop>,
        backend: &str,
        device: Option<PathBuf>,
    ) -> PyResult<Self> {
        let codec = parse_codec(codec)?;
        if codec == Codec::Mjpeg {
            return Err(invalid(
                "codec=\"mjpeg\": nothing here encodes Motion-JPEG: expected \"h264\" or \"h265\"",
            ));
        }
        let options = Options {
            codec,
            size,
            format: format.map(parse_fourcc).transpose()?,
            rate: match fps {
                Some(fps) => parse_fps(fps)?,
                None => FrameRate::fps(30).map_err(|e| invalid(e.to_string()))?,
            },
            rate_control: parse_rate_control(rate_control, bitrate, peak, quantiser)?,
            gop,
            profile: profile.map(parse_profile).transpose()?,
            level: level.map(parse_level).transpose()?,
            quantisers: quantiser_range,
            repeat_sets: repeat_parameter_sets,
            crop: crop.map(|(x, y, width, height)| Rect {
                x,
                y,
                width,
                height,
            }),
            backend: parse_backend(backend)?,
            device: parse_device(device)?,
        };
        let encoder = match (options.format, options.size) {
            (Some(fourcc), Some((width, height))) => {
                let config = options.config((fourcc, width, height));
                let made = py.detach(|| encode::Encoder::new(&config));
                Some(made.map_err(|e| of_encoder(&e))?)
            }
            _ => None,
        };
        Ok(Self {
            codec,
            state: Native::new(Mutex::new(State {
                options,
                encoder,
                count: 0,
            })),
        })
    }

    /// Encodes a Frame, or an array of bytes in the encoder's format ((height, width, 3) is RGB3), and
    /// gives the packets that are ready: from software one, from a device those of earlier pictures.
    ///
    /// `pts_ns` is when it is shown; by default the frame's own time (`pts_ns`, else `timestamp_ns`),
    /// of arrays the number of the picture by `fps`. Frames of JPEG (MJPG) are decoded first. A device
    /// reads frames in dma-bufs where they lie.
    ///
    /// Raises Error for pictures of another format or size than the first.
    #[pyo3(signature = (picture, pts_ns = None))]
    fn encode(
        &self,
        py: Python<'_>,
        picture: &Bound<'_, PyAny>,
        pts_ns: Option<u64>,
    ) -> PyResult<Vec<Packet>> {
        let asked = self.with(|state| Ok(state.options.format))?;
        let is_frame = picture.cast::<Frame>().is_ok();
        let source = Source::new(picture, asked.filter(|_| !is_frame))?;
        let pixels = source.pixels();
        py.detach(|| {
            pixels.wait_ready()?;
            self.with(|state| state.encode(&pixels, pts_ns))
        })
    }

    /// Ends the stream and gives its last packets. The next picture begins a new one.
    fn flush(&self, py: Python<'_>) -> PyResult<Vec<Packet>> {
        py.detach(|| self.with(State::flush))
    }

    /// Makes the next picture a key frame.
    fn force_key_frame(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| {
            self.with(|state| {
                if let Some(encoder) = &mut state.encoder {
                    encoder.force_key_frame();
                }
                Ok(())
            })
        })
    }

    /// Changes the bitrate, in bits per second, from the next picture on.
    fn set_bitrate(&self, py: Python<'_>, bitrate: u32) -> PyResult<()> {
        py.detach(|| {
            self.with(|state| {
                if let Some(encoder) = &mut state.encoder {
                    encoder.set_bitrate(bitrate).map_err(|e| of_encoder(&e))?;
                }
                let control = match state.options.rate_control {
                    RateControl::Variable { peak, .. } => RateControl::Variable {
                        bitrate,
                        peak: peak.map(|peak| peak.max(bitrate)),
                    },
                    RateControl::Quantiser(_) => return Err(of_encoder(&EncodeError::NoBitrate)),
                    _ => RateControl::Constant(bitrate),
                };
                state.options.rate_control = control;
                Ok(())
            })
        })
    }

    /// The codec: "h264", "h265".
    #[getter]
    fn codec(&self) -> &'static str {
        name_of(self.codec)
    }

    /// The parameter sets of the stream, where the encoder knows them before the first packet; else
    /// None.
    #[getter]
    fn parameter_sets<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        self.with(|state| {
            let sets = state.encoder.as_ref().and_then(|e| e.parameter_sets());
            Ok(sets.map(|sets| PyBytes::new(py, sets)))
        })
    }

    /// Who encodes: "software", "v4l2"; None before there is an encoder.
    #[getter]
    fn backend(&self) -> PyResult<Option<&'static str>> {
        self.with(|state| Ok(state.encoder.as_ref().map(|e| backend_name(e.backend()))))
    }

    /// The path of the device that encodes; None for software.
    #[getter]
    fn device(&self) -> PyResult<Option<String>> {
        self.with(|state| {
            let device = state.encoder.as_ref().and_then(|encoder| encoder.device());
            Ok(device.map(|path| path.display().to_string()))
        })
    }

    /// Pictures that were copied on the way into the encoder, as a whole or in part.
    #[getter]
    fn copied(&self) -> PyResult<u64> {
        self.with(|state| Ok(state.encoder.as_ref().map_or(0, |e| e.copies().pictures)))
    }

    fn __repr__(&self) -> PyResult<String> {
        self.with(|state| {
            let about = match &state.encoder {
                None => "not begun".to_owned(),
                Some(encoder) => {
                    let visible = encoder.config().visible();
                    let by = match encoder.device() {
                        Some(path) => path.display().to_string(),
                        None => "software".to_owned(),
                    };
                    let format = encoder.config().input_format();
                    format!("{format} {}x{} by {by}", visible.width, visible.height)
                }
            };
            Ok(format!(
                "<videostream.Encoder {} {about}>",
                name_of(self.codec)
            ))
        })
    }
}

impl Encoder {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> PyResult<T>) -> PyResult<T> {
        act(&mut lock(self.state.get()?))
    }
}

/// A backend's name.
pub(crate) fn backend_name(backend: Backend) -> &'static str {
    match backend {
        Backend::Software => "software",
        Backend::V4l2 => "v4l2",
        _ => "auto",
    }
}
