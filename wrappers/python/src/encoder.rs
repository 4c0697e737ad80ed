//! Encoders: frames and arrays in, packets out.

pub(crate) mod options;
pub(crate) mod submit;

use std::path::PathBuf;

use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use videostream::encode::{self, Codec, CodecError, RateControl};
use videostream::hal::format::FourCc;
use videostream::hal::ring::descriptor::NO_TIME;
use videostream::{FrameRate, Rect, jpeg};

use self::options::{
    Options, backend_name, parse_backend, parse_device, parse_level, parse_profile,
    parse_rate_control,
};
use self::submit::{drain, layout_of, submit};
use crate::convert::{Crop, Pixels, Source};
use crate::error::{codec_error, invalid};
use crate::fork::ProcessLocal;
use crate::frame::{Frame, parse_fourcc};
use crate::packet::{Packet, parse_codec};
use crate::rate::parse_fps;
use crate::wait::lock;

/// Encodes frames and arrays to H.264 or H.265.
///
/// - `codec`: "h264" (default) or "h265".
/// - `size`: (width, height); that of the first picture by default.
/// - `fps`: pictures per second: a number, a Fraction, "30000/1001" or (30000, 1001); 30 by
///   default.
/// - `format`: input format; that of the first picture by default.
/// - `bitrate`: bits per second; 5,000,000 by default. `rate_control` is "constant" (default) or
///   "variable", with an optional `peak` in bits per second. `quantiser` (0, the best, to 51) sets
///   a constant quality instead.
/// - `gop`: number of pictures from one key frame to the next; by default those of one second, 0
///   for a single key frame at the start.
/// - `profile`: "baseline", "main" or "high" (default for H.264).
/// - `level`: the level that decoders must support, such as "4.1"; the lowest sufficient one by
///   default.
/// - `quantiser_range`: (finest, coarsest) quantiser that rate control may use.
/// - `repeat_parameter_sets`: whether every key frame has them (default), or only the first.
/// - `crop`: (x, y, width, height) of the part to encode; even numbers.
/// - `backend`: "auto" (default: a device, else software), "v4l2" or "software".
/// - `device`: path of the device to use.
///
/// The encoder is opened with the first picture, or at once if `size` and `format` are given.
/// Unsupported options raise Error, which says what is supported.
#[pyclass(module = "videostream", frozen, weakref)]
pub(crate) struct Encoder {
    codec: Codec,
    state: ProcessLocal<Mutex<State>>,
}

struct State {
    options: Options,
    encoder: Option<encode::Encoder>,
    /// Number of pictures encoded so far.
    count: u64,
}

impl State {
    /// Returns the encoder, opening it for pictures like this one if need be.
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
            self.encoder = Some(encode::Encoder::new(&config).map_err(|e| codec_error(&e))?);
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
            encoder.finish().map_err(|e| codec_error(&e))?;
            drain(&mut encoder, &mut |packet| {
                packets.push(Packet::from(packet));
                Ok(())
            })?;
        }
        self.count = 0;
        Ok(packets)
    }
}

/// Returns when a picture is shown, in nanoseconds: the frame's own time, else one by its number.
fn time_of(pixels: &Pixels<'_>, rate: FrameRate, number: u64) -> u64 {
    if let Pixels::Frame(frame) = pixels {
        let descriptor = &frame.info().descriptor;
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
                "codec=\"mjpeg\": Motion-JPEG can't be encoded: expected \"h264\" or \"h265\"",
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
                Some(made.map_err(|e| codec_error(&e))?)
            }
            _ => None,
        };
        Ok(Self {
            codec,
            state: ProcessLocal::new(Mutex::new(State {
                options,
                encoder,
                count: 0,
            })),
        })
    }

    /// Encodes a Frame or an array of bytes in the encoder's format ((height, width, 3) is RGB3),
    /// and returns the packets that are ready: software returns one, a device those of earlier
    /// pictures.
    ///
    /// `pts_ns` is the presentation time. It defaults to the frame's own time (`pts_ns`, else
    /// `timestamp_ns`); for arrays it follows from the picture's number and `fps`. JPEG frames
    /// (MJPG) are decoded first. A device reads frames in dma-bufs in place.
    ///
    /// Raises Error if format or size differ from the first picture's.
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

    /// Ends the stream and returns its last packets. The next picture begins a new stream.
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
                    encoder.set_bitrate(bitrate).map_err(|e| codec_error(&e))?;
                }
                let control = match state.options.rate_control {
                    RateControl::Variable { peak, .. } => RateControl::Variable {
                        bitrate,
                        peak: peak.map(|peak| peak.max(bitrate)),
                    },
                    RateControl::Quantiser(_) => return Err(codec_error(&CodecError::NoBitrate)),
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
        self.codec.name()
    }

    /// Parameter sets of the stream, if the encoder knows them before the first packet, else None.
    #[getter]
    fn parameter_sets<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        self.with(|state| {
            let sets = state.encoder.as_ref().and_then(|e| e.parameter_sets());
            Ok(sets.map(|sets| PyBytes::new(py, sets)))
        })
    }

    /// Backend in use: "software" or "v4l2"; None before the first picture.
    #[getter]
    fn backend(&self) -> PyResult<Option<&'static str>> {
        self.with(|state| Ok(state.encoder.as_ref().map(|e| backend_name(e.backend()))))
    }

    /// Path of the device in use; None for software.
    #[getter]
    fn device(&self) -> PyResult<Option<String>> {
        self.with(|state| {
            let device = state.encoder.as_ref().and_then(|encoder| encoder.device());
            Ok(device.map(|path| path.display().to_string()))
        })
    }

    /// Number of pictures that were copied, wholly or in part, on the way into the encoder.
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
                self.codec.name()
            ))
        })
    }
}

impl Encoder {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> PyResult<T>) -> PyResult<T> {
        act(&mut lock(self.state.get()?))
    }
}
