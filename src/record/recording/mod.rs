//! Recording any source to a file: pictures, encoded or raw, packets, and JPEG.

mod config;
mod input;

use std::path::Path;

use videostream_hal::format::{FourCc, Layout};

pub use config::RecordingConfig;
pub use input::{FrameTime, Recordable};

use self::input::see;
use super::{
    NOMINAL, PacketRecorder, RawRecorder, RecordError, Recorded, Recorder, Timeline, Track, is_raw,
};
use crate::bitstream::{Codec, Packet, stream_info};
use crate::codec::CodecError;
use crate::encode::Encoder;
use crate::jpeg::{self, JpegDecoder, PictureError};
use crate::picture::{Picture, PictureMut};
use crate::{Error, Result};

/// Records pictures of a source, or packets of a host, in the format of the file's name: raw
/// pictures for `.y4m`, else what [`Recorder`] and [`PacketRecorder`] write.
///
/// - Pictures are encoded, or written as they are to `.y4m`.
/// - Frames of a host that are packets of H.264 or H.265 are written unchanged, from a key frame
///   on.
/// - JPEG images of a camera are decoded and encoded, or kept ([`Codec::Mjpeg`]). Incomplete ones
///   are dropped.
///
/// Times are computed by a [`Timeline`]. All pictures have the format and size of the first one.
/// Dropping a recording leaves the file as a crash would: call [`Recording::finish`].
///
/// ```no_run
/// use std::time::Duration;
/// use videostream::encode::Codec;
/// use videostream::record::{FrameTime, Recording, RecordingConfig};
/// use videostream::{Client, Mode};
///
/// let mut client = Client::builder("/run/camera").mode(Mode::Every).connect()?;
/// let frame = client.next(Duration::from_secs(5))?;
/// let mut recording = Recording::begin("clip.mp4", &RecordingConfig::new(Codec::H264), &frame)?;
/// let time = FrameTime {
///     timestamp_ns: frame.timestamp_ns(),
///     arrival_ns: frame.published_ns(),
/// };
/// recording.add(&frame, time, u64::MAX)?;
/// println!("{} frames", recording.finish()?.frames);
/// # Ok::<(), videostream::Error>(())
/// ```
#[derive(Debug)]
pub struct Recording {
    format_and_size: (FourCc, u32, u32),
    sink: Sink,
    timeline: Timeline,
    /// For JPEG frames that are to be encoded.
    unpacking: Option<Unpacking>,
    /// Why the last frame was dropped, if it was.
    broken: Option<PictureError>,
}

/// The destination of pictures.
#[derive(Debug)]
enum Sink {
    Encoded(Box<Encoded>),
    Raw(RawRecorder),
    /// Packets of a host.
    Packets(Box<PacketRecorder>),
    /// JPEG frames, or packets of an encoder, unchanged.
    Kept {
        recorder: Recorder,
        /// An image completed with missing tables.
        file: Vec<u8>,
    },
}

#[derive(Debug)]
struct Encoded {
    encoder: Encoder,
    recorder: Recorder,
    /// Number of pictures with more detail than a packet can hold.
    left_out: u64,
    /// Number of pictures that the encoder accepted; hardware returns their packets later.
    taken: u64,
}

/// Decodes JPEG frames for an encoder, or for raw video.
#[derive(Debug)]
struct Unpacking {
    decoder: JpegDecoder,
    layout: Layout,
    bytes: Vec<u8>,
}

impl Unpacking {
    fn new(width: u32, height: u32) -> Result<Self> {
        let layout = Layout::new(FourCc::YU12, width, height)?;
        Ok(Self {
            decoder: JpegDecoder::new(),
            bytes: vec![0; layout.size as usize],
            layout,
        })
    }

    fn unpack(&mut self, jpeg: &[u8]) -> Result<Result<Picture<'_>, PictureError>> {
        let mut target = PictureMut::new(&mut self.bytes, &self.layout)?;
        if let Err(error) = self.decoder.decode(jpeg, &mut target) {
            return Ok(Err(error));
        }
        Ok(Ok(Picture::new(&self.bytes, &self.layout)?))
    }
}

