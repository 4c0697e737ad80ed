//! A file that pictures go into: through an encoder, or as they are.

use std::path::Path;

use videostream::encode::{Backend, Codec, EncodeError, Encoder, EncoderConfig, RateControl};
use videostream::hal::format::FourCc;
use videostream::record::{RawRecorder, Recorded, Recorder, Timeline, Track, is_raw};
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
    sink: Sink,
    timeline: Timeline,
    rate: Option<FrameRate>,
}

/// What becomes of pictures.
enum Sink {
    Encoded {
        encoder: Encoder,
        recorder: Recorder,
        /// Pictures with more detail than the encoder can put into a packet.
        left_out: u64,
    },
    Raw(RawRecorder),
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
        let sink = if is_raw(path) {
            let rate = info.rate.unwrap_or(NOMINAL);
            Sink::Raw(RawRecorder::create(
                path,
                like,
                rate,
                info.colorimetry.range,
            )?)
        } else {
            let config = config(codec, like, info.rate, bitrate).colorimetry(info.colorimetry);
            Sink::Encoded {
                encoder: Encoder::new(&config)?,
                recorder: Recorder::create(path, &Track::from(&config))?,
                left_out: 0,
            }
        };
        Ok(Self {
            sink,
            timeline: Timeline::new(info.rate),
            rate: info.rate,
        })
    }

    /// The encoder's name, or what takes its place.
    pub(crate) fn encoder(&self) -> String {
        match &self.sink {
            Sink::Encoded { encoder, .. } => name(encoder),
            Sink::Raw(_) => "none, raw video".to_owned(),
        }
    }

    /// The rate of the source, if it says.
    pub(crate) fn rate(&self) -> Option<FrameRate> {
        self.rate
    }

    /// Pictures that were left out.
    pub(crate) fn left_out(&self) -> u64 {
        match &self.sink {
            Sink::Encoded { left_out, .. } => *left_out,
            Sink::Raw(_) => 0,
        }
    }

    /// What is in the file now.
    pub(crate) fn recorded(&self) -> Recorded {
        match &self.sink {
            Sink::Encoded { recorder, .. } => recorder.recorded(),
            Sink::Raw(recorder) => recorder.recorded(),
        }
    }

    /// Pictures that are in the file or on their way.
    pub(crate) fn frames(&self) -> u64 {
        match &self.sink {
            Sink::Encoded { recorder, .. } => recorder.recorded().frames + recorder.waiting(),
            Sink::Raw(recorder) => recorder.recorded().frames,
        }
    }

    /// When the next picture is shown, in nanoseconds after the first.
    pub(crate) fn due_ns(&mut self, info: &Info) -> u64 {
        self.timeline.pts_ns(info.sequence, info.timestamp_ns)
    }

    /// Adds a picture that is shown at `pts_ns`.
    pub(crate) fn add(&mut self, picture: &Picture<'_>, pts_ns: u64) -> Result<(), Failure> {
        match &mut self.sink {
            Sink::Raw(recorder) => Ok(recorder.write(picture)?),
            Sink::Encoded {
                encoder,
                recorder,
                left_out,
            } => match encoder.submit(picture, pts_ns) {
                Ok(()) => drain(encoder, recorder),
                Err(EncodeError::TooDetailed { .. }) => {
                    *left_out += 1;
                    Ok(())
                }
                Err(error) => Err(error.into()),
            },
        }
    }

    /// Completes the file.
    pub(crate) fn finish(self) -> Result<Recorded, Failure> {
        match self.sink {
            Sink::Raw(recorder) => Ok(recorder.finish()?),
            Sink::Encoded {
                mut encoder,
                mut recorder,
                ..
            } => {
                encoder.finish()?;
                drain(&mut encoder, &mut recorder)?;
                Ok(recorder.finish()?)
            }
        }
    }
}

fn drain(encoder: &mut Encoder, recorder: &mut Recorder) -> Result<(), Failure> {
    while let Some(packet) = encoder.receive()? {
        recorder.write(&packet)?;
    }
    Ok(())
}
