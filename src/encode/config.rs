//! What to encode, and how.

use core::fmt;

use videostream_hal::format::{FourCc, Layout};

use super::{Backend, DevicePath};
#[cfg(feature = "software")]
use crate::colorimetry::Range;
use crate::colorimetry::{Appearance, Colorimetry};
use crate::frame_rate::FrameRate;
use crate::picture::Rect;

/// The compression standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// H.264 (ITU-T H.264, MPEG-4 part 10, AVC).
    H264,
    /// H.265 (ITU-T H.265, MPEG-H part 2, HEVC).
    H265,
    /// FWHT (Fast Walsh Hadamard Transform), the codec of the kernel's virtual device `vicodec`: to try out programs
    /// for hardware codecs on a machine without one. No other backend has it.
    Fwht,
    /// Motion-JPEG, as many cameras give it: every frame is an image by itself. It is recorded as it is; nothing here makes
    /// it, and [`jpeg`](crate::jpeg) decodes it.
    Mjpeg,
}

impl Codec {
    /// The code of the codec's byte stream: `H264`, `HEVC`, `FWHT`.
    #[must_use]
    pub const fn fourcc(self) -> FourCc {
        match self {
            Self::H264 => FourCc::H264,
            Self::H265 => FourCc::HEVC,
            Self::Fwht => FourCc::FWHT,
            Self::Mjpeg => FourCc::MJPG,
        }
    }

    /// The codec of packets that are shared and recorded, by their format: H.264 or H.265. Nobody stores FWHT, and frames of
    /// Motion-JPEG are pictures.
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

/// The set of tools that a decoder has to know. An encoder need not use all of them: the software backend
/// writes CAVLC, not CABAC, in every profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// H.264 Constrained Baseline; every decoder reads it.
    Baseline,
    /// Main of H.264 and of H.265.
    Main,
    /// H.264 High.
    High,
}

/// What a decoder must be able to do: picture size, rate and bitrate, by the tables of the standard (ITU-T
/// H.264 annex A, H.265 annex A). Written `4.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level {
    /// The number before the point.
    pub major: u8,
    /// The number behind the point.
    pub minor: u8,
}

impl Level {
    /// Level `major.minor`.
    #[must_use]
    pub const fn new(major: u8, minor: u8) -> Self {
        Self { major, minor }
    }

    /// The level that `level_idc` of an H.264 stream stands for.
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

/// How the encoder spends bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "V4L2_CID_MPEG_VIDEO_BITRATE_MODE")]
pub enum RateControl {
    /// Constant bitrate (CBR), in bits per second.
    Constant(u32),
    /// Variable bitrate (VBR): easy pictures take less, difficult ones more.
    Variable {
        /// Bits per second on average.
        bitrate: u32,
        /// Bits per second that are never exceeded for long; not every backend can promise that.
        peak: Option<u32>,
    },
    /// Constant quantiser (CQP), 0 (best) to 51 in H.264 and H.265; the bitrate follows from the picture.
    Quantiser(u8),
}

impl RateControl {
    /// The bits per second that are aimed at; `None` with a constant quantiser.
    #[must_use]
    pub const fn bitrate(self) -> Option<u32> {
        match self {
            Self::Constant(bitrate) | Self::Variable { bitrate, .. } => Some(bitrate),
            Self::Quantiser(_) => None,
        }
    }

