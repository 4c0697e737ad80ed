//! Recording packets, or raw pictures, to a file in the format that its name says.
//!
//! | name | format | needs |
//! |---|---|---|
//! | `.mp4` | fragmented MP4 (ISO/IEC 14496-12), playable everywhere; to a file, not to a pipe | cargo feature `record` |
//! | `.h264`, `.264`; `.h265`, `.265`, `.hevc` | Annex B byte stream, which has no times | |
//! | `.y4m` | raw pictures, by `RawRecorder` | cargo feature `record` |
//!
//! # What survives
//! An MP4 file grows by complete fragments, each at most a second long or one group of pictures, and each is
//! on the medium before the next is begun (unless [`Track::durable`] says otherwise). Readers skip a fragment
//! until it is complete: its `moof` is a `free` box before. After a crash, a
//! power loss or a full disk the file plays up to its last complete fragment; nothing has to be repaired
//! and [`Recorder::finish`] need not have run. An Annex B file plays up to its last complete picture.
//!
//! [`Recorder::finish`] puts the index of all samples into room that was kept for it in front. The file is an ordinary
//! MP4 then, which players open and seek at once, and which plays up to where a broken copy ends. The room is
//! 128 KiB, enough for 15 minutes at 30 frames a second, and a hole behind it for a day
//! ([`Track::expected_frames`] says better): it takes no space on the medium, and is taken out of a file that does
//! not need it where the file system can do that (ext4, XFS, F2FS). On FAT, which fills holes, there is
//! room for two hours. A recording that outgrows its room stays in fragments.
//!
//! # Times
//! Times of the packets are kept, relative to the first. The unit of time is chosen so that the duration of
//! a frame is exact: pictures stamped with [`FrameRate::time_ns`] make a file of exactly that rate.
//! A [`Timeline`] makes such stamps of the numbers and times that a source gives its frames.
//!
//! Recording begins with the first key frame; packets before it are left out and counted. A
//! [`PacketRecorder`] takes the packets that a host shares, and goes on with the next key frame after a loss.

mod error;
mod file;
#[cfg(feature = "record")]
mod mp4;
mod packets;
#[cfg(feature = "record")]
mod raw;
mod timeline;

use std::path::{Path, PathBuf};

pub use self::error::RecordError;
use self::file::Pieces;
pub use self::packets::{Outcome, PacketRecorder};
#[cfg(feature = "record")]
pub use self::raw::RawRecorder;
pub use self::timeline::Timeline;
use crate::encode::{Codec, EncoderConfig, Packet};
use crate::frame_rate::FrameRate;

/// The additional room for an index where a file system fills holes: two hours at 30 frames a second.
#[cfg(feature = "record")]
const FILLED_HOLE: u64 = 1 << 20;

/// What is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Track {
    pub(crate) codec: Codec,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) rate: FrameRate,
    pub(crate) durable: bool,
    pub(crate) expected: Option<u64>,
}

impl Track {
    /// Pictures of this (visible) size at this nominal rate.
    #[must_use]
    pub fn new(codec: Codec, width: u32, height: u32, rate: FrameRate) -> Self {
        Self {
            codec,
            width,
            height,
            rate,
            durable: true,
            expected: None,
        }
    }

    /// Whether each piece is synchronised to the medium (`fdatasync`) before the next is begun; yes,
    /// unless changed. Without, a power loss takes what the system still holds in memory.
    #[must_use]
    pub fn durable(self, durable: bool) -> Self {
        Self { durable, ..self }
    }

    /// How many frames there will be, about. An MP4 keeps room in front for the index of so many; if nobody says,
    /// of a day, as a hole that takes no space on the medium.
    #[must_use]
    pub fn expected_frames(self, frames: u64) -> Self {
        Self {
            expected: Some(frames),
            ..self
        }
    }

    /// The codec.
    #[must_use]
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Width and height in pixels.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }
}

impl From<&EncoderConfig> for Track {
    fn from(config: &EncoderConfig) -> Self {
        let visible = config.visible();
        Self::new(config.codec, visible.width, visible.height, config.rate)
    }
}

/// What is in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recorded {
    /// Frames that are playable.
    pub frames: u64,
    /// Packets left out before the first key frame.
    pub skipped: u64,
    /// Bytes in complete pieces.
    pub bytes: u64,
    /// Duration in nanoseconds.
    pub duration_ns: u64,
}

/// Writes packets to a file; see the [module](self).
///
/// Dropping a recorder writes what is collected, but can't report errors: call [`Recorder::finish`].
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
    ended: bool,
}

#[derive(Debug)]
enum Format {
    AnnexB,
    #[cfg(feature = "record")]
    Mp4(Box<mp4::Mp4>),
}

/// Formats by file name.
#[derive(Debug, Clone, Copy)]
enum Kind {
    AnnexB,
    #[cfg(feature = "record")]
    Mp4,
}

