//! Decoders: packets in, frames out.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use rustix::io::Errno;
use videostream::convert::{Options, is_known};
use videostream::decode::{self, DecodeError, Decoded, DecoderConfig};
use videostream::encode::{self, Backend, Codec, UnitFinder};
use videostream::hal::format::{FourCc, Layout};
use videostream::hal::ring::descriptor::NO_TIME;
use videostream::hal::time::deadline_in;
use videostream::jpeg::{self, JpegDecoder, JpegError};
use videostream::{Appearance, Colorimetry, FrameRate, Picture, PictureMut};

use crate::convert::{Worker, appear, bytes_of, of_jpeg};
use crate::encoder::{backend_name, parse_backend, parse_device};
use crate::error::{Kind, invalid, raise, to_python};
use crate::fork::Native;
use crate::frame::{About, Frame, describe, parse_fourcc};
use crate::packet::{Packet, bytes_like, name_of, parse_codec, parse_fps};
use crate::pool::Pool;
use crate::wait::lock;

/// How long a device is waited for where a call has to have something, in nanoseconds.
const PATIENCE_NS: u64 = 100_000_000;
/// Frames that may wait before `decode_frame` takes no more.
const MAX_WAITING: usize = 8;
/// From picture to picture, in what a backend takes for times: they find back to what was said of a packet.
const STEP_NS: u64 = 1_000_000;
/// Packets whose pictures have not come.
const MAX_STAMPS: usize = 64;

/// Decodes H.264, H.265 and Motion-JPEG to frames.
///
/// - `codec`: "h264", "h265", "mjpeg", or a DecoderCodec.
/// - `fps`: pictures a second, which times are made of where nobody says them: a number, a Fraction,
///   "30000/1001". None by default: such frames have no `pts_ns`.
/// - `backend`: "auto" (default: a device, else software), "v4l2", "software", or a CodecBackend.
/// - `format`: of the frames; NV12 by default.
/// - `device`: the path of a device.
///
/// Frames lie in memory of their own, in dma-bufs where the machine has them, and can be posted, drawn into
/// and kept. Decoding begins at a key frame: packets before are left out, and counted in `skipped`.
#[pyclass(module = "videostream", frozen, weakref)]
pub(crate) struct Decoder {
    codec: Codec,
    state: Native<Mutex<State>>,
}

struct State {
    engine: Engine,
    format: Option<FourCc>,
    rate: Option<FrameRate>,
    pool: Arc<Pool>,
    waiting: VecDeque<Frame>,
    size: Option<(u32, u32)>,
    skipped: u64,
    /// Pictures that came out.
    shown: u64,
}

enum Engine {
    Stream(Box<Stream>),
    Jpeg(Box<Images>),
}

struct Stream {
    codec: Codec,
    inner: decode::Decoder,
    finder: UnitFinder,
    /// Parameter sets and the like, which belong before the next picture.
    before: Vec<u8>,
    /// What was said of packets whose pictures have not come.
    stamps: BTreeMap<u64, Stamp>,
    count: u64,
    /// Something has come since the last end.
    holds: bool,
}

#[derive(Default)]
struct Images {
    decoder: JpegDecoder,
    memory: Vec<u8>,
    size: (u32, u32),
}

/// What is known of a packet beside its bytes.
#[derive(Clone, Copy, Default)]
struct Stamp {
    pts_ns: Option<i64>,
    timestamp_ns: u64,
    sequence: u64,
    duration_ns: u64,
}

