//! Recording pictures or packets into a file, encoded or unchanged.

use std::path::Path;

use videostream::FrameRate;
use videostream::encode::{Backend, Codec, Encoder, EncoderConfig, RateControl};
use videostream::hal::format::FourCc;
use videostream::jpeg::PictureError;
use videostream::record::{self, FrameTime, Recorded, RecordingConfig};

use crate::args::DEFAULT_RATE;
use crate::failure::Failure;
use crate::input::{Info, InputFrame};

/// A recording in progress.
pub(crate) struct Recording {
    inner: record::Recording,
    rate: Option<FrameRate>,
    is_raw: bool,
}

/// Limits at which a recording ends.
#[derive(Clone, Copy)]
pub(crate) struct Limit {
    pub(crate) frames: Option<u64>,
    pub(crate) time_ns: Option<u64>,
}

impl Limit {
    /// Returns the maximum of frames within the limits.
    fn frames_at(self, rate: Option<FrameRate>) -> Option<u64> {
        let period_ns = rate.unwrap_or(DEFAULT_RATE).period_ns().max(1);
        let in_time = self.time_ns.map(|time_ns| time_ns / period_ns + 1);
        self.frames.into_iter().chain(in_time).min()
    }
}

/// Returns the encoder configuration for pictures of this format, size and rate.
pub(crate) fn config(
    codec: Codec,
    (fourcc, width, height): (FourCc, u32, u32),
    rate: Option<FrameRate>,
    bitrate: u32,
) -> EncoderConfig {
    let rate = rate.unwrap_or(DEFAULT_RATE);
    let config = EncoderConfig::new(codec, fourcc, width, height, rate);
    config.rate_control(RateControl::Constant(bitrate))
}

/// Describes an encoder.
pub(crate) fn name(encoder: &Encoder) -> String {
    let codec = encoder.config().codec();
    if let Some(device) = encoder.device() {
        return format!("{codec} by {}", device.display());
    }
    match (encoder.backend(), codec) {
        (Backend::Software, Codec::H264) => format!("{codec} in software (OpenH264)"),
        (Backend::Software, Codec::H265) => format!("{codec} in software (libx265)"),
        (other, _) => format!("{codec} by {other:?}"),
    }
}

impl Recording {
    /// Begins a file for pictures like this one.
    pub(crate) fn begin(
        path: &Path,
        info: &Info,
        frame: &InputFrame<'_>,
        (codec, bitrate): (Codec, u32),
        limit: Limit,
    ) -> Result<Self, Failure> {
        let mut config = RecordingConfig::new(codec)
            .rate(info.rate)
            .rate_control(RateControl::Constant(bitrate))
            .appearance(info.appearance);
        if let Some(frames) = limit.frames_at(info.rate) {
            config = config.expected_frames(frames);
        }
        Ok(Self {
            inner: record::Recording::begin(path, &config, frame.as_record())?,
            rate: info.rate,
            is_raw: record::is_raw(path),
        })
    }

    /// Describes the encoder, or what is recorded without one.
    pub(crate) fn encoder(&self) -> String {
        let fourcc = self.inner.format_and_size().0;
        match self.inner.encoder() {
            Some(encoder) => name(encoder),
            None if self.is_raw => "none, raw video".to_owned(),
            None if Codec::of_packets(fourcc).is_some() => "none, packets of the host".to_owned(),
            None => "none, JPEG of the camera".to_owned(),
        }
    }

    /// Returns the source's rate, if known.
    pub(crate) fn rate(&self) -> Option<FrameRate> {
        self.rate
    }

    /// Returns the number of pictures that were left out.
    pub(crate) fn left_out(&self) -> u64 {
        self.inner.left_out()
    }

    /// Returns the number of packets that were lost or are unusable after a loss, and the number of
    /// losses.
    pub(crate) fn lost(&self) -> (u64, u64) {
        self.inner.lost()
    }

    /// Returns the number of frames timed by their arrival because their timestamps are invalid.
    pub(crate) fn estimated(&self) -> u64 {
        self.inner.estimated()
    }

    /// Returns whether to ask the host for a key frame now.
    pub(crate) fn needs_key_frame(&mut self) -> bool {
        self.inner.needs_key_frame()
    }

    /// Returns the current contents of the file.
    pub(crate) fn recorded(&self) -> Recorded {
        self.inner.recorded()
    }

    /// Returns the number of pictures in the file and in the encoder.
    pub(crate) fn frames(&self) -> u64 {
        self.inner.frames()
    }

    /// Adds a picture or packet, unless it is shown `limit_ns` or more after the first. Returns
    /// whether more are wanted.
    pub(crate) fn add(
        &mut self,
        info: &Info,
        frame: &InputFrame<'_>,
        limit_ns: u64,
    ) -> Result<bool, Failure> {
        let time = FrameTime {
            timestamp_ns: info.timestamp_ns,
            arrival_ns: info.published_ns,
        };
        Ok(self.inner.add(frame.as_record(), time, limit_ns)?)
    }

    /// Returns what was wrong with the last added frame, if it was left out.
    pub(crate) fn take_broken(&mut self) -> Option<PictureError> {
        self.inner.take_broken()
    }

    /// Completes the file.
    pub(crate) fn finish(self) -> Result<Recorded, Failure> {
        Ok(self.inner.finish()?)
    }
}
