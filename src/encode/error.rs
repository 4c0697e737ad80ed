//! What goes wrong while encoding.

use core::fmt;

use std::path::PathBuf;

use videostream_hal::codec::TuningError;
use videostream_hal::format::FourCc;
use videostream_hal::memory::dmabuf::DmaBufError;
use videostream_hal::memory::mapping::MapError;
use videostream_hal::v4l2::Error as DeviceError;

use super::{Codec, Level};
use crate::frame_rate::FrameRate;
use crate::hardware::NoDevice;
use crate::library::LibraryMissing;
use crate::picture::{PictureError, Rect};

/// Why an encoder can't be made or does not take a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// No encoder for the codec was built in or found.
    NoBackend(Codec),
    /// No device encodes this codec.
    NoDevice(NoDevice),
    /// The device takes no pictures of this format.
    DeviceFormat {
        /// The device.
        path: PathBuf,
        /// The format.
        fourcc: FourCc,
        /// The formats that it takes.
        takes: Vec<FourCc>,
    },
    /// The device takes no pictures of this size.
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
    /// The device can't encode this part of the pictures.
    DeviceCrop {
        /// The device.
        path: PathBuf,
        /// The part.
        rect: Rect,
    },
    /// The device does not keep to this frame rate, or to none.
    DeviceRate {
        /// The device.
        path: PathBuf,
        /// The rate that was asked for.
        rate: FrameRate,
        /// What it would keep to.
        can: Option<FrameRate>,
    },
    /// A control that the driver does not have, or a value that it does not take.
    Control {
        /// The device.
        path: PathBuf,
        /// The control by its name in the kernel, and why.
        error: TuningError,
    },
    /// The device failed, or was unplugged.
    Device {
        /// The device.
        path: PathBuf,
        /// What the driver says.
        error: DeviceError,
    },
    /// The device could not encode a picture; the next one is a key frame.
    Damaged {
        /// When the picture was to be shown, in nanoseconds.
        pts_ns: u64,
    },
    /// A picture's memory can't be read by the CPU.
    Map(MapError),
    /// A dma-buf refused access.
    DmaBuf(DmaBufError),
    /// A library of the system that the codec needs is not there, or not usable.
    Library(LibraryMissing),
    /// The environment variable [`BACKEND_VARIABLE`](super::BACKEND_VARIABLE) names no backend.
    UnknownBackend(String),
    /// The encoded size is outside the backend's limits, or odd.
    Size {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// The limits in words.
        limits: &'static str,
    },
    /// The backend takes no pictures of this format.
    Format {
        /// The format.
        fourcc: FourCc,
        /// The formats that it takes.
        takes: &'static str,
    },
    /// A number in the configuration is out of range.
    Value {
        /// Which one, with its unit.
        what: &'static str,
        /// The value that was given.
        value: u64,
        /// Smallest value allowed.
        min: u64,
        /// Largest value allowed.
        max: u64,
    },
    /// The backend can't do this.
    Unsupported {
        /// What was asked for.
        what: &'static str,
        /// What it can do instead.
        can: &'static str,
    },
    /// Size, rate or bitrate need a higher level than the one that was asked for.
    Level {
        /// What was asked for.
        asked: Level,
        /// The lowest that fits.
        needs: Level,
    },
    /// The bitrate can't be changed: the encoder was made with a constant quantiser.
    NoBitrate,
    /// The crop rectangle, or the memory of a picture.
    Picture(PictureError),
    /// A picture is not what the encoder was made for.
    Mismatch {
        /// Format, width and height of the picture.
        has: (FourCc, u32, u32),
        /// Format, width and height of the configuration.
        wants: (FourCc, u32, u32),
    },
    /// A picture was submitted before the packet of the one before was received.
    PacketWaiting,
    /// A picture was submitted after the end.
    Finished,
    /// The picture, encoded this finely, would be about as large as raw: noise at a fine quantiser. It is
    /// left out, and the next picture becomes a key frame.
    TooDetailed {
        /// When the picture was to be shown, in nanoseconds.
        pts_ns: u64,
    },
    /// The backend failed.
    Backend {
        /// The call that failed.
        call: &'static str,
        /// What it returned.
        code: i64,
    },
}

