//! Decoders: packets in, frames out.

mod engine;
mod images;
mod input;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use videostream::convert::check_target;
use videostream::decode::{CodecError, DecoderConfig};
use videostream::encode::{Backend, Codec};

use self::engine::{Engine, State, Stream};
use self::input::{Data, Input, Stamp};
use crate::encoder::options::{backend_name, parse_backend, parse_device};
use crate::error::{codec_error, invalid, to_python};
use crate::fork::ProcessLocal;
use crate::frame::{Frame, parse_fourcc};
use crate::packet::{bytes_like, parse_codec};
use crate::rate::parse_fps;
use crate::wait::lock;

/// Decodes H.264, H.265 and Motion-JPEG to frames.
///
/// - `codec`: "h264", "h265", "mjpeg", or a DecoderCodec.
/// - `fps`: pictures per second, for the times of packets that have none: a number, a Fraction or
///   "30000/1001". By default such frames have no `pts_ns`.
/// - `backend`: "auto" (default: a device, else software), "v4l2", "software", or a CodecBackend.
/// - `format`: pixel format of the frames; NV12 by default.
/// - `device`: path of the device to use.
///
/// Frames have their own memory, in dma-bufs if the machine has them, and can be posted, drawn into
/// and kept. Decoding begins at a key frame: earlier packets are skipped and counted in `skipped`.
#[pyclass(module = "videostream", frozen, weakref)]
pub(crate) struct Decoder {
    codec: Codec,
    state: ProcessLocal<Mutex<State>>,
}

/// Parses a codec: its name, or its number in the 2.x package.
fn parse_any_codec(codec: &Bound<'_, PyAny>) -> PyResult<Codec> {
    match codec.extract::<i64>() {
        Ok(0) => return Ok(Codec::H264),
        Ok(1) => return Ok(Codec::H265),
        Ok(number) => {
            return Err(invalid(format!(
                "codec={number}: expected \"h264\", \"h265\", \"mjpeg\" or a DecoderCodec"
            )));
        }
        Err(_) => {}
    }
    let name: String = codec.extract().map_err(|_| {
        PyTypeError::new_err(format!(
            "codec: expected \"h264\", \"h265\", \"mjpeg\" or a DecoderCodec, not {}",
            codec.get_type()
        ))
    })?;
    parse_codec(&name)
}

/// Parses a backend: its name, or its number in the 2.x package.
fn parse_any_backend(backend: Option<&Bound<'_, PyAny>>) -> PyResult<Backend> {
    let Some(backend) = backend else {
        return Ok(Backend::Auto);
    };
    match backend.extract::<i64>() {
        Ok(0) => return Ok(Backend::Auto),
        // The Hantro VPU is driven through V4L2.
        Ok(1 | 2) => return Ok(Backend::V4l2),
        Ok(number) => {
            return Err(invalid(format!(
                "backend={number}: expected \"auto\", \"v4l2\", \"software\" or a CodecBackend"
            )));
        }
        Err(_) => {}
    }
    let name: String = backend.extract().map_err(|_| {
        PyTypeError::new_err(format!(
            "backend: expected \"auto\", \"v4l2\", \"software\" or a CodecBackend, not {}",
            backend.get_type()
        ))
    })?;
    parse_backend(&name)
}

#[pymethods]
impl Decoder {
    #[new]
    #[pyo3(signature = (codec, fps = None, backend = None, *, format = None, device = None))]
    fn new(
        py: Python<'_>,
        codec: &Bound<'_, PyAny>,
        fps: Option<&Bound<'_, PyAny>>,
        backend: Option<&Bound<'_, PyAny>>,
        format: Option<&Bound<'_, PyAny>>,
        device: Option<PathBuf>,
    ) -> PyResult<Self> {
        let codec = parse_any_codec(codec)?;
        let backend = parse_any_backend(backend)?;
        let format = format.map(parse_fourcc).transpose()?;
        if let Some(fourcc) = format {
            check_target(fourcc).map_err(|e| to_python(videostream::Error::Picture(e)))?;
        }
        let rate = fps.map(parse_fps).transpose()?;
        let device = parse_device(device)?;
        let engine = match codec {
            Codec::Mjpeg => Engine::Jpeg(Box::default()),
            codec => {
                let mut config = DecoderConfig::new(codec).backend(backend);
                if let Some(device) = device {
                    config = config.device(device);
                }
                Engine::Stream(Box::new(py.detach(|| Stream::new(config, codec, format))?))
            }
        };
        Ok(Self {
            codec,
            state: ProcessLocal::new(Mutex::new(State {
                engine,
                format,
                rate,
                pool: Arc::default(),
                waiting: VecDeque::new(),
                size: None,
                skipped: 0,
                shown: 0,
            })),
        })
    }

