//! Decoding step by step: compressed data goes in, frames queue up.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use pyo3::prelude::*;
use rustix::io::Errno;
use videostream::convert::{Options, is_known};
use videostream::decode::{self, CodecError, Decoded, DecoderConfig};
use videostream::encode::{self, Codec, UnitFinder};
use videostream::hal::format::{FourCc, Layout};
use videostream::hal::ring::descriptor::NO_TIME;
use videostream::hal::time::deadline_in;
use videostream::{Appearance, Colorimetry, FrameRate, Picture};

use super::images::Images;
use super::input::Stamp;
use crate::convert::{Worker, of_jpeg};
use crate::descriptor::{appear, describe};
use crate::error::{Kind, codec_error, raise, to_python};
use crate::frame::{Frame, FrameInfo};
use crate::pool::Pool;

/// How long to wait for a device that accepts no packet, in nanoseconds.
pub(super) const DEVICE_TIMEOUT_NS: u64 = 100_000_000;
/// Number of queued frames from which on `decode_frame` accepts no data.
pub(super) const MAX_WAITING: usize = 8;
/// Distance of the tokens that backends get as presentation times, which lead back to the packet's
/// [`Stamp`].
pub(super) const TOKEN_STEP_NS: u64 = 1_000_000;
/// Maximum number of packets that wait for their pictures.
pub(super) const MAX_STAMPS: usize = 64;

pub(super) struct State {
    pub(super) engine: Engine,
    pub(super) format: Option<FourCc>,
    pub(super) rate: Option<FrameRate>,
    pub(super) pool: Arc<Pool>,
    pub(super) waiting: VecDeque<Frame>,
    pub(super) size: Option<(u32, u32)>,
    pub(super) skipped: u64,
    /// Number of decoded pictures.
    pub(super) shown: u64,
}

pub(super) enum Engine {
    Stream(Box<Stream>),
    Jpeg(Box<Images>),
}

pub(super) struct Stream {
    pub(super) codec: Codec,
    pub(super) inner: decode::Decoder,
    pub(super) finder: UnitFinder,
    /// Data without a picture, such as parameter sets, to prepend to the next packet.
    pub(super) before: Vec<u8>,
    /// Stamps of packets that wait for their pictures, by token.
    pub(super) stamps: BTreeMap<u64, Stamp>,
    pub(super) count: u64,
    /// Whether data came since the last flush.
    pub(super) holds: bool,
}

impl Stream {
    pub(super) fn new(
        config: DecoderConfig,
        codec: Codec,
        format: Option<FourCc>,
    ) -> PyResult<Self> {
        let made = match format {
            // Formats that the backend can't deliver are converted.
            Some(fourcc) => match decode::Decoder::new(&config.format(fourcc)) {
                Err(CodecError::OutputFormat { .. }) => decode::Decoder::new(&config),
                made => made,
            },
            None => decode::Decoder::new(&config),
        };
        Ok(Self {
            codec,
            inner: made.map_err(|e| codec_error(&e))?,
            finder: UnitFinder::new(codec),
            before: Vec::new(),
            stamps: BTreeMap::new(),
            count: 0,
            holds: false,
        })
    }
}

/// What became of a packet.
pub(super) enum Submission {
    /// It is being decoded.
    Accepted,
    /// It has no picture, or none that can be decoded yet.
    NoPicture,
    /// The device has no room; submit it again.
    QueueFull,
}

impl State {
    /// Submits a picture of a byte stream.
    pub(super) fn take(&mut self, unit: &[u8], stamp: Stamp) -> PyResult<Submission> {
        let Engine::Stream(stream) = &mut self.engine else {
            return Ok(Submission::NoPicture);
        };
        let kept = stream.before.len();
        stream.before.extend_from_slice(unit);
        let codec = stream.codec;
        let token = stream.count * TOKEN_STEP_NS;
        let bytes = std::mem::take(&mut stream.before);
        let packet = encode::Packet::new(codec, &bytes, token, token);
        if !packet.has_picture() {
            stream.before = bytes;
            return Ok(Submission::NoPicture);
        }
        let mut submitted = stream.inner.submit(&packet);
        if submitted == Err(CodecError::OutputWaiting) {
            self.wait()?;
            self.collect()?;
            let Engine::Stream(stream) = &mut self.engine else {
                return Ok(Submission::NoPicture);
            };
            submitted = stream.inner.submit(&packet);
        }
        let Engine::Stream(stream) = &mut self.engine else {
            return Ok(Submission::NoPicture);
        };
        match submitted {
            Err(CodecError::OutputWaiting) => {
                stream.before = bytes;
                stream.before.truncate(kept);
                Ok(Submission::QueueFull)
            }
            // Mid-stream: nothing can be decoded before the next key frame.
            Err(CodecError::KeyFrameNeeded) => {
                self.skipped += 1;
                Ok(Submission::NoPicture)
            }
            Err(error) => {
                // Earlier pictures may be ready.
                stream.count += 1;
                let _ = self.collect();
                Err(codec_error(&error))
            }
            Ok(()) => {
                stream.count += 1;
                stream.holds = true;
                stream.stamps.insert(token, stamp);
                if stream.stamps.len() > MAX_STAMPS {
                    stream.stamps.pop_first();
                }
                self.collect()?;
                Ok(Submission::Accepted)
            }
        }
    }

