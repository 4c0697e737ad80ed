//! Configuration of encoders.

use videostream_hal::format::{FourCc, Layout};

use crate::bitstream::{Codec, Level};
use crate::codec::{Backend, DevicePath};
#[cfg(feature = "software")]
use crate::colorimetry::Range;
use crate::colorimetry::{Appearance, Colorimetry};
use crate::frame_rate::FrameRate;
use crate::picture::Rect;

/// The set of coding tools that a decoder has to support. An encoder need not use all of them: the
/// software backend writes CAVLC, not CABAC, in every profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// H.264 Constrained Baseline, supported by every decoder.
    Baseline,
    /// Main of H.264 and of H.265.
    Main,
    /// H.264 High.
    High,
}

/// How the encoder spends bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "V4L2_CID_MPEG_VIDEO_BITRATE_MODE")]
pub enum RateControl {
    /// Constant bitrate (CBR), in bits per second.
    Constant(u32),
    /// Variable bitrate (VBR): easy pictures take fewer bits, difficult ones more.
    Variable {
        /// Bits per second on average.
        bitrate: u32,
        /// The most bits per second over longer times; not every backend supports a peak.
        peak: Option<u32>,
    },
    /// Constant quantiser (CQP), 0 (best) to 51 in H.264 and H.265; the bitrate depends on the
    /// pictures.
    Quantiser(u8),
}

impl RateControl {
    /// Returns the target bitrate in bits per second; `None` with a constant quantiser.
    #[must_use]
    pub const fn bitrate(self) -> Option<u32> {
        match self {
            Self::Constant(bitrate) | Self::Variable { bitrate, .. } => Some(bitrate),
            Self::Quantiser(_) => None,
        }
    }

    /// Returns the same kind of control at another bitrate; `None` with a constant quantiser.
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
/// Created by [`EncoderConfig::new`], refined by its methods, and checked by
/// [`Encoder::new`](super::Encoder::new), which reports what a backend does not support.
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
    /// Bytes per line of the first plane, if the program knows.
    pub(crate) stride: Option<u32>,
}

impl EncoderConfig {
    /// Creates a configuration for pictures of this format and size, at about this rate.
    ///
    /// Defaults: 5 Mbit/s constant, a key frame with its parameter sets every second, High profile
    /// (H.265: Main), the lowest level that fits, the whole picture, no colours in the stream, the
    /// best backend.
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

    /// Creates a configuration for pictures of this layout: a hardware encoder is asked to read
    /// them in place.
    #[must_use]
    pub fn of_layout(codec: Codec, layout: &Layout, rate: FrameRate) -> Self {
        let (fourcc, width, height) = (layout.fourcc, layout.width, layout.height);
        Self::new(codec, fourcc, width, height, rate).strides(layout)
    }

    /// Sets the strides of `layout` for the pictures, as [`EncoderConfig::of_layout`] does.
    #[must_use]
    pub fn strides(self, layout: &Layout) -> Self {
        Self {
            stride: layout.planes().first().map(|plane| plane.stride),
            ..self
        }
    }

    /// Returns the codec.
    #[must_use]
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Returns the format of the input pictures.
    #[must_use]
    pub fn input_format(&self) -> FourCc {
        self.fourcc
    }

    /// Sets the rate control.
    #[must_use]
    pub fn rate_control(self, rate_control: RateControl) -> Self {
        Self {
            rate_control,
            ..self
        }
    }

    /// Sets the distance of key frames in frames: 1 makes every frame a key frame, 0 only the first
    /// and requested ones.
    #[must_use]
    pub fn gop(self, frames: u32) -> Self {
        Self {
            gop: frames,
            ..self
        }
    }

    /// Sets the profile.
    #[must_use]
    pub fn profile(self, profile: Profile) -> Self {
        Self { profile, ..self }
    }

    /// Sets the level that decoders have to support. [`Encoder::new`](super::Encoder::new) fails if
    /// size, rate or bitrate need a higher one.
    #[must_use]
    pub fn level(self, level: Level) -> Self {
        Self {
            level: Some(level),
            ..self
        }
    }

    /// Sets the finest and the coarsest quantiser that rate control may choose, 0 (best) to 51.
    #[must_use]
    #[doc(alias = "V4L2_CID_MPEG_VIDEO_H264_MIN_QP")]
    pub fn quantiser_range(self, finest: u8, coarsest: u8) -> Self {
        Self {
            quantisers: Some((finest, coarsest)),
            ..self
        }
    }

    /// Sets whether every key frame carries the parameter sets, so that a decoder can start there,
    /// or only the first.
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

    /// Sets the colours of the pictures, which the stream signals as far as they are known.
    /// For RGB it selects what they are converted to (default: BT.601 in limited range; see
    /// [`Colorimetry::converted`]).
    #[must_use]
    pub fn colorimetry(self, colorimetry: Colorimetry) -> Self {
        Self {
            colorimetry,
            ..self
        }
    }

    /// Sets colours and sample aspect ratio, like [`colorimetry`](Self::colorimetry) and
    /// [`sample_aspect`](Self::sample_aspect). The chroma location is not written.
    #[must_use]
    pub fn appearance(self, appearance: Appearance) -> Self {
        let (width, height) = appearance.sample_aspect.unwrap_or_default();
        self.colorimetry(appearance.colorimetry)
            .sample_aspect(width, height)
    }

    /// Returns the colours and sample aspect ratio that the stream carries.
    pub(crate) fn shown(&self) -> Appearance {
        Appearance {
            colorimetry: self.colorimetry,
            sample_aspect: self.sample_aspect,
            chroma: None,
        }
    }

    /// Sets width and height of a sample, which the stream signals: 4 and 3 for samples that
    /// are wider than high. With a 0 the stream carries none.
    #[must_use]
    #[doc(alias = "V4L2_CID_MPEG_VIDEO_H264_VUI_SAR_IDC")]
    pub fn sample_aspect(self, width: u16, height: u16) -> Self {
        Self {
            sample_aspect: Some((width, height)).filter(|_| width > 0 && height > 0),
            ..self
        }
    }

    /// Sets the backend.
    #[must_use]
    pub fn backend(self, backend: Backend) -> Self {
        Self { backend, ..self }
    }

    /// Sets the device, such as `/dev/video11`; [`Backend::Auto`] then means [`Backend::V4l2`].
    #[must_use]
    pub fn device(self, path: DevicePath) -> Self {
        Self {
            device: Some(path),
            ..self
        }
    }

    /// Returns the part of the picture that is encoded.
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

    /// Returns the colours of the stream: those of the configuration, or for RGB what it is
    /// converted to by default.
    #[cfg(feature = "software")]
    pub(crate) fn coded_colorimetry(&self) -> Colorimetry {
        let default = self.colorimetry.converted(self.fourcc, FourCc::NV12);
        match self.colorimetry.range {
            Range::Unspecified => default,
            range => Colorimetry { range, ..default },
        }
    }
}
