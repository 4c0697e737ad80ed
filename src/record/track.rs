//! The description of a recording.

use crate::bitstream::Codec;
use crate::colorimetry::Appearance;
use crate::encode::EncoderConfig;
use crate::frame_rate::FrameRate;

/// The part to show, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) from: u64,
    pub(crate) to: Option<u64>,
    pub(crate) at: u64,
}

/// The identity matrix: pictures are shown upright.
const UPRIGHT: [i32; 9] = [1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30];

/// The description of what is recorded.
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
    /// Describes pictures of this (visible) size at this nominal rate.
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

    /// Sets colours and sample aspect ratio, for an MP4. Colours in the stream's parameter sets
    /// take precedence; the sample aspect ratio set here does over theirs.
    #[must_use]
    pub fn appearance(self, appearance: Appearance) -> Self {
        Self { appearance, ..self }
    }

    /// Sets how players rotate or mirror pictures, for an MP4: the matrix of `tkhd`, row by row
    /// (ISO/IEC 14496-12, clause 8.3.2). Phones rotate their videos this way.
    #[must_use]
    pub fn matrix(self, matrix: [i32; 9]) -> Self {
        Self { matrix, ..self }
    }

    /// Sets whether each piece is synchronised to the medium (`fdatasync`) before the next one
    /// (default: yes). Otherwise a power loss also takes data that is still in the page cache.
    #[must_use]
    pub fn durable(self, durable: bool) -> Self {
        Self { durable, ..self }
    }

    /// Sets whether the file appears under its name only once finished (default: no, it appears as
    /// soon as it is playable). Until then it is `.NAME.XXXXXXXX.part` in the same folder, which a
    /// killed process leaves behind, and a file of the same name stays.
    #[must_use]
    pub fn whole(self, whole: bool) -> Self {
        Self { whole, ..self }
    }

    /// Sets the approximate number of frames. An MP4 reserves space at the start for the index of
    /// this many; the default is a day, as a hole that takes no space on the medium.
    #[must_use]
    pub fn expected_frames(self, frames: u64) -> Self {
        Self {
            expected: Some(frames),
            ..self
        }
    }

    /// Sets the MP4's units of time per second, such as those of another file so that its times
    /// stay exact. The default is a multiple of the rate, also for 0 and more than 500 million.
    #[must_use]
    pub fn timescale(self, units: u32) -> Self {
        Self {
            timescale: Some(units).filter(|units| (1..=500_000_000).contains(units)),
            ..self
        }
    }

    /// Shows only pictures from `from_ns` up to `to_ns`, the first one `at_ns` after the start;
    /// earlier ones are only there to be decoded. An MP4 has an edit list for this; a byte stream
    /// can't express it.
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
}

impl From<&EncoderConfig> for Track {
    fn from(config: &EncoderConfig) -> Self {
        let visible = config.visible();
        Self::new(config.codec, visible.width, visible.height, config.rate)
    }
}
