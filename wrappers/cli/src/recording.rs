//! A file that pictures go into, through an encoder or as they are, or packets of a host.

use std::path::Path;

use videostream::FrameRate;
use videostream::encode::{Backend, Codec, Encoder, EncoderConfig, RateControl};
use videostream::hal::format::FourCc;
use videostream::jpeg::JpegError;
use videostream::record::{self, Moment, Recorded, RecordingConfig};

use crate::failure::Failure;
use crate::input::{Info, Shot};

/// What the encoder plans for where the source does not say its rate.
pub(crate) const NOMINAL: FrameRate = match FrameRate::fps(30) {
    Ok(rate) => rate,
    Err(_) => unreachable!(),
};

/// Pictures on their way to a file.
pub(crate) struct Recording {
    inner: record::Recording,
    rate: Option<FrameRate>,
    is_raw: bool,
}

/// When a recording ends by itself.
#[derive(Clone, Copy)]
pub(crate) struct Limit {
    pub(crate) frames: Option<u64>,
    pub(crate) time_ns: Option<u64>,
}

impl Limit {
    /// How many frames that are at most, if any.
    fn frames_at(self, rate: Option<FrameRate>) -> Option<u64> {
        let period_ns = rate.unwrap_or(NOMINAL).period_ns().max(1);
        let in_time = self.time_ns.map(|time_ns| time_ns / period_ns + 1);
        self.frames.into_iter().chain(in_time).min()
    }
}

/// The configuration for pictures like these.
pub(crate) fn config(
    codec: Codec,
    (fourcc, width, height): (FourCc, u32, u32),
    rate: Option<FrameRate>,
    bitrate: u32,
) -> EncoderConfig {
    let rate = rate.unwrap_or(NOMINAL);
    let config = EncoderConfig::new(codec, fourcc, width, height, rate);
    config.rate_control(RateControl::Constant(bitrate))
}

/// The encoder's name.
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
    /// Prepares a file for pictures like this one.
    pub(crate) fn begin(
        path: &Path,
        info: &Info,
        shot: &Shot<'_>,
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
            inner: record::Recording::begin(path, &config, shot.as_record())?,
            rate: info.rate,
            is_raw: record::is_raw(path),
        })
    }

    /// The encoder's name, or what takes its place.
    pub(crate) fn encoder(&self) -> String {
        let fourcc = self.inner.like().0;
        match self.inner.encoder() {
            Some(encoder) => name(encoder),
            None if self.is_raw => "none, raw video".to_owned(),
            None if Codec::of_packets(fourcc).is_some() => "none, packets of the host".to_owned(),
            None => "none, JPEG of the camera".to_owned(),
        }
    }

    /// The rate of the source, if it says.
    pub(crate) fn rate(&self) -> Option<FrameRate> {
        self.rate
    }

    /// Pictures that were left out.
    pub(crate) fn left_out(&self) -> u64 {
        self.inner.left_out()
    }

    /// Packets that were lost on the way, or are of no use after that; and how often that happened.
    pub(crate) fn lost(&self) -> (u64, u64) {
        self.inner.lost()
    }

    /// Frames that are placed by their arrival, as their timestamps make no sense.
    pub(crate) fn estimated(&self) -> u64 {
        self.inner.estimated()
    }

    /// Whether it is time to ask the host for a key frame.
    pub(crate) fn needs_key_frame(&mut self) -> bool {
        self.inner.needs_key_frame()
    }

    /// What is in the file now.
    pub(crate) fn recorded(&self) -> Recorded {
        self.inner.recorded()
    }

    /// Pictures that are in the file or on their way.
    pub(crate) fn frames(&self) -> u64 {
        self.inner.frames()
    }

    /// Adds a picture or packet, unless it is shown `limit_ns` after the first or later. Whether more are wanted.
    pub(crate) fn add(
        &mut self,
        info: &Info,
        shot: &Shot<'_>,
        limit_ns: u64,
    ) -> Result<bool, Failure> {
        let moment = Moment {
            timestamp_ns: info.timestamp_ns,
            arrival_ns: info.published_ns,
        };
        Ok(self.inner.add(shot.as_record(), moment, limit_ns)?)
    }

    /// What was wrong with the frame that was added last, if it is left out.
    pub(crate) fn take_broken(&mut self) -> Option<JpegError> {
        self.inner.take_broken()
    }

    /// Completes the file.
    pub(crate) fn finish(self) -> Result<Recorded, Failure> {
        Ok(self.inner.finish()?)
    }
}