impl Recording {
    /// Creates a file for pictures like this one, which is not written yet.
    ///
    /// # Errors
    /// [`Error::Record`]: [`RecordError::Packets`] for packets to `.y4m`, [`RecordError::NoJpeg`]
    /// if pictures are to be kept as JPEG and are not, and those of [`Recorder::create`];
    /// [`Error::Codec`].
    pub fn begin(
        path: impl AsRef<Path>,
        config: &RecordingConfig,
        input: &dyn Recordable,
    ) -> Result<Self> {
        let path = path.as_ref();
        let first = input.format_and_size();
        let (mut fourcc, width, height) = first;
        let is_jpeg = jpeg::is_jpeg(fourcc);
        let keeps = config.codec == Codec::Mjpeg && !is_raw(path);
        let mut unpacking = None;
        if is_jpeg && !keeps {
            unpacking = Some(Unpacking::new(width, height)?);
            fourcc = FourCc::YU12;
        }
        let packets = Codec::of_packets(fourcc);
        let sink = if let (Some(codec), Some(_)) = (packets, input.frame()) {
            if is_raw(path) {
                return Err(packets_to_raw(path, codec));
            }
            let recorder = PacketRecorder::new(path);
            Sink::Packets(Box::new(match config.expected {
                Some(frames) => recorder.expected_frames(frames),
                None => recorder,
            }))
        } else if keeps {
            if !is_jpeg {
                return Err(Error::Record(RecordError::NoJpeg {
                    path: path.into(),
                    fourcc,
                }));
            }
            let track = Track::new(config.codec, width, height, config.nominal());
            let track = config.track(track.appearance(config.appearance));
            Sink::Kept {
                recorder: Recorder::create(path, &track)?,
                file: Vec::new(),
            }
        } else if is_raw(path) {
            let made = RawRecorder::create(
                path,
                (fourcc, width, height),
                config.nominal(),
                config.appearance,
            )?;
            Sink::Raw(made.durable(config.durable).whole(config.whole))
        } else {
            let mut encoder = config.encoder((fourcc, width, height));
            if unpacking.is_none() {
                input.with_memory(&mut |memory| encoder = encoder.strides(memory.layout()))?;
            }
            let track = config.track(Track::from(&encoder));
            Sink::Encoded(Box::new(Encoded {
                encoder: Encoder::new(&encoder)?,
                recorder: Recorder::create(path, &track)?,
                left_out: 0,
                taken: 0,
            }))
        };
        Ok(Self {
            format_and_size: first,
            sink,
            timeline: Timeline::new(),
            unpacking,
            broken: None,
        })
    }

    /// Creates a file for packets of an encoder, starting with this one, which is not written yet.
    ///
    /// # Errors
    /// Those of [`Recording::begin`].
    pub fn begin_packets(
        path: impl AsRef<Path>,
        config: &RecordingConfig,
        packet: &Packet<'_>,
    ) -> Result<Self> {
        let (path, codec) = (path.as_ref(), packet.codec());
        if is_raw(path) {
            return Err(packets_to_raw(path, codec));
        }
        let said = stream_info(codec, packet.annex_b());
        let (width, height) = said.map_or((0, 0), |info| (info.width, info.height));
        if said.is_none() && codec != Codec::Mjpeg {
            return Err(Error::Record(RecordError::ParameterSets));
        }
        let rate = config.rate.or(said.and_then(|info| info.rate));
        let track = Track::new(codec, width, height, rate.unwrap_or(NOMINAL));
        let track = config.track(track.appearance(config.appearance));
        Ok(Self {
            format_and_size: (codec.fourcc(), width, height),
            sink: Sink::Kept {
                recorder: Recorder::create(path, &track)?,
                file: Vec::new(),
            },
            timeline: Timeline::new(),
            unpacking: None,
            broken: None,
        })
    }

    /// Returns the encoder in use, if any.
    #[must_use]
    pub fn encoder(&self) -> Option<&Encoder> {
        match &self.sink {
            Sink::Encoded(encoded) => Some(&encoded.encoder),
            _ => None,
        }
    }

    /// Returns format, width and height of the input.
    #[must_use]
    pub fn format_and_size(&self) -> (FourCc, u32, u32) {
        self.format_and_size
    }