/// Bytes to be decoded, by their owner.
enum Input<'py> {
    Packet(Bound<'py, Packet>),
    Frame(Bound<'py, Frame>),
    Bytes(Vec<u8>),
}

/// What can be used while other threads run Python.
#[derive(Clone, Copy)]
enum Data<'a> {
    Packet(&'a Packet),
    Frame(&'a Frame),
    Bytes(&'a [u8]),
}

impl<'py> Input<'py> {
    fn new(object: &Bound<'py, PyAny>) -> PyResult<Self> {
        if let Ok(packet) = object.cast::<Packet>() {
            return Ok(Self::Packet(packet.clone()));
        }
        if let Ok(frame) = object.cast::<Frame>() {
            return Ok(Self::Frame(frame.clone()));
        }
        Ok(Self::Bytes(bytes_like("packet", object)?))
    }

    fn data(&self) -> Data<'_> {
        match self {
            Self::Packet(packet) => Data::Packet(packet.get()),
            Self::Frame(frame) => Data::Frame(frame.get()),
            Self::Bytes(bytes) => Data::Bytes(bytes),
        }
    }
}

impl Data<'_> {
    /// Its codec, if it says one.
    fn codec(self) -> Option<Codec> {
        match self {
            Self::Packet(packet) => Some(packet.kind()),
            Self::Frame(frame) if jpeg::is_jpeg(frame.about().fourcc()) => Some(Codec::Mjpeg),
            Self::Frame(frame) => Codec::of_packets(frame.about().fourcc()),
            Self::Bytes(_) => None,
        }
    }

    fn stamp(self) -> Stamp {
        match self {
            Self::Packet(packet) => Stamp {
                pts_ns: i64::try_from(packet.shown_ns()).ok(),
                ..Stamp::default()
            },
            Self::Frame(frame) => {
                let descriptor = &frame.about().descriptor;
                Stamp {
                    pts_ns: Some(descriptor.pts_ns).filter(|time| *time != NO_TIME),
                    timestamp_ns: descriptor.timestamp_ns,
                    sequence: descriptor.sequence,
                    duration_ns: descriptor.duration_ns,
                }
            }
            Self::Bytes(_) => Stamp::default(),
        }
    }

    fn see<T>(self, look: impl FnOnce(&[u8]) -> PyResult<T>) -> PyResult<T> {
        match self {
            Self::Packet(packet) => look(packet.data()),
            Self::Frame(frame) => frame.see(|picture| look(bytes_of(picture))),
            Self::Bytes(bytes) => look(bytes),
        }
    }
}

/// An exception for an error of a decoder.
fn of_decoder(error: &DecodeError) -> PyErr {
    let errno = match error {
        DecodeError::Corrupt { .. } => Errno::BADMSG,
        DecodeError::NoDevice(_) | DecodeError::NoBackend(_) | DecodeError::Library(_) => {
            Errno::NODEV
        }
        DecodeError::Codec { .. } | DecodeError::Format { .. } | DecodeError::Target(_) => {
            Errno::INVAL
        }
        DecodeError::TooLarge { .. } => Errno::MSGSIZE,
        DecodeError::Unsupported { .. } | DecodeError::UnknownBackend(_) => Errno::NOTSUP,
        _ => Errno::IO,
    };
    raise(Kind::Other, errno, &error.to_string(), None)
}

impl Stream {
    fn new(config: DecoderConfig, codec: Codec, format: Option<FourCc>) -> PyResult<Self> {
        let made = match format {
            // What the backend does not give is converted.
            Some(fourcc) => match decode::Decoder::new(&config.format(fourcc)) {
                Err(DecodeError::Format { .. }) => decode::Decoder::new(&config),
                made => made,
            },
            None => decode::Decoder::new(&config),
        };
        Ok(Self {
            codec,
            inner: made.map_err(|e| of_decoder(&e))?,
            finder: UnitFinder::new(codec),
            before: Vec::new(),
            stamps: BTreeMap::new(),
            count: 0,
            holds: false,
        })
    }
}

/// What a call has taken.
enum Taken {
    /// It is on its way.
    Yes,
    /// There is no picture in it, or none that can be decoded yet.
    Nothing,
    /// The device has no room.
    NotNow,
}

impl State {
    /// Takes the first picture of a byte stream.
    fn take(&mut self, unit: &[u8], stamp: Stamp) -> PyResult<Taken> {
        let Engine::Stream(stream) = &mut self.engine else {
            return Ok(Taken::Nothing);
        };
        let kept = stream.before.len();
        stream.before.extend_from_slice(unit);
        let codec = stream.codec;
        let token = stream.count * STEP_NS;
        let bytes = std::mem::take(&mut stream.before);
        let packet = encode::Packet::new(codec, &bytes, token, token);
        if !packet.has_picture() {
            stream.before = bytes;
            return Ok(Taken::Nothing);
        }
        let mut submitted = stream.inner.submit(&packet);
        if submitted == Err(DecodeError::FrameWaiting) {
            self.wait()?;
            self.collect()?;
            let Engine::Stream(stream) = &mut self.engine else {
                return Ok(Taken::Nothing);
            };
            submitted = stream.inner.submit(&packet);
        }
        let Engine::Stream(stream) = &mut self.engine else {
            return Ok(Taken::Nothing);
        };
        match submitted {
            Err(DecodeError::FrameWaiting) => {
                stream.before = bytes;
                stream.before.truncate(kept);
                Ok(Taken::NotNow)
            }
            // In the middle of a stream: nothing comes before the next key frame.
            Err(DecodeError::KeyFrameNeeded) => {
                self.skipped += 1;
                Ok(Taken::Nothing)
            }
            Err(error) => {
                // Pictures before it may have come.
                stream.count += 1;
                let _ = self.collect();
                Err(of_decoder(&error))
            }
            Ok(()) => {
                stream.count += 1;
                stream.holds = true;
                stream.stamps.insert(token, stamp);
                if stream.stamps.len() > MAX_STAMPS {
                    stream.stamps.pop_first();
                }
                self.collect()?;
                Ok(Taken::Yes)
            }
        }
    }

    /// Gives a device time. Software has done all that it can before.
    fn wait(&mut self) -> PyResult<()> {
        match &mut self.engine {
            Engine::Stream(stream) => {
                let waited = stream.inner.wait(deadline_in(PATIENCE_NS));
                waited.map_err(|e| of_decoder(&e))
            }
            Engine::Jpeg(_) => Ok(()),
        }
    }

    /// Makes frames of the pictures that are ready.
    fn collect(&mut self) -> PyResult<()> {
        let Self {
            engine: Engine::Stream(stream),
            format,
            rate,
            pool,
            waiting,
            size,
            shown,
            ..
        } = self
        else {
            return Ok(());
        };
        while let Some(decoded) = stream.inner.receive().map_err(|e| of_decoder(&e))? {
            let stamp = stream.stamps.remove(&decoded.pts_ns()).unwrap_or_default();
            let frame = of_decoded(pool, &decoded, *format, stamp, *rate, *shown)?;
            let picture = decoded.picture();
            *size = Some((picture.width(), picture.height()));
            *shown += 1;
            waiting.push_back(frame);
        }
        Ok(())
    }

    /// Decodes an image of Motion-JPEG.
    fn image(&mut self, bytes: &[u8], stamp: Stamp) -> PyResult<()> {
        let Engine::Jpeg(images) = &mut self.engine else {
            return Ok(());
        };
        images.decode(bytes).map_err(|e| of_jpeg(&e))?;
        let layout = images.layout().map_err(|e| of_jpeg(&e))?;
        let picture = Picture::new(&images.memory, &layout);
        let picture = picture.map_err(|e| to_python(e.into()))?;
        let colours = Appearance::from(Colorimetry::JPEG);
        let frame = to_frame(
            &self.pool,
            &picture,
            colours,
            self.format,
            stamp,
            (self.rate, self.shown),
        )?;
        self.size = Some(images.size);
        self.shown += 1;
        self.waiting.push_back(frame);
        Ok(())
    }

    /// Takes all pictures of `bytes`.
    fn decode(&mut self, bytes: &[u8], stamp: Stamp) -> PyResult<Vec<Frame>> {
        if let Engine::Jpeg(_) = self.engine {
            self.image(bytes, stamp)?;
            return Ok(std::mem::take(&mut self.waiting).into());
        }
        let mut rest = bytes;
        let mut stamp = stamp;
        let mut tries = 0;
        while !rest.is_empty() {
            let unit = self.first(rest);
            match self.take(unit, stamp) {
                Ok(Taken::NotNow) if tries < 50 => {
                    tries += 1;
                    continue;
                }
                Ok(Taken::NotNow) => {
                    let why = "the decoder takes no packet and gives no picture";
                    return Err(raise(Kind::Other, Errno::TIMEDOUT, why, None));
                }
                Ok(Taken::Yes) => {
                    // What was said is of the first picture.
                    stamp = Stamp::default();
                }
                Ok(Taken::Nothing) => {}
                Err(error) => return Err(error),
            }
            tries = 0;
            rest = &rest[unit.len()..];
        }
        Ok(std::mem::take(&mut self.waiting).into())
    }

    /// The bytes up to the end of the first picture: all, where there is no second.
    fn first<'d>(&mut self, data: &'d [u8]) -> &'d [u8] {
        match &mut self.engine {
            Engine::Stream(stream) => stream.finder.first(data).unwrap_or(data),
            Engine::Jpeg(_) => data,
        }
    }

    /// The end of the stream: another may begin.
    fn flush(&mut self) -> PyResult<()> {
        if let Engine::Stream(stream) = &mut self.engine {
            stream.before.clear();
            if !std::mem::take(&mut stream.holds) {
                return Ok(());
            }
            stream.inner.finish().map_err(|e| of_decoder(&e))?;
            let collected = self.collect();
            if let Engine::Stream(stream) = &mut self.engine {
                stream.inner.reset().map_err(|e| of_decoder(&e))?;
                stream.stamps.clear();
            }
            collected?;
        }
        Ok(())
    }

    /// One call of the interface of the 2.x library.
    fn step(&mut self, data: &[u8]) -> Step {
        let before = self.size;
        let mut step = Step::default();
        if data.is_empty() {
            if self.waiting.is_empty() {
                step.failure = self.flush().err();
            }
        } else if let Engine::Jpeg(_) = self.engine {
            step.used = data.len();
            step.failure = self.image(data, Stamp::default()).err();
        } else if self.waiting.len() < MAX_WAITING {
            let unit = self.first(data);
            match self.take(unit, Stamp::default()) {
                // To be given again.
                Ok(Taken::NotNow) => {}
                Ok(Taken::Yes) => {
                    step.used = unit.len();
                    if self.waiting.is_empty() {
                        step.failure = self.wait().and_then(|()| self.collect()).err();
                    }
                }
                result => {
                    step.used = unit.len();
                    step.failure = result.err();
                }
            }
        }
        step.frame = self.waiting.pop_front();
        step.has_new_size = self.size != before;
        step
    }
}

