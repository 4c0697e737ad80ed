//! Compression standards and their levels.

use core::fmt;

use videostream_hal::format::FourCc;

/// The compression standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// H.264 (ITU-T H.264, MPEG-4 part 10, AVC).
    H264,
    /// H.265 (ITU-T H.265, MPEG-H part 2, HEVC).
    H265,
    /// FWHT (Fast Walsh Hadamard Transform), the codec of the kernel's virtual device `vicodec`,
    /// for testing programs for hardware codecs on a machine without one. No other backend supports
    /// it.
    Fwht,
    /// Motion-JPEG, the format of many cameras: every frame is a complete image. It is recorded
    /// unchanged and decoded by [`jpeg`](crate::jpeg); there is no encoder for it.
    Mjpeg,
}

impl Codec {
    /// Returns the FourCC of the codec's byte stream: `H264`, `HEVC`, `FWHT`.
    #[must_use]
    pub const fn fourcc(self) -> FourCc {
        match self {
            Self::H264 => FourCc::H264,
            Self::H265 => FourCc::HEVC,
            Self::Fwht => FourCc::FWHT,
            Self::Mjpeg => FourCc::MJPG,
        }
    }

    /// Returns the codec with a name: that of [`Codec::name`], or `avc`, `hevc`, `mjpg`. Case does
    /// not matter.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match &*name.to_ascii_lowercase() {
            "h264" | "avc" => Self::H264,
            "h265" | "hevc" => Self::H265,
            "fwht" => Self::Fwht,
            "mjpeg" | "mjpg" => Self::Mjpeg,
            _ => return None,
        })
    }

    /// Returns the name for options and settings: `h264`, `h265`, `fwht`, `mjpeg`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::H265 => "h265",
            Self::Fwht => "fwht",
            Self::Mjpeg => "mjpeg",
        }
    }

    /// Returns the codec of shared and recorded packets by their format: H.264 or H.265. FWHT is
    /// not stored, and frames of Motion-JPEG are treated as pictures.
    #[must_use]
    pub const fn of_packets(fourcc: FourCc) -> Option<Self> {
        match fourcc {
            FourCc::H264 => Some(Self::H264),
            FourCc::HEVC => Some(Self::H265),
            _ => None,
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::H264 => "H.264",
            Self::H265 => "H.265",
            Self::Fwht => "FWHT",
            Self::Mjpeg => "Motion-JPEG",
        })
    }
}

/// Requirements on a decoder: picture size, rate and bitrate, by the tables of the standard (ITU-T
/// H.264 annex A, H.265 annex A). Displayed as `4.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level {
    /// The number before the point.
    pub major: u8,
    /// The number after the point.
    pub minor: u8,
}

impl Level {
    /// Level `major.minor`.
    #[must_use]
    pub const fn new(major: u8, minor: u8) -> Self {
        Self { major, minor }
    }

    /// Returns the level for a `level_idc` of an H.264 stream.
    #[must_use]
    pub const fn from_h264_idc(idc: u8) -> Self {
        Self::new(idc / 10, idc % 10)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_codec_is_found_by_its_name() {
        for codec in [Codec::H264, Codec::H265, Codec::Fwht, Codec::Mjpeg] {
            assert_eq!(Codec::from_name(codec.name()), Some(codec));
        }
        assert_eq!(Codec::from_name("HEVC"), Some(Codec::H265));
        assert_eq!(Codec::from_name("av1"), None);
    }
}