    /// Returns the number of pictures dropped for having more detail than the encoder can put into
    /// a packet.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        match &self.sink {
            Sink::Encoded(encoded) => encoded.left_out,
            _ => 0,
        }
    }

    /// Returns the number of packets that were lost on the way or undecodable after that, and the
    /// number of such losses.
    #[must_use]
    pub fn lost(&self) -> (u64, u64) {
        match &self.sink {
            Sink::Packets(recorder) => (recorder.lost(), recorder.losses()),
            _ => (0, 0),
        }
    }

    /// Returns the number of frames timed by their arrival because their timestamps are
    /// implausible.
    #[must_use]
    pub fn estimated(&self) -> u64 {
        match &self.sink {
            Sink::Packets(recorder) => recorder.estimated(),
            _ => self.timeline.estimated(),
        }
    }

    /// Returns whether to ask the host for a key frame; see [`PacketRecorder::needs_key_frame`].
    pub fn needs_key_frame(&mut self) -> bool {
        match &mut self.sink {
            Sink::Packets(recorder) => recorder.needs_key_frame(),
            _ => false,
        }
    }

    /// Returns the content of the file so far.
    #[must_use]
    pub fn recorded(&self) -> Recorded {
        match &self.sink {
            Sink::Encoded(encoded) => encoded.recorder.recorded(),
            Sink::Kept { recorder, .. } => recorder.recorded(),
            Sink::Raw(recorder) => recorder.recorded(),
            Sink::Packets(recorder) => recorder.recorded(),
        }
    }

    /// Returns the number of pictures in the file or on their way.
    #[must_use]
    pub fn frames(&self) -> u64 {
        match &self.sink {
            Sink::Encoded(encoded) => encoded.taken,
            Sink::Raw(recorder) => recorder.recorded().frames,
            Sink::Packets(recorder) => recorder.recorded().frames + recorder.waiting(),
            Sink::Kept { recorder, .. } => recorder.recorded().frames + recorder.waiting(),
        }
    }

    /// Adds a picture, or a packet of a host, unless its time is `limit_ns` or more after the
    /// first. Returns whether more are wanted.
    ///
    /// An incomplete JPEG image is dropped; see [`Recording::take_broken`].
    ///
    /// # Errors
    /// [`Error::Record`]: [`RecordError::Changed`] for another format or size than the first, and
    /// those of [`Recorder::write`]; [`Error::Codec`]; errors of reading the memory.
    pub fn add(&mut self, input: &dyn Recordable, time: FrameTime, limit_ns: u64) -> Result<bool> {
        self.broken = None;
        if input.format_and_size() != self.format_and_size {
            return Err(self.changed(input.format_and_size()));
        }
        if let Sink::Packets(recorder) = &mut self.sink {
            if let Some(frame) = input.frame() {
                recorder.write(frame)?;
            }
            return Ok(recorder.end_ns() < limit_ns);
        }
        let pts_ns = self.timeline.pts_ns(time.timestamp_ns, time.arrival_ns);
        if pts_ns >= limit_ns {
            return Ok(false);
        }
        self.add_picture(input, pts_ns)?;
        Ok(true)
    }

    /// Adds a packet of an encoder, with its times.
    ///
    /// # Errors
    /// Those of [`Recorder::write`]; [`RecordError::Changed`] for a recording of pictures.
    pub fn add_packet(&mut self, packet: &Packet<'_>) -> Result<()> {
        match &mut self.sink {
            Sink::Kept { recorder, .. } => Ok(recorder.write(packet)?),
            _ => {
                let (_, width, height) = self.format_and_size;
                Err(self.changed((packet.codec().fourcc(), width, height)))
            }
        }
    }

    /// Returns why the last frame was dropped, if it was.
    pub fn take_broken(&mut self) -> Option<PictureError> {
        self.broken.take()
    }

    /// Completes the file.
    ///
    /// # Errors
    /// [`Error::Codec`]; [`Error::Record`], as [`Recorder::finish`].
    pub fn finish(self) -> Result<Recorded> {
        match self.sink {
            Sink::Raw(recorder) => Ok(recorder.finish()?),
            Sink::Packets(recorder) => Ok(recorder.finish()?),
            Sink::Kept { recorder, .. } => Ok(recorder.finish()?),
            Sink::Encoded(mut encoded) => {
                encoded.encoder.finish()?;
                encoded.drain()?;
                Ok(encoded.recorder.finish()?)
            }
        }
    }

    fn changed(&self, now: (FourCc, u32, u32)) -> Error {
        let number = |(fourcc, width, height): (FourCc, u32, u32)| (fourcc.0, width, height);
        Error::Record(RecordError::Changed {
            was: number(self.format_and_size),
            now: number(now),
            recorded: self.recorded(),
        })
    }

    fn add_picture(&mut self, input: &dyn Recordable, pts_ns: u64) -> Result<()> {
        let Self {
            sink,
            unpacking,
            broken,
            ..
        } = self;
        if let Some(unpacking) = unpacking {
            *broken = see(input, |packed| {
                match unpacking.unpack(bytes_of(packed))? {
                    Ok(picture) => match sink {
                        Sink::Raw(recorder) => Ok(recorder.write(&picture).map(|()| None)?),
                        Sink::Encoded(encoded) => {
                            let submitted = encoded.encoder.submit(&picture, pts_ns);
                            encoded.note(submitted).map(|()| None)
                        }
                        Sink::Packets(_) | Sink::Kept { .. } => Ok(None),
                    },
                    Err(error) => Ok(Some(error)),
                }
            })?;
            return Ok(());
        }
        match sink {
            Sink::Packets(_) => Ok(()),
            Sink::Raw(recorder) => see(input, |picture| Ok(recorder.write(picture)?)),
            Sink::Kept { recorder, file } => {
                let found = see(input, |packed| Ok(jpeg::whole_into(bytes_of(packed), file)))?;
                match found {
                    Err(error) => {
                        *broken = Some(error);
                        Ok(())
                    }
                    Ok(()) => {
                        Ok(recorder.write(&Packet::new(Codec::Mjpeg, file, pts_ns, pts_ns))?)
                    }
                }
            }
            Sink::Encoded(encoded) => encoded.add(input, pts_ns),
        }
    }
}