/// What a call of `decode_frame` has done.
#[derive(Default)]
struct Step {
    used: usize,
    frame: Option<Frame>,
    has_new_size: bool,
    failure: Option<PyErr>,
}

impl Images {
    fn layout(&self) -> Result<Layout, JpegError> {
        let (width, height) = self.size;
        Layout::new(FourCc::YU12, width, height).map_err(|error| JpegError::Damaged {
            reason: error.to_string(),
        })
    }

    /// Decodes an image of any size.
    fn decode(&mut self, bytes: &[u8]) -> Result<(), JpegError> {
        if self.size == (0, 0) {
            self.size = (16, 16);
        }
        match self.decode_here(bytes) {
            // The image says its own.
            Err(JpegError::Size { has, .. }) => {
                self.size = has;
                self.decode_here(bytes)
            }
            result => result,
        }
    }

    fn decode_here(&mut self, bytes: &[u8]) -> Result<(), JpegError> {
        let layout = self.layout()?;
        self.memory.resize(layout.size as usize, 0);
        let damaged = |error: videostream::PictureError| JpegError::Damaged {
            reason: error.to_string(),
        };
        let mut target = PictureMut::new(&mut self.memory, &layout).map_err(damaged)?;
        self.decoder.decode(bytes, &mut target)
    }
}

