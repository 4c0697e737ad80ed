//! Errors of recordings and snapshots.

use std::io;
use std::path::{Path, PathBuf};

use videostream_hal::format::FourCc;

use super::Recorded;
use super::name::{annex_b, is_mjpeg};
use crate::bitstream::Codec;
use crate::picture::PictureError;

/// An error of a recording or a snapshot.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The file name has no supported extension, or that of another codec's byte stream.
    #[error("{path}: {}", other_name(path))]
    Extension {
        /// The file.
        path: PathBuf,
    },
    /// The format was left out of this build.
    #[error("{path}: build with the cargo feature `{feature}` to write this format")]
    NotBuilt {
        /// The file.
        path: PathBuf,
        /// The cargo feature that adds it.
        feature: &'static str,
    },
    /// The file could not be created.
    #[error("can't create {path}: {error}")]
    Create {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        error: io::Error,
    },
    /// The file could not be written: the disk is full, or gone. What was recorded stays playable.
    #[error("can't write {path}: {error}{}{}", seekable(error), kept(recorded))]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        error: io::Error,
        /// The content of the file so far.
        recorded: Recorded,
    },
    /// A packet of another codec than the recording.
    #[error("packet is {has}, but the recording is {wants}")]
    Codec {
        /// Codec of the packet.
        has: Codec,
        /// Codec of the recording.
        wants: Codec,
    },
    /// The picture size does not fit the format.
    #[error("can't write pictures of {width}x{height}: sides must be from 1 to 65535")]
    Size {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The file can't hold pictures of this format or size, or they differ from earlier ones.
    #[error(transparent)]
    Format(io::Error),
    /// A key frame without usable parameter sets in it or before, so that no decoder could start.
    #[error(
        "parameter sets are missing in a key frame and before it: its \
             encoder has to send them first, or with each key frame"
    )]
    ParameterSets,
    /// A frame that is not a packet of H.264 or H.265.
    #[error("frames are {fourcc}: only packets of H.264 and HEVC can be recorded as they are")]
    NoPacket {
        /// Its format.
        fourcc: FourCc,
    },
    /// Packets, but the file name is that of raw video.
    #[error(
        "{path}: the host shares packets of {codec}, and .y4m holds raw video: choose a name that \
         ends in .mp4"
    )]
    Packets {
        /// The file.
        path: PathBuf,
        /// The codec of the packets.
        codec: Codec,
    },
    /// Pictures to be kept as JPEG are not JPEG.
    #[error(
        "{path}: to be kept as Motion-JPEG, frames have to be MJPG, but they are {fourcc}: \
         choose another codec or name, or a camera and format that deliver MJPG"
    )]
    NoJpeg {
        /// The file.
        path: PathBuf,
        /// Their format.
        fourcc: FourCc,
    },
    /// Packets of another format or size than those before: start a new file.
    #[error(
        "the stream was {}x{} {} and is {}x{} {} after {} frames: start a new file",
        was.1, was.2, FourCc(was.0), now.1, now.2, FourCc(now.0), recorded.frames
    )]
    Changed {
        /// Format, width and height of the file.
        was: (u32, u32, u32),
        /// Those of the packet.
        now: (u32, u32, u32),
        /// The content of the file so far.
        recorded: Recorded,
    },
    /// The recording ended with an earlier error.
    #[error("{path}: the recording ended with an earlier error")]
    Ended {
        /// The file.
        path: PathBuf,
    },
    /// The file name has no supported image extension.
    #[error("{path}: the file name must end in .png, .jpg or .jpeg")]
    ImageExtension {
        /// The file.
        path: PathBuf,
    },
    /// Pictures of this pixel format can't be saved as an image.
    #[error(
        "can't save a picture in {0}: it must be MJPG, or 8-bit YUV, RGB or grey, such as NV12, \
             YUYV or RGB3"
    )]
    ImageFormat(FourCc),
    /// An image quality outside 1 to 100.
    #[error("a JPEG file can't have quality {0}: choose 1 to 100")]
    Quality(u8),
    /// The picture to save is invalid, such as an incomplete JPEG image.
    #[error(transparent)]
    Picture(#[from] PictureError),
}

impl RecordError {
    /// Returns the file, if the error's text names one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Extension { path }
            | Self::NotBuilt { path, .. }
            | Self::Create { path, .. }
            | Self::Write { path, .. }
            | Self::Packets { path, .. }
            | Self::NoJpeg { path, .. }
            | Self::ImageExtension { path }
            | Self::Ended { path } => Some(path),
            Self::Codec { .. }
            | Self::Size { .. }
            | Self::Format(_)
            | Self::ParameterSets
            | Self::NoPacket { .. }
            | Self::Changed { .. }
            | Self::ImageFormat(_)
            | Self::Quality(_)
            | Self::Picture(_) => None,
        }
    }

    /// Returns whether the frame to save contains an incomplete JPEG image. The next one of the
    /// same camera may be complete.
    #[must_use]
    pub fn is_broken_jpeg(&self) -> bool {
        matches!(self, Self::Picture(error) if error.is_broken_jpeg())
    }
}

fn other_name(path: &Path) -> String {
    match annex_b(path) {
        Some(codec) => format!(
            "the file name says {codec}, but the recording has another codec: choose \
             another name (.mp4 holds both) or that codec"
        ),
        None if is_mjpeg(path) => "the file name says Motion-JPEG, but the recording has another \
             codec: choose another name (.mp4 holds all), or a camera and format that deliver MJPG"
            .to_owned(),
        None => "the file name must end in .mp4 (fragmented MP4), in .h264, .264, .h265, .265 or \
             .hevc (Annex B of that codec), in .mjpeg (JPEG as cameras deliver it), or in .y4m \
             (raw video)"
            .to_owned(),
    }
}

fn seekable(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotSeekable => "; an MP4 needs a file: a pipe accepts .h264, .h265 and .y4m",
        _ => "",
    }
}

fn kept(recorded: &Recorded) -> String {
    match recorded.frames {
        0 => String::new(),
        frames => format!("; the {frames} frames recorded before stay playable"),
    }
}