impl Encoded {
    /// Submits a picture to the encoder. A device reads it in place, and is done when this returns.
    fn add(&mut self, input: &dyn Recordable, pts_ns: u64) -> Result<()> {
        let encoder = &mut self.encoder;
        let mut submitted = None;
        if encoder.device().is_some() {
            input.with_memory(&mut |memory| {
                let given = encoder.submit_dmabuf(memory, pts_ns);
                submitted = Some(given.and_then(|picture| encoder.finish_reading(&picture)));
            })?;
        }
        let submitted = match submitted {
            Some(submitted) => submitted,
            None => see(input, |picture| Ok(encoder.submit(picture, pts_ns)))?,
        };
        self.note(submitted)
    }

    /// Handles the result of submitting a picture.
    fn note(&mut self, submitted: Result<(), CodecError>) -> Result<()> {
        match submitted {
            Ok(()) => {
                self.taken += 1;
                self.drain()
            }
            Err(CodecError::TooDetailed { .. }) => {
                self.left_out += 1;
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn drain(&mut self) -> Result<()> {
        while let Some(packet) = self.encoder.receive()? {
            self.recorder.write(&packet)?;
        }
        Ok(())
    }
}

fn packets_to_raw(path: &Path, codec: Codec) -> Error {
    Error::Record(RecordError::Packets {
        path: path.into(),
        codec,
    })
}

/// Returns the bytes of a JPEG frame.
fn bytes_of<'a>(packed: &Picture<'a>) -> &'a [u8] {
    packed.planes().first().map_or(&[][..], |plane| plane.data)
}

#[cfg(all(test, feature = "software"))]
mod tests {
    use super::*;
    use crate::TestPattern;
    use crate::encode::EncoderConfig;

    const AT: FrameTime = FrameTime {
        timestamp_ns: 0,
        arrival_ns: 0,
    };

    fn at(number: u64) -> FrameTime {
        FrameTime {
            timestamp_ns: 1_000_000_000 + NOMINAL.time_ns(number),
            ..AT
        }
    }

    /// Records pictures of the test pattern with `add`.
    fn record(path: &Path, config: &RecordingConfig, count: u64) -> Recorded {
        let layout = Layout::new(FourCc::NV12, 320, 240).unwrap();
        let mut bytes = vec![0; layout.size as usize];
        let pattern = TestPattern::new(FourCc::NV12, 320, 240, NOMINAL).unwrap();
        let mut recording = None;
        for number in 0..count {
            let mut target = PictureMut::new(&mut bytes, &layout).unwrap();
            pattern.draw(number, &mut target).unwrap();
            let picture = target.as_picture();
            let recording =
                recording.get_or_insert_with(|| Recording::begin(path, config, &picture).unwrap());
            assert!(recording.add(&picture, at(number), u64::MAX).unwrap());
            assert_eq!(recording.frames(), number + 1);
        }
        recording.unwrap().finish().unwrap()
    }

