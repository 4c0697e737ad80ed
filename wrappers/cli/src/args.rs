//! Options and value parsers that several subcommands share.

use std::time::Duration;

use videostream::FrameRate;
use videostream::camera::CameraMemory;
use videostream::encode::Codec;
use videostream::hal::format::FourCc;

/// The rate of the test pattern by default, and an encoder's for sources of unknown rate.
pub(crate) const DEFAULT_RATE: FrameRate = match FrameRate::fps(30) {
    Ok(rate) => rate,
    Err(_) => unreachable!(),
};

/// Options that choose a camera or the test pattern.
#[derive(Clone, clap::Args)]
pub(crate) struct SourceArgs {
    /// The camera: a path, number, name, serial number, bus address or name in /dev/v4l/by-id
    /// [default: the first one that works]
    #[arg(short, long, value_name = "DEVICE")]
    pub(crate) device: Option<String>,
    /// Use the moving test pattern instead of a camera; `receive` can check its frames
    #[arg(long, conflicts_with = "device")]
    pub(crate) pattern: bool,
    /// Picture size [default: the camera's; 1280x720 for the pattern]
    #[arg(short = 'r', long, visible_alias = "resolution", value_name = "WxH", value_parser = size)]
    pub(crate) size: Option<(u32, u32)>,
    /// Pixel format as a FourCC: NV12, YU12, YUYV, RGB3, ... [default: the camera's best; NV12 for
    /// the pattern]
    #[arg(long, value_name = "FOURCC", value_parser = FourCc::parse)]
    pub(crate) format: Option<FourCc>,
    /// Frames per second, also as a fraction (30000/1001, 1/2); a camera uses the nearest rate it
    /// supports [default: the camera's own; 30 for the pattern]
    #[arg(short = 'F', long, value_name = "N")]
    pub(crate) fps: Option<FrameRate>,
    /// Number of buffers to capture into; each frame that clients hold occupies one
    #[arg(
        long,
        value_name = "N",
        default_value_t = 8,
        value_parser = clap::value_parser!(u32).range(1..=32)
    )]
    pub(crate) buffers: u32,
    /// Memory to capture into: the driver's buffers, pages of this process (in memfds, so that they
    /// can be shared), or dma-bufs from a heap, which the driver imports
    #[arg(long, value_enum, default_value_t = Io::Mmap, conflicts_with = "pattern")]
    pub(crate) io: Io,
    /// Set a camera control before capturing, such as brightness=140; may be repeated
    #[arg(
        long = "control",
        value_name = "NAME=VALUE",
        value_parser = control,
        conflicts_with = "pattern"
    )]
    pub(crate) controls: Vec<String>,
    /// A preferred size, used when the user asks for no size.
    #[arg(skip)]
    pub(crate) near: Option<(u32, u32)>,
}

/// Names of the codecs that can be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum CodecName {
    H264,
    #[value(alias = "hevc")]
    H265,
}

/// Names of the codecs that a recording can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum StoredName {
    H264,
    #[value(alias = "hevc")]
    H265,
    /// Frames of a JPEG camera, unchanged
    #[value(alias = "mjpg", alias = "jpeg")]
    Mjpeg,
}

impl From<StoredName> for Codec {
    fn from(name: StoredName) -> Self {
        match name {
            StoredName::H264 => Self::H264,
            StoredName::H265 => Self::H265,
            StoredName::Mjpeg => Self::Mjpeg,
        }
    }
}

impl From<CodecName> for Codec {
    fn from(name: CodecName) -> Self {
        match name {
            CodecName::H264 => Self::H264,
            CodecName::H265 => Self::H265,
        }
    }
}

/// Memory that a camera fills, by the kernel's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Io {
    Mmap,
    Userptr,
    Dmabuf,
}

impl From<Io> for CameraMemory {
    fn from(io: Io) -> Self {
        match io {
            Io::Mmap => Self::Driver,
            Io::Userptr => Self::Pages,
            Io::Dmabuf => Self::Imported,
        }
    }
}