fn of_decoded(
    pool: &Arc<Pool>,
    decoded: &Decoded<'_>,
    format: Option<FourCc>,
    stamp: Stamp,
    rate: Option<FrameRate>,
    number: u64,
) -> PyResult<Frame> {
    let picture = decoded.picture();
    to_frame(
        pool,
        picture,
        decoded.appearance(),
        format,
        stamp,
        (rate, number),
    )
}

/// A frame of its own memory.
fn to_frame(
    pool: &Arc<Pool>,
    picture: &Picture<'_>,
    appearance: Appearance,
    format: Option<FourCc>,
    stamp: Stamp,
    (rate, number): (Option<FrameRate>, u64),
) -> PyResult<Frame> {
    let from = picture.fourcc();
    let fourcc = match format {
        Some(fourcc) => fourcc,
        None if is_known(from) => FourCc::NV12,
        // What only hardware knows stays as it is.
        None => from,
    };
    let layout = Layout::new(fourcc, picture.width(), picture.height());
    let layout = layout.map_err(|e| to_python(e.into()))?;
    let becomes = appearance.converted(from, fourcc);
    let mut about = About::new(describe(&layout));
    let descriptor = &mut about.descriptor;
    let by_number = || {
        let time = rate?.time_ns(number);
        i64::try_from(time).ok()
    };
    descriptor.pts_ns = stamp.pts_ns.or_else(by_number).unwrap_or(NO_TIME);
    descriptor.timestamp_ns = stamp.timestamp_ns;
    descriptor.sequence = match stamp.sequence {
        0 => number,
        sequence => sequence,
    };
    descriptor.duration_ns = match stamp.duration_ns {
        0 => rate.map_or(0, FrameRate::period_ns),
        duration_ns => duration_ns,
    };
    appear(descriptor, becomes);
    pool.frame(&layout, about, |target| match picture.copy_to(target) {
        Ok(()) => Ok(()),
        Err(_) => {
            let options = Options {
                from: appearance.colorimetry,
                to: becomes.colorimetry,
                ..Options::default()
            };
            Worker::with(|worker| worker.convert(picture, target, &options))
        }
    })
}

