//! Writing packets piece by piece.

use std::path::{Path, PathBuf};

use super::file::Pieces;
#[cfg(feature = "record")]
use super::mp4;
use super::name::Kind;
use super::{RecordError, Track};
use crate::bitstream::ParameterSets;
use crate::bitstream::{Codec, Packet};

/// Additional reserved space on file systems that fill holes: two hours at 30 frames a second.
#[cfg(feature = "record")]
const FILLED_HOLE: u64 = 1 << 20;

/// The content of a recorded file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recorded {
    /// Number of playable frames.
    pub frames: u64,
    /// Number of packets skipped before the first key frame.
    pub skipped: u64,
    /// Bytes in complete pieces.
    pub bytes: u64,
    /// Duration in nanoseconds.
    pub duration_ns: u64,
}

/// Writes packets to a file; see the [module](super).
///
/// Dropping a recorder writes collected packets but can't report errors: call [`Recorder::finish`].
///
/// ```no_run
/// use videostream::encode::{Codec, Encoder, EncoderConfig};
/// use videostream::hal::format::FourCc;
/// use videostream::record::{Recorder, Track};
/// use videostream::FrameRate;
///
/// let config = EncoderConfig::new(Codec::H264, FourCc::NV12, 1280, 720, FrameRate::fps(30)?);
/// let mut encoder = Encoder::new(&config)?;
/// let mut recorder = Recorder::create("camera.mp4", &Track::from(&config))?;
/// // encoder.submit(...)
/// while let Some(packet) = encoder.receive()? {
///     recorder.write(&packet)?;
/// }
/// println!("{} frames", recorder.finish()?.frames);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Recorder {
    path: PathBuf,
    track: Track,
    file: Pieces,
    format: Format,
    recorded: Recorded,
    /// Decoding time of the first packet, once there is one.
    first_ns: Option<u64>,
    /// The parameter sets of the stream so far.
    sets: ParameterSets,
    /// The picture size of the parameter sets so far, and that of the recording.
    said: Option<(u32, u32)>,
    size: Option<(u32, u32)>,
    ended: bool,
}

#[derive(Debug)]
enum Format {
    AnnexB,
    #[cfg(feature = "record")]
    Mp4(Box<mp4::Mp4>),
}

impl Format {
    fn new(path: &Path, track: &Track) -> Result<Self, RecordError> {
        match Kind::of(path, track.codec)? {
            Kind::AnnexB => Ok(Self::AnnexB),
            #[cfg(feature = "record")]
            Kind::Mp4 => Ok(Self::Mp4(Box::new(mp4::Mp4::new(*track)?))),
        }
    }
}

impl Recorder {
    /// Creates the file. A file of the same name stays until the first fragment or picture is
    /// complete, or until the recording is finished ([`Track::whole`]).
    ///
    /// # Errors
    /// [`RecordError::Extension`] for a name without a known format, [`RecordError::NotBuilt`],
    /// [`RecordError::Size`], [`RecordError::Create`].
    pub fn create(path: impl AsRef<Path>, track: &Track) -> Result<Self, RecordError> {
        let path = path.as_ref();
        let format = Format::new(path, track)?;
        let file = Pieces::create(path, track.durable, track.whole);
        let file = file.map_err(|error| RecordError::Create {
            path: path.into(),
            error,
        })?;
        Ok(Self {
            path: path.into(),
            track: *track,
            file,
            format,
            recorded: Recorded::default(),
            first_ns: None,
            sets: ParameterSets::new(track.codec),
            said: None,
            size: None,
            ended: false,
        })
    }

    pub(super) fn codec(&self) -> Codec {
        self.track.codec
    }

    /// Returns the content of the file so far. Packets of an incomplete fragment are not counted.
    #[must_use]
    pub fn recorded(&self) -> Recorded {
        Recorded {
            bytes: self.file.len(),
            ..self.recorded
        }
    }