    /// The same kind of control at another bitrate; `None` with a constant quantiser.
    #[must_use]
    pub(crate) fn at(self, bits_per_second: u32) -> Option<Self> {
        match self {
            Self::Constant(_) => Some(Self::Constant(bits_per_second)),
            Self::Variable { peak, .. } => Some(Self::Variable {
                bitrate: bits_per_second,
                peak: peak.map(|peak| peak.max(bits_per_second)),
            }),
            Self::Quantiser(_) => None,
        }
    }
}

/// Configuration of an [`Encoder`](super::Encoder).
///
/// Made by [`EncoderConfig::new`], refined by the methods, checked by
/// [`Encoder::new`](super::Encoder::new): what a backend can't do is an error there.
///
/// ```
/// use videostream::encode::{Codec, EncoderConfig, Profile, RateControl};
/// use videostream::hal::format::FourCc;
/// use videostream::FrameRate;
///
/// let config = EncoderConfig::new(Codec::H264, FourCc::NV12, 1280, 720, FrameRate::fps(30)?)
///     .rate_control(RateControl::Constant(4_000_000))
///     .profile(Profile::Main)
///     .gop(60);
/// assert_eq!(config.visible().width, 1280);
/// # Ok::<(), videostream::InvalidFrameRate>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EncoderConfig {
    pub(crate) codec: Codec,
    pub(crate) fourcc: FourCc,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) rate: FrameRate,
    pub(crate) rate_control: RateControl,
    pub(crate) gop: u32,
    pub(crate) profile: Profile,
    pub(crate) level: Option<Level>,
    pub(crate) quantisers: Option<(u8, u8)>,
    pub(crate) repeat_sets: bool,
    pub(crate) crop: Option<Rect>,
    pub(crate) colorimetry: Colorimetry,
    pub(crate) sample_aspect: Option<(u16, u16)>,
    pub(crate) backend: Backend,
    pub(crate) device: Option<DevicePath>,
    /// Bytes from line to line of the first plane, where the program knows.
    pub(crate) stride: Option<u32>,
}

impl EncoderConfig {
    /// Encodes pictures of this format and size, arriving at about this rate.
    ///
    /// Unless changed: 5 Mbit/s constant, a key frame every second with its parameter sets, High profile (H.265:
    /// Main), the lowest level that fits, the whole picture, colours that the stream says nothing of, the best backend.
    #[must_use]
    pub fn new(codec: Codec, fourcc: FourCc, width: u32, height: u32, rate: FrameRate) -> Self {
        Self {
            codec,
            fourcc,
            width,
            height,
            rate,
            rate_control: RateControl::Constant(5_000_000),
            gop: rate.frames().div_ceil(rate.seconds()),
            profile: match codec {
                Codec::H264 => Profile::High,
                Codec::H265 | Codec::Fwht | Codec::Mjpeg => Profile::Main,
            },
            level: None,
            quantisers: None,
            repeat_sets: true,
            crop: None,
            colorimetry: Colorimetry::default(),
            sample_aspect: None,
            backend: Backend::Auto,
            device: None,
            stride: None,
        }
    }

    /// Encodes pictures that lie in memory as `layout` says: a hardware encoder is asked to read them there.
    #[must_use]
    pub fn of_layout(codec: Codec, layout: &Layout, rate: FrameRate) -> Self {
        let (fourcc, width, height) = (layout.fourcc, layout.width, layout.height);
        Self::new(codec, fourcc, width, height, rate).strides(layout)
    }

    /// The lines of the pictures lie as far apart as those of `layout`, as [`EncoderConfig::of_layout`] has it.
    #[must_use]
    pub fn strides(self, layout: &Layout) -> Self {
        Self {
            stride: layout.planes().first().map(|plane| plane.stride),
            ..self
        }
    }

    /// The codec.
    #[must_use]
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// The format of the pictures that come in.
    #[must_use]
    pub fn input_format(&self) -> FourCc {
        self.fourcc
    }

    /// How bits are spent.
    #[must_use]
    pub fn rate_control(self, rate_control: RateControl) -> Self {
        Self {
            rate_control,
            ..self
        }
    }

    /// Frames from one key frame to the next: 1 makes every frame a key frame, 0 only the first and
    /// those asked for.
    #[must_use]
    pub fn gop(self, frames: u32) -> Self {
        Self {
            gop: frames,
            ..self
        }
    }