impl Kind {
    fn of(path: &Path, codec: Codec) -> Result<Self, RecordError> {
        let extension = path
            .extension()
            .and_then(|extension| extension.to_str())
            .unwrap_or("");
        match (extension.to_ascii_lowercase().as_str(), codec) {
            ("h264" | "264", Codec::H264) | ("h265" | "265" | "hevc", Codec::H265) => {
                Ok(Self::AnnexB)
            }
            #[cfg(feature = "record")]
            ("mp4", _) => Ok(Self::Mp4),
            #[cfg(not(feature = "record"))]
            ("mp4", _) => Err(RecordError::NotBuilt {
                path: path.into(),
                feature: "record",
            }),
            _ => Err(RecordError::Extension { path: path.into() }),
        }
    }
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

/// Whether the name of a file says that it holds raw pictures, which a [`Recorder`] does not write.
#[must_use]
pub fn is_raw(path: impl AsRef<Path>) -> bool {
    let extension = path.as_ref().extension();
    extension.is_some_and(|extension| extension.eq_ignore_ascii_case("y4m"))
}

/// Checks that the name of a file says a format that can be written, before anything is set up.
///
/// # Errors
/// [`RecordError::Extension`], [`RecordError::NotBuilt`].
pub fn check_path(path: impl AsRef<Path>, codec: Codec) -> Result<(), RecordError> {
    Kind::of(path.as_ref(), codec).map(drop)
}

impl Recorder {
    /// Creates the file, or empties it if it is there.
    ///
    /// # Errors
    /// [`RecordError::Extension`] for a name that says no format, [`RecordError::NotBuilt`],
    /// [`RecordError::Size`], [`RecordError::Create`].
    pub fn create(path: impl AsRef<Path>, track: &Track) -> Result<Self, RecordError> {
        let path = path.as_ref();
        let format = Format::new(path, track)?;
        let file = Pieces::create(path, track.durable).map_err(|error| RecordError::Create {
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
            ended: false,
        })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is in the file now. Packets that wait for their fragment to be complete are not counted.
    #[must_use]
    pub fn recorded(&self) -> Recorded {
        Recorded {
            bytes: self.file.len(),
            ..self.recorded
        }
    }

    /// Frames that wait for their fragment to be complete.
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
    /// [`RecordError::Write`] when the file can't be written, and from then on [`RecordError::Ended`];
    /// [`RecordError::Codec`], [`RecordError::ParameterSets`] and
    /// [`RecordError::ParameterSetsChanged`] for packets that don't belong into this recording.
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
        let first_ns = match self.first_ns {
            Some(first_ns) => first_ns,
            None if packet.is_key() => {
                self.begin(packet)?;
                self.first_ns = Some(packet.dts_ns());
                packet.dts_ns()
            }
            None => {
                self.recorded.skipped += 1;
                return Ok(());
            }
        };
        match &mut self.format {
            Format::AnnexB => {
                self.append(packet.annex_b())?;
                let shown_ns = packet.dts_ns().saturating_sub(first_ns);
                self.recorded.frames += 1;
                self.recorded.duration_ns = shown_ns.saturating_add(self.track.rate.period_ns());
                Ok(())
            }
            #[cfg(feature = "record")]
            Format::Mp4(mp4) if mp4.changed(packet) => Err(RecordError::ParameterSetsChanged {
                recorded: self.recorded(),
            }),
            #[cfg(feature = "record")]
            Format::Mp4(mp4) => match mp4.add(packet)? {
                Some(fragment) => self.append_fragment(&fragment),
                None => Ok(()),
            },
        }
    }

    /// Writes what is collected and synchronises the file to the medium.
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
        if let Format::Mp4(mp4) = &mut self.format {
            let turned = put_index(mp4, &mut self.file)?;
            turned.map_err(|error| self.write_error(error))?;
        }
        self.file
            .finish()
            .map_err(|error| self.write_error(error))?;
        Ok(self.recorded())
    }

    /// Writes what comes before the first packet, a key frame.
    fn begin(&mut self, packet: &Packet<'_>) -> Result<(), RecordError> {
        match &mut self.format {
            Format::AnnexB if packet.parameter_sets().is_empty() => Err(RecordError::ParameterSets),
            Format::AnnexB => Ok(()),
            #[cfg(feature = "record")]
            Format::Mp4(mp4) => {
                let hole = match self.file.fills_holes() {
                    true => mp4.hole().min(FILLED_HOLE),
                    false => mp4.hole(),
                };
                let begun = self.file.begin(&mp4.header(packet, hole)?);
                let begun = match begun {
                    // Perhaps there is no room for the room.
                    Err(_) if hole > 0 => self.file.begin(&mp4.header(packet, 0)?),
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
        let result = self.file.append_box(&fragment.bytes);
        self.check(result)?;
        if let (Some(spill), Format::Mp4(mp4)) = (&fragment.spill, &mut self.format)
            && self.file.spill(spill).is_err()
        {
            mp4.give_up_index();
        }
        self.recorded.frames += fragment.frames;
        self.recorded.duration_ns = fragment.end_ns;
        Ok(())
    }

    fn append(&mut self, piece: &[u8]) -> Result<(), RecordError> {
        let result = self.file.append(piece);
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
            recorded: self.recorded(),
        }
    }
}

/// Puts the index of a complete file in front.
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
            // There is nobody to tell; the file is playable without this.
            let _ = self.flush();
        }
    }
}