    /// Returns the number of frames in the incomplete fragment.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        match &self.format {
            Format::AnnexB => 0,
            #[cfg(feature = "record")]
            Format::Mp4(mp4) => mp4.waiting(),
        }
    }

    /// Adds a packet.
    ///
    /// # Errors
    /// [`RecordError::Write`] if the file can't be written, and [`RecordError::Ended`] from then
    /// on; [`RecordError::Codec`], [`RecordError::ParameterSets`] and, for pictures of another
    /// size, [`RecordError::Changed`]: the packet does not belong in this recording, which may be
    /// finished or continued without it.
    pub fn write(&mut self, packet: &Packet<'_>) -> Result<(), RecordError> {
        if self.ended {
            return Err(RecordError::Ended {
                path: self.path.clone(),
            });
        }
        if packet.codec() != self.track.codec {
            return Err(RecordError::Codec {
                has: packet.codec(),
                wants: self.track.codec,
            });
        }
        let size = self.note_sets(packet);
        let first_ns = match self.first_ns {
            Some(first_ns) => first_ns,
            None if packet.is_key() => {
                self.size = size;
                self.begin(packet)?;
                self.first_ns = Some(packet.dts_ns());
                packet.dts_ns()
            }
            None => {
                self.recorded.skipped += 1;
                return Ok(());
            }
        };
        if size != self.size {
            // The frames that the error counts are in the file.
            self.flush()?;
            return Err(self.changed(size));
        }
        match &mut self.format {
            Format::AnnexB => {
                self.append(packet.annex_b())?;
                self.plays()?;
                let shown_ns = packet.dts_ns().saturating_sub(first_ns);
                self.recorded.frames += 1;
                self.recorded.duration_ns = shown_ns.saturating_add(self.track.rate.period_ns());
                Ok(())
            }
            #[cfg(feature = "record")]
            Format::Mp4(mp4) => match mp4.add(packet)? {
                Some(fragment) => self.append_fragment(&fragment),
                None => Ok(()),
            },
        }
    }

    /// Writes collected packets and synchronises the file to the medium. Without a packet there is
    /// no file, and [`Recorded::frames`] is 0.
    ///
    /// # Errors
    /// [`RecordError::Write`]; [`RecordError::Ended`] after an earlier one.
    pub fn finish(mut self) -> Result<Recorded, RecordError> {
        if self.ended {
            return Err(RecordError::Ended {
                path: self.path.clone(),
            });
        }
        self.flush()?;
        self.ended = true;
        #[cfg(feature = "record")]
        if let (Format::Mp4(mp4), Some(_)) = (&mut self.format, self.first_ns) {
            let turned = put_index(mp4, &mut self.file)?;
            turned.map_err(|error| self.write_error(error))?;
        }
        self.file
            .finish(self.recorded.frames > 0)
            .map_err(|error| self.write_error(error))?;
        Ok(self.recorded())
    }

    /// Stores the parameter sets anywhere in a packet. Returns the current picture size.
    fn note_sets(&mut self, packet: &Packet<'_>) -> Option<(u32, u32)> {
        if self.track.codec == Codec::Mjpeg {
            return None;
        }
        if self.sets.add_all(packet.annex_b()) {
            let info = self.sets.info();
            self.said = info.map(|info| (info.width, info.height)).or(self.said);
        }
        self.said
    }

    fn changed(&self, now: Option<(u32, u32)>) -> RecordError {
        let like = |size: Option<(u32, u32)>| {
            let (width, height) = size.unwrap_or_default();
            (self.track.codec.fourcc().0, width, height)
        };
        RecordError::Changed {
            was: like(self.size),
            now: like(now),
            recorded: self.recorded(),
        }
    }

    /// Writes the start of the file, before the first packet, a key frame.
    fn begin(&mut self, packet: &Packet<'_>) -> Result<(), RecordError> {
        if packet.codec() != Codec::Mjpeg
            && !self.sets.is_complete()
            && packet.parameter_sets().is_empty()
        {
            return Err(RecordError::ParameterSets);
        }
        match &mut self.format {
            Format::AnnexB => {
                let mut own = ParameterSets::new(self.track.codec);
                own.add_all(packet.annex_b());
                match self.sets.without(&own).to_bytes() {
                    missing if missing.is_empty() => Ok(()),
                    missing => self.append(&missing),
                }
            }
            #[cfg(feature = "record")]
            Format::Mp4(mp4) => {
                let hole = match self.file.fills_holes() {
                    true => mp4.hole().min(FILLED_HOLE),
                    false => mp4.hole(),
                };
                let (sets, first_ns) = (&self.sets, packet.dts_ns());
                let begun = self.file.begin(&mp4.header(sets, first_ns, hole)?);
                let begun = match begun {
                    // The disk may be too full for the additional reserved space.
                    Err(_) if hole > 0 => self.file.begin(&mp4.header(sets, first_ns, 0)?),
                    other => other,
                };
                self.check(begun)
            }
        }
    }

    fn flush(&mut self) -> Result<(), RecordError> {
        match &mut self.format {
            Format::AnnexB => Ok(()),
            #[cfg(feature = "record")]
            Format::Mp4(mp4) => match mp4.fragment(None)? {
                Some(fragment) => self.append_fragment(&fragment),
                None => Ok(()),
            },
        }
    }

    #[cfg(feature = "record")]
    fn append_fragment(&mut self, fragment: &mp4::Fragment) -> Result<(), RecordError> {
        let result = self
            .file
            .write_before(fragment.header.as_ref())
            .and_then(|()| self.file.append_box(&fragment.bytes));
        self.check(result)?;
        if let (Some(spill), Format::Mp4(mp4)) = (&fragment.spill, &mut self.format)
            && self.file.spill(spill).is_err()
        {
            mp4.give_up_index();
        }
        self.plays()?;
        self.recorded.frames += fragment.frames;
        self.recorded.duration_ns = fragment.end_ns;
        Ok(())
    }

    fn append(&mut self, piece: &[u8]) -> Result<(), RecordError> {
        let result = self.file.append(piece);
        self.check(result)
    }

    fn plays(&mut self) -> Result<(), RecordError> {
        let result = self.file.plays();
        self.check(result)
    }

    fn check(&mut self, result: std::io::Result<()>) -> Result<(), RecordError> {
        self.ended |= result.is_err();
        result.map_err(|error| self.write_error(error))
    }

    fn write_error(&self, error: std::io::Error) -> RecordError {
        RecordError::Write {
            path: self.path.clone(),
            error,
            recorded: match self.track.whole {
                // The file was never created.
                true => Recorded::default(),
                false => self.recorded(),
            },
        }
    }
}

/// Moves the index of a complete file to the front.
#[cfg(feature = "record")]
fn put_index(mp4: &mut mp4::Mp4, file: &mut Pieces) -> Result<std::io::Result<()>, RecordError> {
    if let Some((at, bytes)) = mp4.needless_hole() {
        match file.take_out(at, bytes) {
            Ok(true) => mp4.close_hole(bytes),
            Ok(false) => {}
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(match mp4.finish()? {
        Some(turn) => file.turn(&turn),
        None => Ok(()),
    })
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if !self.ended {
            // Errors can't be reported here; the file is playable without this.
            let _ = self.flush();
        }
    }
}