    /// Waits for a device. Software never needs to wait.
    pub(super) fn wait(&mut self) -> PyResult<()> {
        match &mut self.engine {
            Engine::Stream(stream) => {
                let waited = stream.inner.wait(deadline_in(DEVICE_TIMEOUT_NS));
                waited.map_err(|e| codec_error(&e))
            }
            Engine::Jpeg(_) => Ok(()),
        }
    }

    /// Queues frames of the pictures that are ready.
    pub(super) fn collect(&mut self) -> PyResult<()> {
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
        while let Some(decoded) = stream.inner.receive().map_err(|e| codec_error(&e))? {
            let stamp = stream.stamps.remove(&decoded.pts_ns()).unwrap_or_default();
            let frame = of_decoded(pool, &decoded, *format, stamp, *rate, *shown)?;
            let picture = decoded.picture();
            *size = Some((picture.width(), picture.height()));
            *shown += 1;
            waiting.push_back(frame);
        }
        Ok(())
    }

    /// Decodes a Motion-JPEG image.
    pub(super) fn image(&mut self, bytes: &[u8], stamp: Stamp) -> PyResult<()> {
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

    /// Decodes all pictures in `bytes`.
    pub(super) fn decode(&mut self, bytes: &[u8], stamp: Stamp) -> PyResult<Vec<Frame>> {
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
                Ok(Submission::QueueFull) if tries < 50 => {
                    tries += 1;
                    continue;
                }
                Ok(Submission::QueueFull) => {
                    let why = "the decoder accepts no packet and delivers no picture";
                    return Err(raise(Kind::Other, Errno::TIMEDOUT, why, None));
                }
                Ok(Submission::Accepted) => {
                    // The stamp belongs to the first picture only.
                    stamp = Stamp::default();
                }
                Ok(Submission::NoPicture) => {}
                Err(error) => return Err(error),
            }
            tries = 0;
            rest = &rest[unit.len()..];
        }
        Ok(std::mem::take(&mut self.waiting).into())
    }

    /// Returns the bytes up to the end of the first picture: all, if there is no second.
    pub(super) fn first<'d>(&mut self, data: &'d [u8]) -> &'d [u8] {
        match &mut self.engine {
            Engine::Stream(stream) => stream.finder.first(data).unwrap_or(data),
            Engine::Jpeg(_) => data,
        }
    }

    /// Ends the stream; another may begin.
    pub(super) fn flush(&mut self) -> PyResult<()> {
        if let Engine::Stream(stream) = &mut self.engine {
            stream.before.clear();
            if !std::mem::take(&mut stream.holds) {
                return Ok(());
            }
            stream.inner.finish().map_err(|e| codec_error(&e))?;
            let collected = self.collect();
            if let Engine::Stream(stream) = &mut self.engine {
                stream.inner.reset().map_err(|e| codec_error(&e))?;
                stream.stamps.clear();
            }
            collected?;
        }
        Ok(())
    }

    /// Decodes one picture, as the 2.x interface does.
    pub(super) fn step(&mut self, data: &[u8]) -> Step {
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
                // The caller submits the data again.
                Ok(Submission::QueueFull) => {}
                Ok(Submission::Accepted) => {
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

/// The result of a `decode_frame` call.
#[derive(Default)]
pub(super) struct Step {
    pub(super) used: usize,
    pub(super) frame: Option<Frame>,
    pub(super) has_new_size: bool,
    pub(super) failure: Option<PyErr>,
}

pub(super) fn of_decoded(
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

/// Makes a frame of a picture, in memory of its own.
pub(super) fn to_frame(
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
        // Formats that only hardware handles are kept.
        None => from,
    };
    let layout = Layout::new(fourcc, picture.width(), picture.height());
    let layout = layout.map_err(|e| to_python(e.into()))?;
    let becomes = appearance.converted(from, fourcc);
    let mut info = FrameInfo::new(describe(&layout));
    let descriptor = &mut info.descriptor;
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
    pool.frame(&layout, info, |target| match picture.copy_to(target) {
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