    /// The profile.
    #[must_use]
    pub fn profile(self, profile: Profile) -> Self {
        Self { profile, ..self }
    }

    /// The level that decoders have to know. An error at configuration if size, rate or bitrate need a higher one.
    #[must_use]
    pub fn level(self, level: Level) -> Self {
        Self {
            level: Some(level),
            ..self
        }
    }

    /// The finest and the coarsest quantiser that rate control may choose, 0 (best) to 51.
    #[must_use]
    #[doc(alias = "V4L2_CID_MPEG_VIDEO_H264_MIN_QP")]
    pub fn quantiser_range(self, finest: u8, coarsest: u8) -> Self {
        Self {
            quantisers: Some((finest, coarsest)),
            ..self
        }
    }

    /// Whether every key frame carries the parameter sets (so that a decoder can start there), or the first only.
    #[must_use]
    #[doc(alias = "V4L2_CID_MPEG_VIDEO_PREPEND_SPSPPS_TO_IDR")]
    pub fn parameter_sets_with_every_key_frame(self, every: bool) -> Self {
        Self {
            repeat_sets: every,
            ..self
        }
    }

    /// Encodes only this part of each picture.
    #[must_use]
    pub fn crop(self, rect: Rect) -> Self {
        Self {
            crop: Some(rect),
            ..self
        }
    }

    /// What the colours of the stream mean, which it tells decoders as far as it is known: those of the pictures that
    /// come in, or what RGB is to become (BT.601 in limited range where nothing is said; see
    /// [`Colorimetry::converted`]).
    #[must_use]
    pub fn colorimetry(self, colorimetry: Colorimetry) -> Self {
        Self {
            colorimetry,
            ..self
        }
    }

    /// Colours and the shape of samples, as [`colorimetry`](Self::colorimetry) and
    /// [`sample_aspect`](Self::sample_aspect). Where chroma lies is not told.
    #[must_use]
    pub fn appearance(self, appearance: Appearance) -> Self {
        let (width, height) = appearance.sample_aspect.unwrap_or_default();
        self.colorimetry(appearance.colorimetry)
            .sample_aspect(width, height)
    }

    /// What the stream says of colours and the shape of samples.
    pub(crate) fn shown(&self) -> Appearance {
        Appearance {
            colorimetry: self.colorimetry,
            sample_aspect: self.sample_aspect,
            chroma: None,
        }
    }

    /// Width and height of a sample, which the stream tells decoders: 4 and 3 for samples that are wider than high. What
    /// has a 0 in it says nothing.
    #[must_use]
    #[doc(alias = "V4L2_CID_MPEG_VIDEO_H264_VUI_SAR_IDC")]
    pub fn sample_aspect(self, width: u16, height: u16) -> Self {
        Self {
            sample_aspect: Some((width, height)).filter(|_| width > 0 && height > 0),
            ..self
        }
    }

    /// Who encodes.
    #[must_use]
    pub fn backend(self, backend: Backend) -> Self {
        Self { backend, ..self }
    }

    /// Which device encodes, such as `/dev/video11`; with [`Backend::Auto`] it means [`Backend::V4l2`].
    #[must_use]
    pub fn device(self, path: DevicePath) -> Self {
        Self {
            device: Some(path),
            ..self
        }
    }

    /// The part of the picture that is encoded.
    #[must_use]
    pub fn visible(&self) -> Rect {
        let whole = Rect {
            x: 0,
            y: 0,
            width: self.width,
            height: self.height,
        };
        self.crop.unwrap_or(whole)
    }

    /// The colours of the stream: those of the configuration, and what RGB becomes where it does not say.
    #[cfg(feature = "software")]
    pub(crate) fn coded_colorimetry(&self) -> Colorimetry {
        let default = self.colorimetry.converted(self.fourcc, FourCc::NV12);
        match self.colorimetry.range {
            Range::Unspecified => default,
            range => Colorimetry { range, ..default },
        }
    }
}