/// Options that choose where pictures come from: a source in this process, or a host.
#[derive(Clone, clap::Args)]
pub(crate) struct InputArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// Read frames from the host on this socket instead; waits for the host to start
    #[arg(
        long,
        value_name = "SOCKET",
        conflicts_with_all = [
            "device", "pattern", "size", "format", "fps", "buffers", "controls", "io"
        ]
    )]
    pub(crate) ipc: Option<String>,
    /// With --ipc: wait for the next host when this one ends
    #[arg(long, requires = "ipc")]
    pub(crate) reconnect: bool,
    /// How long to wait for a frame, and for a host
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(crate) timeout: Duration,
}

/// Hidden options by which `demo` controls its child processes.
#[derive(Clone, clap::Args)]
pub(crate) struct ChildArgs {
    /// Report progress as lines of JSON
    #[arg(long, hide = true)]
    pub(crate) report: bool,
    /// End when this process ends
    #[arg(long, hide = true, value_name = "PID")]
    pub(crate) parent: Option<i32>,
}

/// Parses `1280x720` or `1280*720`.
pub(crate) fn size(text: &str) -> Result<(u32, u32), String> {
    let side = |text: &str| text.parse().ok().filter(|&side| side > 0);
    text.split_once(['x', '*'])
        .and_then(|(width, height)| Some((side(width)?, side(height)?)))
        .ok_or_else(|| "expected WIDTHxHEIGHT in pixels, such as 1280x720".to_owned())
}

/// Checks that a text has the form `brightness=140`.
fn control(text: &str) -> Result<String, String> {
    match assignment(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err("expected NAME=VALUE, such as brightness=140".to_owned()),
    }
}

/// Splits `brightness=140` into name and value.
pub(crate) fn assignment(text: &str) -> Option<(&str, &str)> {
    text.split_once('=').filter(|(name, _)| !name.is_empty())
}

/// Parses a number of frames, which may be 0.
pub(crate) fn frames(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| "expected a number of frames, such as 300, or 0".to_owned())
}

/// Parses seconds above 0, with or without decimals.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let expected = "expected a number of seconds above 0, such as 2.5";
    let seconds: f64 = text.parse().map_err(|_| expected.to_owned())?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|time| !time.is_zero())
        .ok_or_else(|| expected.to_owned())
}

/// Parses a bit rate (`5000` or `5000kbps`, `5Mbps`) into bits per second.
pub(crate) fn bitrate(text: &str) -> Result<u32, String> {
    let lower = text.to_ascii_lowercase();
    let (digits, unit) = match (lower.strip_suffix("mbps"), lower.strip_suffix("kbps")) {
        (Some(digits), _) => (digits, 1_000_000),
        (_, Some(digits)) => (digits, 1_000),
        _ => (&*lower, 1_000),
    };
    let number: Option<u32> = digits.trim_end().parse().ok();
    number
        .and_then(|number| number.checked_mul(unit))
        .filter(|bits| *bits > 0)
        .ok_or_else(|| "expected kbit/s such as 5000 or 5000kbps, or 5Mbps".to_owned())
}

/// Parses permission bits in octal.
pub(crate) fn mode(text: &str) -> Result<u32, String> {
    u32::from_str_radix(text, 8)
        .ok()
        .filter(|mode| *mode <= 0o777)
        .ok_or_else(|| "expected permission bits in octal, such as 600 or 666".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(size("1280x720"), Ok((1280, 720)));
        assert_eq!(size("64*48"), Ok((64, 48)));
        for wrong in ["", "x", "1280", "0x720", "12x-1", "1x2x3"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn frames_are_counted_from_zero() {
        assert_eq!((frames("0"), frames("300")), (Ok(0), Ok(300)));
        for wrong in ["-1", "2.5", "", "many"] {
            assert!(frames(wrong).unwrap_err().contains("300"), "{wrong}");
        }
    }

    #[test]
    fn times_are_above_zero() {
        assert_eq!(seconds("0.5").unwrap().as_millis(), 500);
        for wrong in ["0", "-1", "nan", "inf", "soon"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn bitrates_have_units() {
        assert_eq!(bitrate("5000"), Ok(5_000_000));
        assert_eq!(bitrate("800kbps"), Ok(800_000));
        assert_eq!(bitrate("25Mbps"), Ok(25_000_000));
        for wrong in ["", "0", "fast", "5 Gbps", "99999Mbps", "-1"] {
            assert!(bitrate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn permissions_are_octal() {
        assert_eq!(mode("660"), Ok(0o660));
        assert!(mode("1777").is_err() && mode("8").is_err());
    }
}
