//! Errors of encoders and decoders.

use std::path::PathBuf;

use videostream_hal::codec::TuningError;
use videostream_hal::format::FourCc;
use videostream_hal::memory::MemoryError;
use videostream_hal::v4l2::{Error as DeviceError, NodeKind};

use super::{BACKEND_VARIABLE, NoDevice};
use crate::bitstream::{Codec, Level};
use crate::frame_rate::FrameRate;
use crate::joined::commas;
use crate::library::LibraryMissing;
use crate::picture::{PictureError, Rect};

/// An error of creating or using an encoder or decoder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// No backend for the codec was built in or found.
    #[error(
        "no {} for {codec}: build with the cargo feature `software` for one that runs on the CPU",
        kind.name()
    )]
    NoBackend {
        /// Encoder or decoder.
        kind: NodeKind,
        /// The codec.
        codec: Codec,
    },
    /// No device of this machine encodes or decodes the codec.
    #[error(transparent)]
    NoDevice(#[from] NoDevice),
    /// The library that encodes or decodes is not installed or not usable.
    #[error(transparent)]
    Library(#[from] LibraryMissing),
    /// The environment variable [`BACKEND_VARIABLE`] names no backend.
    #[error("{BACKEND_VARIABLE}={0}: no such backend, choose `auto`, `v4l2` or `software`")]
    UnknownBackend(String),
    /// The device does not accept pictures of this format.
    #[error("can't encode pictures in {fourcc}: {path} accepts {}", commas(takes))]
    DeviceFormat {
        /// The device.
        path: PathBuf,
        /// The format.
        fourcc: FourCc,
        /// The formats that it accepts.
        takes: Vec<FourCc>,
    },
    /// The device does not accept pictures of this size.
    #[error(
        "can't encode pictures of {}x{}: {path} accepts {}x{} to {}x{}",
        size.0, size.1, min.0, min.1, max.0, max.1
    )]
    DeviceSize {
        /// The device.
        path: PathBuf,
        /// Width and height in pixels.
        size: (u32, u32),
        /// Its smallest width and height.
        min: (u32, u32),
        /// Its largest width and height.
        max: (u32, u32),
    },
    /// The device can't encode this crop rectangle.
    #[error(
        "{path} can't encode the part of {}x{} pixels at ({}, {})",
        rect.width, rect.height, rect.x, rect.y
    )]
    DeviceCrop {
        /// The device.
        path: PathBuf,
        /// The rectangle.
        rect: Rect,
    },
    /// The device can't keep to this frame rate, or to any.
    #[error("{path} {}", achievable(*rate, *can))]
    DeviceRate {
        /// The device.
        path: PathBuf,
        /// The rate that was asked for.
        rate: FrameRate,
        /// The rate it can keep to.
        can: Option<FrameRate>,
    },
    /// A control that the driver lacks, or a value that it rejects.
    #[error("{path}: {error}")]
    Control {
        /// The device.
        path: PathBuf,
        /// The control by its kernel name, and the reason.
        #[source]
        error: TuningError,
    },
    /// The device failed, or was unplugged.
    #[error("{path}: {error}")]
    Device {
        /// The device.
        path: PathBuf,
        /// The driver's error.
        #[source]
        error: DeviceError,
    },
    /// The device could not encode a picture; the next one is a key frame.
    #[error("the device could not encode the picture at {pts_ns} ns: the next one is a key frame")]
    Damaged {
        /// Presentation time of the picture, in nanoseconds.
        pts_ns: u64,
    },
    /// The CPU can't map a picture's memory, or a dma-buf refused access.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The encoded size is outside the backend's limits, or odd.
    #[error("can't encode pictures of {width}x{height}: {limits}")]
    Size {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// The limits in words.
        limits: &'static str,
    },
    /// The encoder does not accept pictures of this format.
    #[error("can't encode pictures in {fourcc}: the encoder accepts {takes}")]
    Format {
        /// The format.
        fourcc: FourCc,
        /// The formats that it accepts.
        takes: &'static str,
    },
    /// The decoder has no output of this format.
    #[error("can't decode to {fourcc}: the decoder outputs {gives}")]
    OutputFormat {
        /// The format.
        fourcc: FourCc,
        /// The output formats that it has.
        gives: &'static str,
    },
    /// A number in the configuration is out of range.
    #[error("{what} is {value}, but must be from {min} to {max}")]
    Value {
        /// The name of the value, with its unit.
        what: &'static str,
        /// The value that was given.
        value: u64,
        /// Smallest value allowed.
        min: u64,
        /// Largest value allowed.
        max: u64,
    },
    /// The encoder does not support a setting.
    #[error("the encoder can't do {what}, but {can}")]
    Unsupported {
        /// The requested value.
        what: &'static str,
        /// The supported values.
        can: &'static str,
    },
    /// The decoder does not support this kind of stream.
    #[error("{what} is not supported by the decoder")]
    UnsupportedStream {
        /// The kind of the stream.
        what: &'static str,
    },
    /// Size, rate or bitrate needs a higher level than the requested one.
    #[error(
        "size, frame rate and bitrate don't fit into level {asked}: level {needs} is the lowest \
         that they do"
    )]
    Level {
        /// The requested level.
        asked: Level,
        /// The lowest level that fits.
        needs: Level,
    },
    /// The bitrate can't be changed: the encoder was made with a constant quantiser.
    #[error("a constant quantiser has no bitrate to change: choose `Constant` or `Variable`")]
    NoBitrate,
    /// The crop rectangle or the memory of a picture is invalid.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// A picture differs from what the encoder was made for.
    #[error(
        "picture is {} {}x{}, but the encoder was made for {} {}x{}",
        has.0, has.1, has.2, wants.0, wants.1, wants.2
    )]
    Mismatch {
        /// Format, width and height of the picture.
        has: (FourCc, u32, u32),
        /// Format, width and height of the configuration.
        wants: (FourCc, u32, u32),
    },
    /// The packet's codec is not that of the decoder.
    #[error("packet is {has}, but the decoder is for {wants}")]
    Codec {
        /// Codec of the packet.
        has: Codec,
        /// Codec of the decoder.
        wants: Codec,
    },
    /// The packet is larger than the device accepts.
    #[error("the packet has {bytes} bytes, but the device accepts at most {limit}")]
    TooLarge {
        /// Bytes of the packet.
        bytes: usize,
        /// The most bytes that the device accepts.
        limit: usize,
    },
    /// Decoding can't start before the next key frame.
    #[error("nothing can be decoded before the next key frame")]
    KeyFrameNeeded,
    /// The packet is damaged or refers to lost pictures. Continue with the next key frame.
    #[error(
        "the picture at {pts_ns} ns is damaged or refers to one that is (decoder state {code:#x}): \
         go on with the next key frame"
    )]
    Corrupt {
        /// Presentation time of the picture, in nanoseconds.
        pts_ns: u64,
        /// The backend's error code.
        code: i64,
    },
    /// A picture or packet was submitted before the output of the one before was received.
    #[error("output is waiting: call `receive` until it returns none before the next `submit`")]
    OutputWaiting,
    /// A picture or packet was submitted after the end.
    #[error("the codec was finished: create a new one")]
    Finished,
    /// The picture, encoded this finely, would be about as large as uncompressed, as with noise at
    /// a fine quantiser. It was dropped, and the next picture becomes a key frame.
    #[error(
        "the picture at {pts_ns} ns has too much detail for the quantiser and was dropped: choose \
         a lower bitrate or a coarser quantiser"
    )]
    TooDetailed {
        /// Presentation time of the picture, in nanoseconds.
        pts_ns: u64,
    },
    /// The backend failed.
    #[error("the codec failed: {call} returned {code}")]
    Backend {
        /// The call that failed.
        call: &'static str,
        /// Its return value.
        code: i64,
    },
}

impl CodecError {
    /// Returns whether the error comes from a device that exists for the codec.
    pub(crate) fn is_of_a_device(&self) -> bool {
        !matches!(self, Self::NoDevice(none) if none.unknown.is_empty())
    }
}

fn achievable(rate: FrameRate, can: Option<FrameRate>) -> String {
    match can {
        Some(can) => format!(
            "can't encode {} frames a second, only {}",
            rate.as_f64(),
            can.as_f64()
        ),
        None => "can't keep a frame rate (VIDIOC_S_PARM), so no bitrate either: choose a \
                 constant quantiser"
            .to_owned(),
    }
}