/// A codec by its name, or its number in the 2.x package.
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
            "codec: expected \"h264\", \"h265\", \"mjpeg\" or a DecoderCodec, and not {}",
            codec.get_type()
        ))
    })?;
    parse_codec(&name)
}

/// A backend by its name, or its number in the 2.x package.
fn parse_any_backend(backend: Option<&Bound<'_, PyAny>>) -> PyResult<Backend> {
    let Some(backend) = backend else {
        return Ok(Backend::Auto);
    };
    match backend.extract::<i64>() {
        Ok(0) => return Ok(Backend::Auto),
        // The VPU that HANTRO means is driven through V4L2.
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
            "backend: expected \"auto\", \"v4l2\", \"software\" or a CodecBackend, and not {}",
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
        if let Some(fourcc) = format.filter(|fourcc| !is_known(*fourcc)) {
            let error = videostream::convert::ConvertError::Target(fourcc);
            return Err(to_python(videostream::Error::Convert(error)));
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
            state: Native::new(Mutex::new(State {
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

    /// Decodes a Packet, a Frame of packets of a client, or bytes of one picture or more, and gives the
    /// frames that are ready, in the order in which they are shown.
    ///
    /// `pts_ns` is when the first of the pictures is shown; by default what the packet says, or what
    /// `fps` makes of the number of the picture. A decoder may hold pictures back: `flush()` gives them.
    ///
    /// Raises Error with EBADMSG for damaged data; the decoder goes on with the next key frame.
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

    /// Ends the stream, and gives the frames that were held back. Another stream may begin.
    fn flush(&self, py: Python<'_>) -> PyResult<Vec<Frame>> {
        py.detach(|| {
            self.with(|state| {
                state.flush()?;
                Ok(std::mem::take(&mut state.waiting).into())
            })
        })
    }

    /// Decodes the first picture of `data`, as the 2.x package has it: gives a DecodeReturnCode, how many
    /// bytes were taken, and a frame or None. No data at all lets out what is held back.
    ///
    /// Raises Error for damaged data; its attribute `consumed` says how many bytes were taken.
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
        name_of(self.codec)
    }

    /// Pixels in a row of the last picture; 0 before the first.
    #[getter]
    fn width(&self) -> PyResult<u32> {
        self.with(|state| Ok(state.size.unwrap_or_default().0))
    }

    /// Rows of the last picture; 0 before the first.
    #[getter]
    fn height(&self) -> PyResult<u32> {
        self.with(|state| Ok(state.size.unwrap_or_default().1))
    }

    /// Packets that were left out, since there was no key frame before them.
    #[getter]
    fn skipped(&self) -> PyResult<u64> {
        self.with(|state| Ok(state.skipped))
    }

    /// Who decodes: "software", "v4l2".
    #[getter]
    fn backend(&self) -> PyResult<&'static str> {
        self.with(|state| {
            Ok(match &state.engine {
                Engine::Stream(stream) => backend_name(stream.inner.backend()),
                Engine::Jpeg(_) => "software",
            })
        })
    }

    /// The path of the device that decodes; None for software.
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
                name_of(self.codec),
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
                "the frame is {}, and no packet: expected one of {}",
                frame.about().fourcc(),
                self.codec
            ))),
            (_, Some(has)) => Err(of_decoder(&DecodeError::Codec {
                has,
                wants: self.codec,
            })),
            (Data::Packet(_), None) => Ok(()),
        }
    }
}
