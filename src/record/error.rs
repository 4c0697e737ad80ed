//! What goes wrong while recording.

use core::fmt;
use std::io;
use std::path::{Path, PathBuf};

use videostream_hal::format::FourCc;

use super::Recorded;
use super::name::{annex_b, is_mjpeg};
use crate::encode::Codec;

/// Why nothing was recorded, or why a recording ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum RecordError {
    /// The file name says no format that can be written, or a byte stream of another codec.
    Extension {
        /// The file.
        path: PathBuf,
    },
    /// The format was left out of this build.
    NotBuilt {
        /// The file.
        path: PathBuf,
        /// The cargo feature that adds it.
        feature: &'static str,
    },
    /// The file could not be created.
    Create {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The file could not be written: the disk is full, or gone. What was recorded stays playable.
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
        /// What is in the file.
        recorded: Recorded,
    },
    /// A packet of another codec than the recording.
    Codec {
        /// Codec of the packet.
        has: Codec,
        /// Codec of the recording.
        wants: Codec,
    },
    /// The picture size does not fit the format.
    Size {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// Pictures of a format or size that the file can't hold, or of another one than those before.
    Format(io::Error),
    /// A key frame, and no usable parameter sets with it or before, so that no decoder could start.
    ParameterSets,
    /// A frame that is no packet of H.264 or H.265.
    NoPacket {
        /// Its format.
        fourcc: FourCc,
    },
    /// Packets, where the name of the file says raw video.
    Packets {
        /// The file.
        path: PathBuf,
        /// The codec of the packets.
        codec: Codec,
    },
    /// Pictures that are to be kept as JPEG, and are none.
    NoJpeg {
        /// The file.
        path: PathBuf,
        /// Their format.
        fourcc: FourCc,
    },
    /// Packets of another format or size than those before: start a new file.
    Changed {
        /// Format, width and height of the file.
        was: (u32, u32, u32),
        /// Those of the packet.
        now: (u32, u32, u32),
        /// What is in the file.
        recorded: Recorded,
    },
    /// The recording ended with an earlier error.
    Ended {
        /// The file.
        path: PathBuf,
    },
}

impl RecordError {
    /// The file, where the text of the error names one; others are of what is recorded.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Extension { path }
            | Self::NotBuilt { path, .. }
            | Self::Create { path, .. }
            | Self::Write { path, .. }
            | Self::Packets { path, .. }
            | Self::NoJpeg { path, .. }
            | Self::Ended { path } => Some(path),
            Self::Codec { .. }
            | Self::Size { .. }
            | Self::Format(_)
            | Self::ParameterSets
            | Self::NoPacket { .. }
            | Self::Changed { .. } => None,
        }
    }
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Extension { path } => match annex_b(path) {
                Some(codec) => write!(
                    f,
                    "{}: the file name says {codec}, but what is to be recorded is of another codec: choose \
                     another name (.mp4 holds both) or that codec",
                    path.display()
                ),
                None if is_mjpeg(path) => write!(
                    f,
                    "{}: the file name says Motion-JPEG, but what is to be recorded is of another codec: choose \
                     another name (.mp4 holds all), or a camera and format that give MJPG",
                    path.display()
                ),
                None => write!(
                    f,
                    "{}: the file name must end in .mp4 (fragmented MP4), in .h264, .264, .h265, .265 or .hevc \
                     (Annex B of that codec), in .mjpeg (JPEG as cameras give it), or in .y4m (raw video)",
                    path.display()
                ),
            },
            Self::NotBuilt { path, feature } => write!(
                f,
                "{}: build with the cargo feature `{feature}` to write this format",
                path.display()
            ),
            Self::Create { path, error } => write!(f, "can't create {}: {error}", path.display()),
            Self::Write {
                path,
                error,
                recorded,
            } => {
                write!(f, "can't write {}: {error}", path.display())?;
                if error.kind() == io::ErrorKind::NotSeekable {
                    f.write_str("; an MP4 needs a file: a pipe takes .h264, .h265 and .y4m")?;
                }
                match recorded.frames {
                    0 => Ok(()),
                    frames => write!(f, "; the {frames} frames recorded before stay playable"),
                }
            }
            Self::Codec { has, wants } => {
                write!(f, "packet is {has}, but the recording is {wants}")
            }
            Self::Size { width, height } => {
                write!(
                    f,
                    "can't record pictures of {width}x{height}: sides must be from 1 to 65535"
                )
            }
            Self::Format(error) => error.fmt(f),
            Self::ParameterSets => f.write_str(
                "a key frame came, but not one of each of its parameter sets with it or before: its encoder has to send \
                 them first, or with each key frame",
            ),
            Self::NoPacket { fourcc } => {
                write!(
                    f,
                    "frames are {fourcc}: only packets of H.264 and HEVC can be recorded as they are"
                )
            }
            Self::Packets { path, codec } => write!(
                f,
                "{}: the host shares packets of {codec}, and .y4m holds raw video: choose a name that ends in .mp4",
                path.display()
            ),
            Self::NoJpeg { path, fourcc } => write!(
                f,
                "{}: to be kept as Motion-JPEG, frames have to be MJPG, and are {fourcc}: choose another codec or name, or \
                 a camera and format that give MJPG",
                path.display()
            ),
            Self::Changed { was, now, recorded } => write!(
                f,
                "the stream was {}x{} {} and is {}x{} {} after {} frames: start a new file",
                was.1,
                was.2,
                FourCc(was.0),
                now.1,
                now.2,
                FourCc(now.0),
                recorded.frames
            ),
            Self::Ended { path } => {
                write!(
                    f,
                    "{}: the recording ended with an earlier error",
                    path.display()
                )
            }
        }
    }
}

impl core::error::Error for RecordError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Create { error, .. } | Self::Write { error, .. } => Some(error),
            _ => None,
        }
    }
}
