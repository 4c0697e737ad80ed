//! The appearance of pictures: colours, sample aspect ratio, and chroma position.

use videostream_hal::format::FourCc;
use videostream_hal::ring::FrameDescriptor;

use super::{Colorimetry, Range};

/// The appearance of pictures, as far as known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Appearance {
    /// Meaning of the values as colours.
    pub colorimetry: Colorimetry,
    /// Width and height of a sample, both above 0; (4, 3) is wider than high.
    pub sample_aspect: Option<(u16, u16)>,
    /// Position of chroma samples in 4:2:0. It is written to streams and raw video; conversions
    /// assume [`ChromaSite::Center`].
    pub chroma: Option<ChromaSite>,
}

/// Position of a chroma sample among the four luma samples that share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[doc(alias = "AVChromaLocation")]
pub enum ChromaSite {
    /// Between the two on the left: MPEG-2, and the default of H.264 and H.265.
    Left,
    /// In the middle: JPEG, MPEG-1.
    Center,
    /// On the upper left one: BT.2020, DV in PAL.
    TopLeft,
}

impl Appearance {
    /// Fills in unspecified fields from `other`.
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

    /// Combines the appearance of a stream with that of the file around it: as in players, the file
    /// decides the shape of samples, and the stream the colours.
    #[must_use]
    pub fn within(self, file: Self) -> Self {
        Self {
            sample_aspect: file.sample_aspect.or(self.sample_aspect),
            ..self.or(file)
        }
    }

    /// Returns the appearance after a conversion from one format to another; see
    /// [`Colorimetry::converted`].
    #[must_use]
    pub fn converted(self, from: FourCc, to: FourCc) -> Self {
        Self {
            colorimetry: self.colorimetry.converted(from, to),
            ..self
        }
    }

    /// Reads the appearance of a shared frame.
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

    /// Returns the sample aspect ratio in the form of [`FrameDescriptor::sample_aspect`].
    #[must_use]
    pub fn packed_aspect(&self) -> u32 {
        let (wide, high) = self.sample_aspect.unwrap_or_default();
        u32::from(wide) | u32::from(high) << 16
    }

    /// Returns the appearance after scaling from one size to another.
    #[must_use]
    pub fn scaled(self, from: (u32, u32), to: (u32, u32)) -> Self {
        let (wide, high) = self.sample_aspect.unwrap_or((1, 1));
        let wide = u128::from(wide) * u128::from(from.0) * u128::from(to.1);
        let high = u128::from(high) * u128::from(from.1) * u128::from(to.0);
        let rate = |number: u128| u64::try_from(number).unwrap_or(u64::MAX);
        // Samples that stay square remain unspecified.
        if wide == high && self.sample_aspect.is_none() {
            return self;
        }
        Self {
            sample_aspect: reduced(rate(wide), rate(high)),
            ..self
        }
    }
}

/// Reduces a ratio to its lowest terms; `None` if they do not fit.
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
