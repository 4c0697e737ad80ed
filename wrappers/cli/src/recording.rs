//! A file that pictures go into, through an encoder or as they are, or packets of a host.

use std::path::Path;

use videostream::encode::{
    Backend, Codec, EncodeError, Encoder, EncoderConfig, Packet, RateControl,
};
use videostream::hal::format::FourCc;
use videostream::jpeg::{self, JpegError};
use videostream::record::{
    PacketRecorder, RawRecorder, Recorded, Recorder, Timeline, Track, is_raw,
};

use videostream::{FrameRate, Picture};

use crate::failure::{ARGUMENTS, Failure};
use crate::input::{Info, Shot};
use crate::unpacking::{Unpacking, bytes_of};

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
    /// For frames of JPEG that are to be encoded.
    unpacking: Option<Unpacking>,
    /// What is wrong with the last frame, if it is left out.
    broken: Option<JpegError>,
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

/// What becomes of pictures.
enum Sink {
    Encoded {
        encoder: Box<Encoder>,
        recorder: Recorder,
        /// Pictures with more detail than the encoder can put into a packet.
        left_out: u64,
        /// Pictures that the encoder took; hardware gives their packets later.
        taken: u64,
    },
    Raw(RawRecorder),
    Packets(Box<PacketRecorder>),
    /// Frames of JPEG as they are.
    Kept {
        recorder: Recorder,
        /// One of them, with what it lacks.
        file: Vec<u8>,
    },
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
        info: &Info<'_>,
        shot: &Shot<'_>,
        (codec, bitrate): (Codec, u32),
        limit: Limit,
    ) -> Result<Self, Failure> {
        let mut like = shot.like();
        let is_jpeg = jpeg::is_jpeg(like.0);
        let keeps = codec == Codec::Mjpeg && !is_raw(path);
        let mut unpacking = None;
        if is_jpeg && !keeps {
            unpacking = Some(Unpacking::new(like.1, like.2)?);
            like.0 = FourCc::YU12;
        }
        let expecting = |track: Track| match limit.frames_at(info.rate) {
            Some(frames) => track.expected_frames(frames),
            None => track,
        };
        let sink = if let Some(packets) = packets_of(info) {
            if is_raw(path) {
                let why = format_args!(
                    "{}: the host shares packets of {packets}, and .y4m holds raw video: choose a name that ends in .mp4",
                    path.display()
                );
                return Err(Failure::new(ARGUMENTS, why));
            }
            let recorder = PacketRecorder::new(path);
            Sink::Packets(Box::new(match limit.frames_at(info.rate) {
                Some(frames) => recorder.expected_frames(frames),
                None => recorder,
            }))
        } else if keeps {
            if !is_jpeg {
                let why = format_args!(
                    "{}: to be kept as Motion-JPEG, frames have to be MJPG, and are {}: leave out --codec mjpeg, choose \
                     another name, or a camera that has --format MJPG",
                    path.display(),
                    like.0
                );
                return Err(Failure::new(ARGUMENTS, why));
            }
            let rate = info.rate.unwrap_or(NOMINAL);
            let track = Track::new(codec, like.1, like.2, rate).appearance(info.appearance);
            let track = expecting(track);
            Sink::Kept {
                recorder: Recorder::create(path, &track)?,
                file: Vec::new(),
            }
        } else if is_raw(path) {
            let rate = info.rate.unwrap_or(NOMINAL);
            Sink::Raw(RawRecorder::create(path, like, rate, info.appearance)?)
        } else {
            // RGB becomes NV12 or the like.
            let appearance = info.appearance.converted(like.0, FourCc::NV12);
            let config = config(codec, like, info.rate, bitrate).appearance(appearance);
            let config = match unpacking {
                Some(_) => config,
                None => config.strides(shot.memory()?.layout()),
            };
            let track = expecting(Track::from(&config));
            Sink::Encoded {
                encoder: Encoder::new(&config)?.into(),
                recorder: Recorder::create(path, &track)?,
                left_out: 0,
                taken: 0,
            }
        };
        Ok(Self {
            sink,
            timeline: Timeline::new(),
            rate: info.rate,
            unpacking,
            broken: None,
        })
    }

    /// The encoder's name, or what takes its place.
    pub(crate) fn encoder(&self) -> String {
        match &self.sink {
            Sink::Encoded { encoder, .. } => name(encoder),
            Sink::Raw(_) => "none, raw video".to_owned(),
            Sink::Packets(_) => "none, packets of the host".to_owned(),
            Sink::Kept { .. } => "none, JPEG of the camera".to_owned(),
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
            _ => 0,
        }
    }

    /// Packets that were lost on the way, or are of no use after that; and how often that happened.
    pub(crate) fn lost(&self) -> (u64, u64) {
        match &self.sink {
            Sink::Packets(recorder) => (recorder.lost(), recorder.losses()),
            _ => (0, 0),
        }
    }

    /// Frames that are placed by their arrival, as their timestamps make no sense.
    pub(crate) fn estimated(&self) -> u64 {
        match &self.sink {
            Sink::Packets(recorder) => recorder.estimated(),
            _ => self.timeline.estimated(),
        }
    }

    /// Whether it is time to ask the host for a key frame.
    pub(crate) fn needs_key_frame(&mut self) -> bool {
        match &mut self.sink {
            Sink::Packets(recorder) => recorder.needs_key_frame(),
            _ => false,
        }
    }

    /// What is in the file now.
    pub(crate) fn recorded(&self) -> Recorded {
        match &self.sink {
            Sink::Encoded { recorder, .. } | Sink::Kept { recorder, .. } => recorder.recorded(),
            Sink::Raw(recorder) => recorder.recorded(),
            Sink::Packets(recorder) => recorder.recorded(),
        }
    }

    /// Pictures that are in the file or on their way.
    pub(crate) fn frames(&self) -> u64 {
        match &self.sink {
            Sink::Encoded { taken, .. } => *taken,
            Sink::Raw(recorder) => recorder.recorded().frames,
            Sink::Packets(recorder) => recorder.recorded().frames + recorder.waiting(),
            Sink::Kept { recorder, .. } => recorder.recorded().frames + recorder.waiting(),
        }
    }

    /// Adds a picture or packet, unless it is shown `limit_ns` after the first or later. Whether more are wanted.
    pub(crate) fn add(
        &mut self,
        info: &Info<'_>,
        shot: &Shot<'_>,
        limit_ns: u64,
    ) -> Result<bool, Failure> {
        if let Sink::Packets(recorder) = &mut self.sink {
            let Some(frame) = info.frame else {
                return Ok(true);
            };
            recorder.write(frame)?;
            return Ok(recorder.end_ns() < limit_ns);
        }
        let pts_ns = self.timeline.pts_ns(info.timestamp_ns, info.published_ns);
        if pts_ns >= limit_ns {
            return Ok(false);
        }
        self.add_picture(shot, pts_ns)?;
        Ok(true)
    }

    /// What was wrong with the frame that was added last, if it is left out.
    pub(crate) fn take_broken(&mut self) -> Option<JpegError> {
        self.broken.take()
    }

    fn add_picture(&mut self, shot: &Shot<'_>, pts_ns: u64) -> Result<(), Failure> {
        if let Some(unpacking) = &mut self.unpacking {
            let sink = &mut self.sink;
            let added = shot.see(|packed| -> Result<_, Failure> {
                match unpacking.unpack(bytes_of(packed))? {
                    Ok(picture) => add_unpacked(sink, &picture, pts_ns).map(|()| None),
                    Err(error) => Ok(Some(error)),
                }
            })?;
            self.broken = added?;
            return Ok(());
        }
        match &mut self.sink {
            Sink::Packets(_) => Ok(()),
            Sink::Raw(recorder) => Ok(shot.see(|picture| recorder.write(picture))??),
            Sink::Kept { recorder, file } => {
                let found = shot.see(|packed| jpeg::whole_into(bytes_of(packed), file))?;
                if let Err(error) = found {
                    self.broken = Some(error);
                    return Ok(());
                }
                Ok(recorder.write(&Packet::new(Codec::Mjpeg, file, pts_ns, pts_ns))?)
            }
            Sink::Encoded {
                encoder,
                recorder,
                left_out,
                taken,
            } => {
                let submitted = submit(encoder, shot, pts_ns)?;
                note_submitted(submitted, encoder, recorder, left_out, taken)
            }
        }
    }

    /// Completes the file.
    pub(crate) fn finish(self) -> Result<Recorded, Failure> {
        match self.sink {
            Sink::Raw(recorder) => Ok(recorder.finish()?),
            Sink::Packets(recorder) => Ok(recorder.finish()?),
            Sink::Kept { recorder, .. } => Ok(recorder.finish()?),
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

/// Adds a picture that was JPEG.
fn add_unpacked(sink: &mut Sink, picture: &Picture<'_>, pts_ns: u64) -> Result<(), Failure> {
    match sink {
        Sink::Raw(recorder) => Ok(recorder.write(picture)?),
        Sink::Encoded {
            encoder,
            recorder,
            left_out,
            taken,
        } => {
            let submitted = encoder.submit(picture, pts_ns);
            note_submitted(submitted, encoder, recorder, left_out, taken)
        }
        Sink::Packets(_) | Sink::Kept { .. } => Ok(()),
    }
}

/// Takes what the encoder has made of a picture.
fn note_submitted(
    submitted: Result<(), EncodeError>,
    encoder: &mut Encoder,
    recorder: &mut Recorder,
    left_out: &mut u64,
    taken: &mut u64,
) -> Result<(), Failure> {
    match submitted {
        Ok(()) => {
            *taken += 1;
            drain(encoder, recorder)
        }
        Err(EncodeError::TooDetailed { .. }) => {
            *left_out += 1;
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// The codec of what a host gives, if it is packets.
fn packets_of(info: &Info<'_>) -> Option<Codec> {
    info.frame
        .and_then(|frame| Codec::of_packets(frame.fourcc()))
}

/// Gives the encoder a picture: a device reads it where it lies, and has done so when this returns.
fn submit(
    encoder: &mut Encoder,
    shot: &Shot<'_>,
    pts_ns: u64,
) -> Result<Result<(), EncodeError>, Failure> {
    if encoder.device().is_none() {
        return shot.see(|picture| encoder.submit(picture, pts_ns));
    }
    let submitted = encoder.submit_dmabuf(&shot.memory()?, pts_ns);
    Ok(submitted.and_then(|picture| encoder.finish_reading(&picture)))
}

fn drain(encoder: &mut Encoder, recorder: &mut Recorder) -> Result<(), Failure> {
    while let Some(packet) = encoder.receive()? {
        recorder.write(&packet)?;
    }
    Ok(())
}