impl EncodeError {
    /// Whether a device for the codec is there, and says this.
    pub(super) fn is_of_a_device(&self) -> bool {
        !matches!(self, Self::NoDevice(none) if none.unknown.is_empty())
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBackend(codec) => write!(
                f,
                "no encoder for {codec}: build with the cargo feature `software` to encode on the CPU"
            ),
            Self::NoDevice(none) => none.fmt(f),
            Self::DeviceFormat {
                path,
                fourcc,
                takes,
            } => {
                let path = path.display();
                write!(f, "can't encode pictures in {fourcc}: {path} takes")?;
                for (at, takes) in takes.iter().enumerate() {
                    write!(f, "{} {takes}", if at > 0 { "," } else { "" })?;
                }
                Ok(())
            }
            Self::DeviceSize {
                path,
                size: (width, height),
                min,
                max,
            } => write!(
                f,
                "can't encode pictures of {width}x{height}: {} takes {}x{} to {}x{}",
                path.display(),
                min.0,
                min.1,
                max.0,
                max.1
            ),
            Self::DeviceCrop { path, rect } => write!(
                f,
                "{} can't encode the part of {}x{} pixels at ({}, {})",
                path.display(),
                rect.width,
                rect.height,
                rect.x,
                rect.y
            ),
            Self::DeviceRate { path, rate, can } => {
                let (path, rate) = (path.display(), rate.as_f64());
                match can {
                    Some(can) => {
                        let can = can.as_f64();
                        write!(f, "{path} can't do {rate} frames a second, but {can}")
                    }
                    None => write!(
                        f,
                        "{path} keeps to no frame rate (VIDIOC_S_PARM), so to no bitrate either: \
                         choose a constant quantiser"
                    ),
                }
            }
            Self::Control { path, error } => write!(f, "{}: {error}", path.display()),
            Self::Device { path, error } => write!(f, "encoder {}: {error}", path.display()),
            Self::Damaged { pts_ns } => write!(
                f,
                "the device could not encode the picture at {pts_ns} ns: the next one is a key frame"
            ),
            Self::Map(error) => error.fmt(f),
            Self::DmaBuf(error) => error.fmt(f),
            Self::Library(missing) => missing.fmt(f),
            Self::UnknownBackend(name) => write!(
                f,
                "{}={name}: no such encoder backend, choose `auto`, `v4l2` or `software`",
                super::BACKEND_VARIABLE
            ),
            Self::Size {
                width,
                height,
                limits,
            } => {
                write!(f, "can't encode pictures of {width}x{height}: {limits}")
            }
            Self::Format { fourcc, takes } => {
                write!(
                    f,
                    "can't encode pictures in {fourcc}: the encoder takes {takes}"
                )
            }
            Self::Value {
                what,
                value,
                min,
                max,
            } => {
                write!(f, "{what} is {value}, but must be from {min} to {max}")
            }
            Self::Unsupported { what, can } => {
                write!(f, "the encoder can't do {what}, but {can}")
            }
            Self::Level { asked, needs } => write!(
                f,
                "size, frame rate and bitrate don't fit into level {asked}: level {needs} is the lowest that they do"
            ),
            Self::NoBitrate => f.write_str(
                "a constant quantiser has no bitrate to change: choose `Constant` or `Variable`",
            ),
            Self::Picture(error) => error.fmt(f),
            Self::Mismatch {
                has: (format, w, h),
                wants: (wanted, width, height),
            } => write!(
                f,
                "picture is {format} {w}x{h}, but the encoder was made for {wanted} {width}x{height}"
            ),
            Self::PacketWaiting => {
                f.write_str("a packet is waiting: call `receive` before the next `submit`")
            }
            Self::Finished => f.write_str("the encoder was finished: make a new one"),
            Self::TooDetailed { pts_ns } => write!(
                f,
                "the picture at {pts_ns} ns has too much detail for the quantiser and was left out: \
                 choose a lower bitrate or a coarser quantiser"
            ),
            Self::Backend { call, code } => write!(f, "encoder failed: {call} returned {code}"),
        }
    }
}

impl core::error::Error for EncodeError {}

impl From<PictureError> for EncodeError {
    fn from(error: PictureError) -> Self {
        Self::Picture(error)
    }
}
