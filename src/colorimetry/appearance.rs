//! Colours, and shape and place of samples, together.

use videostream_hal::format::FourCc;
use videostream_hal::ring::FrameDescriptor;

use super::{Colorimetry, Range};

/// How pictures are to be shown, as far as anybody said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Appearance {
    /// What their values mean as colours.
    pub colorimetry: Colorimetry,
    /// Width and height of a sample, neither of them 0: (4, 3) is wider than high.
    pub sample_aspect: Option<(u16, u16)>,
    /// Where samples of chroma lie in 4:2:0. Streams and raw video say it; conversions take it to be [`ChromaSite::Center`].
    pub chroma: Option<ChromaSite>,
}

/// Where a sample of chroma lies among the four of luma that share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[doc(alias = "AVChromaLocation")]
pub enum ChromaSite {
    /// Between the two on the left: MPEG-2, and H.264 and H.265 where the stream says nothing.
    Left,
    /// In the middle of them: JPEG, MPEG-1.
    Center,
    /// On the upper left one: BT.2020, DV in PAL.
    TopLeft,
}

impl Appearance {
    /// What is said here, and by `other` of what is not.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let colours = match self.colorimetry.codes() {
            Some(_) => self.colorimetry,
            None => other.colorimetry,
        };
        Self {
            colorimetry: Colorimetry {
                range: match self.colorimetry.range {
                    Range::Unspecified => other.colorimetry.range,
                    range => range,
                },
                ..colours
            },
            sample_aspect: self.sample_aspect.or(other.sample_aspect),
            chroma: self.chroma.or(other.chroma),
        }
    }

    /// What a stream says, within a file that says `file` beside it: players go by the file for the shape of samples, and by
    /// the stream for colours.
    #[must_use]
    pub fn within(self, file: Self) -> Self {
        Self {
            sample_aspect: file.sample_aspect.or(self.sample_aspect),
            ..self.or(file)
        }
    }

    /// Of pictures of format `from` that have become pictures of format `to`; see [`Colorimetry::converted`].
    #[must_use]
    pub fn converted(self, from: FourCc, to: FourCc) -> Self {
        Self {
            colorimetry: self.colorimetry.converted(from, to),
            ..self
        }
    }

    /// What a frame of a host says.
    #[must_use]
    pub fn of_frame(frame: &FrameDescriptor) -> Self {
        let [low, high] = [
            frame.sample_aspect as u16,
            (frame.sample_aspect >> 16) as u16,
        ];
        Self {
            colorimetry: Colorimetry::from_v4l2(frame.colorimetry, FourCc(frame.fourcc)),
            sample_aspect: Some((low, high)).filter(|_| low > 0 && high > 0),
            chroma: None,
        }
    }

    /// The shape of samples as [`FrameDescriptor::sample_aspect`] has it.
    #[must_use]
    pub fn packed_aspect(&self) -> u32 {
        let (wide, high) = self.sample_aspect.unwrap_or_default();
        u32::from(wide) | u32::from(high) << 16
    }

    /// Of pictures that were scaled from one size to another.
    #[must_use]
    pub fn scaled(self, from: (u32, u32), to: (u32, u32)) -> Self {
        let (wide, high) = self.sample_aspect.unwrap_or((1, 1));
        let wide = u128::from(wide) * u128::from(from.0) * u128::from(to.1);
        let high = u128::from(high) * u128::from(from.1) * u128::from(to.0);
        let rate = |number: u128| u64::try_from(number).unwrap_or(u64::MAX);
        // What stays square says no more than before.
        if wide == high && self.sample_aspect.is_none() {
            return self;
        }
        Self {
            sample_aspect: reduced(rate(wide), rate(high)),
            ..self
        }
    }
}

/// A ratio in its lowest terms, if both fit.
pub(crate) fn reduced(wide: u64, high: u64) -> Option<(u16, u16)> {
    let (mut a, mut b) = (wide, high);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    let part = |number: u64| u16::try_from(number.checked_div(a)?).ok();
    let both = (part(wide)?, part(high)?);
    (both.0 > 0 && both.1 > 0).then_some(both)
}

impl From<Colorimetry> for Appearance {
    fn from(colorimetry: Colorimetry) -> Self {
        Self {
            colorimetry,
            ..Self::default()
        }
    }
}

impl From<Range> for Appearance {
    fn from(range: Range) -> Self {
        Colorimetry {
            range,
            ..Colorimetry::default()
        }
        .into()
    }
}
