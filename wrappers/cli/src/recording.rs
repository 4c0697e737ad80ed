//! An encoder with a file behind it.

use std::path::Path;

use videostream::encode::{Backend, Codec, EncodeError, Encoder, EncoderConfig, RateControl};
use videostream::hal::format::FourCc;
use videostream::record::{Recorded, Recorder, Timeline, Track};
use videostream::{FrameRate, Picture};

use crate::failure::Failure;
use crate::input::Info;

/// What the encoder plans for where the source does not say its rate.
pub(crate) const NOMINAL: FrameRate = match FrameRate::fps(30) {
    Ok(rate) => rate,
    Err(_) => unreachable!(),
};

/// Pictures on their way to a file.
pub(crate) struct Recording {
    encoder: Encoder,
    recorder: Recorder,
    timeline: Timeline,
    rate: Option<FrameRate>,
    /// Pictures with more detail than the encoder can put into a packet.
    left_out: u64,
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
        picture: &Picture<'_>,
        (codec, bitrate): (Codec, u32),
    ) -> Result<Self, Failure> {
        let like = (picture.fourcc(), picture.width(), picture.height());
        let config = config(codec, like, info.rate, bitrate).colorimetry(info.colorimetry);
        Ok(Self {
            encoder: Encoder::new(&config)?,
            recorder: Recorder::create(path, &Track::from(&config))?,
            timeline: Timeline::new(info.rate),
            rate: info.rate,
            left_out: 0,
        })
    }

    /// The encoder's name.
    pub(crate) fn encoder(&self) -> String {
        name(&self.encoder)
    }

    /// The rate of the source, if it says.
    pub(crate) fn rate(&self) -> Option<FrameRate> {
        self.rate
    }

    /// Pictures that were left out.
    pub(crate) fn left_out(&self) -> u64 {
        self.left_out
    }

    /// What is in the file now.
    pub(crate) fn recorded(&self) -> Recorded {
        self.recorder.recorded()
    }

    /// Pictures that are in the file or on their way.
    pub(crate) fn frames(&self) -> u64 {
        self.recorder.recorded().frames + self.recorder.waiting()
    }

    /// When the next picture is shown, in nanoseconds after the first.
    pub(crate) fn due_ns(&mut self, info: &Info) -> u64 {
        self.timeline.pts_ns(info.sequence, info.timestamp_ns)
    }

    /// Adds a picture that is shown at `pts_ns`.
    pub(crate) fn add(&mut self, picture: &Picture<'_>, pts_ns: u64) -> Result<(), Failure> {
        match self.encoder.submit(picture, pts_ns) {
            Ok(()) => self.drain(),
            Err(EncodeError::TooDetailed { .. }) => {
                self.left_out += 1;
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn drain(&mut self) -> Result<(), Failure> {
        while let Some(packet) = self.encoder.receive()? {
            self.recorder.write(&packet)?;
        }
        Ok(())
    }

    /// Completes the file.
    pub(crate) fn finish(mut self) -> Result<Recorded, Failure> {
        self.encoder.finish()?;
        self.drain()?;
        Ok(self.recorder.finish()?)
    }
}
