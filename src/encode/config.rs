//! What to encode, and how.

use core::fmt;

use videostream_hal::format::FourCc;

use crate::colorimetry::Colorimetry;
use crate::frame_rate::FrameRate;
use crate::picture::Rect;

/// The compression standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// H.264 (ITU-T H.264, MPEG-4 part 10, AVC).
    H264,
}

impl Codec {
    /// The code of the codec's byte stream: `H264`.
    #[must_use]
    pub const fn fourcc(self) -> FourCc {
        match self {
            Self::H264 => FourCc::H264,
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::H264 => "H.264",
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
    /// H.264 Main.
    Main,
    /// H.264 High.
    High,
}

/// How the encoder spends bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RateControl {
    /// Constant bitrate, in bits per second.
    Constant(u32),
    /// Constant quantiser, 0 (best) to 51 in H.264; the bitrate follows from the picture.
    Quantiser(u8),
}

/// Who encodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Backend {
    /// What the environment variable [`BACKEND_VARIABLE`] names, else the best that is there.
    #[default]
    Auto,
    /// On the CPU; needs the cargo feature `software`.
    Software,
}

/// Environment variable that names the backend where the configuration leaves it open: `auto` or `software`.
pub const BACKEND_VARIABLE: &str = "VSL_CODEC_BACKEND";

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
    pub(crate) crop: Option<Rect>,
    pub(crate) colorimetry: Colorimetry,
    pub(crate) backend: Backend,
}

impl EncoderConfig {
    /// Encodes pictures of this format and size, arriving at about this rate.
    ///
    /// Unless changed: 5 Mbit/s constant, a key frame every second, High profile, the whole picture,
    /// BT.601 in limited range, the best backend.
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
            profile: Profile::High,
            crop: None,
            colorimetry: Colorimetry::default(),
            backend: Backend::Auto,
        }
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

    /// Encodes only this part of each picture.
    #[must_use]
    pub fn crop(self, rect: Rect) -> Self {
        Self {
            crop: Some(rect),
            ..self
        }
    }

    /// What the colours of the input mean; written into the stream for the decoder. RGB input is
    /// converted accordingly.
    #[must_use]
    pub fn colorimetry(self, colorimetry: Colorimetry) -> Self {
        Self {
            colorimetry,
            ..self
        }
    }

    /// Who encodes.
    #[must_use]
    pub fn backend(self, backend: Backend) -> Self {
        Self { backend, ..self }
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
}