    /// Decodes a Packet, a compressed Frame of a client, or the bytes of one or more pictures, and
    /// returns the frames that are ready, in presentation order.
    ///
    /// `pts_ns` is the presentation time of the first picture. It defaults to that of the packet,
    /// or follows from the picture's number and `fps`. A decoder may hold pictures back: `flush()`
    /// returns them.
    ///
    /// Raises Error with EBADMSG for damaged data; decoding resumes at the next key frame.
    #[pyo3(signature = (packet, pts_ns = None))]
    fn decode(
        &self,
        py: Python<'_>,
        packet: &Bound<'_, PyAny>,
        pts_ns: Option<i64>,
    ) -> PyResult<Vec<Frame>> {
        let input = Input::new(packet)?;
        let data = input.data();
        self.check(data)?;
        let stamp = data.stamp();
        let stamp = Stamp {
            pts_ns: pts_ns.or(stamp.pts_ns),
            ..stamp
        };
        py.detach(|| data.see(|bytes| self.with(|state| state.decode(bytes, stamp))))
    }

    /// Ends the stream and returns the frames that were held back. Another stream may begin.
    fn flush(&self, py: Python<'_>) -> PyResult<Vec<Frame>> {
        py.detach(|| {
            self.with(|state| {
                state.flush()?;
                Ok(std::mem::take(&mut state.waiting).into())
            })
        })
    }

    /// Decodes the first picture of `data`, as in the 2.x package. Returns a DecodeReturnCode, the
    /// number of bytes consumed, and a frame or None. Empty data flushes the decoder.
    ///
    /// Raises Error for damaged data; its attribute `consumed` is the number of bytes consumed.
    fn decode_frame<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
    ) -> PyResult<(Bound<'py, PyAny>, usize, Option<Frame>)> {
        let bytes = bytes_like("data", data)?;
        let step = py.detach(|| self.with(|state| Ok(state.step(&bytes))))?;
        if let Some(error) = step.failure {
            error.value(py).setattr("consumed", step.used)?;
            if let Some(frame) = step.frame {
                self.with(|state| {
                    state.waiting.push_front(frame);
                    Ok(())
                })?;
            }
            return Err(error);
        }
        let code = 2 * u8::from(step.has_new_size) + 4 * u8::from(step.frame.is_some());
        let codes = py.import("videostream.decoder")?;
        let code = codes.getattr("DecodeReturnCode")?.call1((code,))?;
        Ok((code, step.used, step.frame))
    }

    /// The codec: "h264", "h265", "mjpeg".
    #[getter]
    fn codec(&self) -> &'static str {
        self.codec.name()
    }

    /// Width of the last picture in pixels; 0 before the first.
    #[getter]
    fn width(&self) -> PyResult<u32> {
        self.with(|state| Ok(state.size.unwrap_or_default().0))
    }

    /// Height of the last picture in pixels; 0 before the first.
    #[getter]
    fn height(&self) -> PyResult<u32> {
        self.with(|state| Ok(state.size.unwrap_or_default().1))
    }

    /// Number of packets that were skipped for lack of a key frame before them.
    #[getter]
    fn skipped(&self) -> PyResult<u64> {
        self.with(|state| Ok(state.skipped))
    }

    /// Backend in use: "software" or "v4l2".
    #[getter]
    fn backend(&self) -> PyResult<&'static str> {
        self.with(|state| {
            Ok(match &state.engine {
                Engine::Stream(stream) => backend_name(stream.inner.backend()),
                Engine::Jpeg(_) => "software",
            })
        })
    }

    /// Path of the device in use; None for software.
    #[getter]
    fn device(&self) -> PyResult<Option<String>> {
        self.with(|state| {
            Ok(match &state.engine {
                Engine::Stream(stream) => stream.inner.device().map(|p| p.display().to_string()),
                Engine::Jpeg(_) => None,
            })
        })
    }

    fn __repr__(&self) -> PyResult<String> {
        self.with(|state| {
            let size = match state.size {
                Some((width, height)) => format!(" {width}x{height}"),
                None => String::new(),
            };
            Ok(format!(
                "<videostream.Decoder {}{size} frames={}>",
                self.codec.name(),
                state.shown
            ))
        })
    }
}

impl Decoder {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> PyResult<T>) -> PyResult<T> {
        act(&mut lock(self.state.get()?))
    }

    fn check(&self, data: Data<'_>) -> PyResult<()> {
        match (data, data.codec()) {
            (_, Some(codec)) if codec == self.codec => Ok(()),
            (Data::Bytes(_), None) => Ok(()),
            (Data::Frame(frame), None) => Err(invalid(format!(
                "the frame is {}, not a packet: expected {}",
                frame.info().fourcc(),
                self.codec
            ))),
            (_, Some(has)) => Err(codec_error(&CodecError::Codec {
                has,
                wants: self.codec,
            })),
            (Data::Packet(_), None) => Ok(()),
        }
    }
}
