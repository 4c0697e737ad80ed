//! What a recording is of.

use crate::colorimetry::Appearance;
use crate::encode::{Codec, EncoderConfig};
use crate::frame_rate::FrameRate;

/// The part that is shown, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) from: u64,
    pub(crate) to: Option<u64>,
    pub(crate) at: u64,
}

/// The matrix of pictures that are shown as they are.
const UPRIGHT: [i32; 9] = [1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30];

/// What is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Track {
    pub(crate) codec: Codec,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) rate: FrameRate,
    pub(crate) appearance: Appearance,
    pub(crate) matrix: [i32; 9],
    pub(crate) durable: bool,
    pub(crate) whole: bool,
    pub(crate) expected: Option<u64>,
    pub(crate) timescale: Option<u32>,
    pub(crate) shown: Option<Shown>,
}

impl Track {
    /// Pictures of this (visible) size at this nominal rate.
    #[must_use]
    pub fn new(codec: Codec, width: u32, height: u32, rate: FrameRate) -> Self {
        Self {
            codec,
            width,
            height,
            rate,
            appearance: Appearance::default(),
            matrix: UPRIGHT,
            durable: true,
            whole: false,
            expected: None,
            timescale: None,
            shown: None,
        }
    }

    /// How pictures are to be shown, for an MP4. What the parameter sets of the stream say of colours comes first; the shape
    /// of samples is this one's if it says one.
    #[must_use]
    pub fn appearance(self, appearance: Appearance) -> Self {
        Self { appearance, ..self }
    }

    /// How players turn or mirror pictures, for an MP4: the matrix of `tkhd`, row by row (ISO/IEC 14496-12, clause 8.3.2).
    /// Phones turn their videos so.
    #[must_use]
    pub fn matrix(self, matrix: [i32; 9]) -> Self {
        Self { matrix, ..self }
    }

    /// Whether each piece is synchronised to the medium (`fdatasync`) before the next is begun; yes,
    /// unless changed. Without, a power loss takes what the system still holds in memory.
    #[must_use]
    pub fn durable(self, durable: bool) -> Self {
        Self { durable, ..self }
    }

    /// Whether the file appears under its name when it is finished, and not at all if it is not; no, unless changed: it
    /// appears as soon as it plays. Until then it is `.NAME.XXXXXXXX.part` in the same folder, which a process that is
    /// killed leaves behind, and what has its name stays.
    #[must_use]
    pub fn whole(self, whole: bool) -> Self {
        Self { whole, ..self }
    }

    /// How many frames there will be, about. An MP4 keeps room in front for the index of so many; if nobody says,
    /// of a day, as a hole that takes no space on the medium.
    #[must_use]
    pub fn expected_frames(self, frames: u64) -> Self {
        Self {
            expected: Some(frames),
            ..self
        }
    }

    /// The units of time a second that an MP4 counts in: those of another file, so that times out of it stay exact. If
    /// nobody says, a multiple of the rate. More than 500 million, and 0, count as not said.
    #[must_use]
    pub fn timescale(self, units: u32) -> Self {
        Self {
            timescale: Some(units).filter(|units| (1..=500_000_000).contains(units)),
            ..self
        }
    }

    /// Only pictures from time `from_ns` on, and before `to_ns`, are shown, the first one `at_ns` after the beginning; those
    /// before are only there to be decoded. An MP4 says so in an edit list; a byte stream can't.
    #[must_use]
    pub fn shown(self, from_ns: u64, to_ns: Option<u64>, at_ns: u64) -> Self {
        Self {
            shown: Some(Shown {
                from: from_ns,
                to: to_ns,
                at: at_ns,
            }),
            ..self
        }
    }

    /// The codec.
    #[must_use]
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Width and height in pixels.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }
}

impl From<&EncoderConfig> for Track {
    fn from(config: &EncoderConfig) -> Self {
        let visible = config.visible();
        Self::new(config.codec, visible.width, visible.height, config.rate)
    }
}