    #[test]
    fn names_say_what_becomes_of_pictures() {
        let folder = tempfile::tempdir().unwrap();
        let config = RecordingConfig::new(Codec::H264);
        for name in ["a.mp4", "a.h264", "a.y4m"] {
            let path = folder.path().join(name);
            let recorded = record(&path, &config, 10);
            assert_eq!(recorded.frames, 10, "{name}");
            assert_eq!(recorded.bytes, path.metadata().unwrap().len(), "{name}");
        }
    }

    #[test]
    fn pictures_past_the_limit_are_not_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let grey = [128; 64 * 64];
        let layout = Layout::new(FourCc::GREY, 64, 64).unwrap();
        let picture = Picture::new(&grey, &layout).unwrap();
        let config = RecordingConfig::new(Codec::H264);
        let path = folder.path().join("a.mp4");
        let mut recording = Recording::begin(path, &config, &picture).unwrap();
        let limit_ns = NOMINAL.time_ns(2);
        for (number, wanted) in [(0, true), (1, true), (2, false)] {
            let more = recording.add(&picture, at(number), limit_ns).unwrap();
            assert_eq!(more, wanted, "{number}");
        }
        assert_eq!(recording.finish().unwrap().frames, 2);
    }

    #[test]
    fn another_size_is_an_error_that_names_both() {
        let folder = tempfile::tempdir().unwrap();
        let grey = [128; 64 * 64];
        let of = |height| Layout::new(FourCc::GREY, 64, height).unwrap();
        let (tall, low) = (of(64), of(32));
        let first = Picture::new(&grey, &tall).unwrap();
        let second = Picture::new(&grey, &low).unwrap();
        let config = RecordingConfig::new(Codec::H264);
        let path = folder.path().join("a.mp4");
        let mut recording = Recording::begin(path, &config, &first).unwrap();
        recording.add(&first, at(0), u64::MAX).unwrap();
        let error = recording.add(&second, at(1), u64::MAX).unwrap_err();
        let words = error.to_string();
        assert!(
            words.contains("64x64") && words.contains("64x32"),
            "{words}"
        );
        assert_eq!(recording.finish().unwrap().frames, 1);
    }

    #[test]
    fn packets_of_an_encoder_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let grey = [128; 64 * 64];
        let layout = Layout::new(FourCc::GREY, 64, 64).unwrap();
        let picture = Picture::new(&grey, &layout).unwrap();
        let config = EncoderConfig::of_layout(Codec::H264, &layout, NOMINAL);
        let mut encoder = Encoder::new(&config).unwrap();
        let mut recording: Option<Recording> = None;
        for number in 0..5 {
            encoder.submit(&picture, NOMINAL.time_ns(number)).unwrap();
            while let Some(packet) = encoder.receive().unwrap() {
                let recording = recording.get_or_insert_with(|| {
                    let config = RecordingConfig::new(Codec::H264);
                    let raw = folder.path().join("a.y4m");
                    Recording::begin_packets(raw, &config, &packet).unwrap_err();
                    let path = folder.path().join("a.mp4");
                    Recording::begin_packets(path, &config, &packet).unwrap()
                });
                recording.add_packet(&packet).unwrap();
            }
        }
        let recording = recording.unwrap();
        assert_eq!(recording.format_and_size(), (FourCc::H264, 64, 64));
        assert_eq!(recording.finish().unwrap().frames, 5);
    }

    #[test]
    fn pictures_are_not_kept_as_jpeg() {
        let grey = [128; 64 * 64];
        let layout = Layout::new(FourCc::GREY, 64, 64).unwrap();
        let picture = Picture::new(&grey, &layout).unwrap();
        let config = RecordingConfig::new(Codec::Mjpeg);
        let error = Recording::begin("a.mjpeg", &config, &picture).unwrap_err();
        assert!(error.to_string().contains("GREY"), "{error}");
        assert!(!Path::new("a.mjpeg").exists());
    }
}
