//! Configuration of a recording.

use videostream_hal::format::FourCc;

use crate::bitstream::Codec;
use crate::codec::{Backend, DevicePath};
use crate::colorimetry::Appearance;
use crate::encode::{EncoderConfig, RateControl};
use crate::frame_rate::FrameRate;
use crate::record::{NOMINAL, Track};

/// Configuration of a [`Recording`](super::Recording).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RecordingConfig {
    pub(super) codec: Codec,
    pub(super) rate: Option<FrameRate>,
    rate_control: RateControl,
    gop: Option<u32>,
    pub(super) appearance: Appearance,
    backend: Backend,
    device: Option<DevicePath>,
    pub(super) expected: Option<u64>,
    pub(super) durable: bool,
    pub(super) whole: bool,
}

impl RecordingConfig {
    /// Creates a configuration that encodes pictures to `codec`; with [`Codec::Mjpeg`], JPEG images
    /// of a camera are kept unchanged.
    ///
    /// Defaults: 5 Mbit/s constant, an unknown rate, the best encoder, and the defaults of
    /// [`Track`].
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        Self {
            codec,
            rate: None,
            rate_control: RateControl::Constant(5_000_000),
            gop: None,
            appearance: Appearance::default(),
            backend: Backend::Auto,
            device: None,
            expected: None,
            durable: true,
            whole: false,
        }
    }

    /// Sets the rate of the source, if known, for the encoder's planning. Times come from the
    /// pictures.
    #[must_use]
    pub fn rate(self, rate: Option<FrameRate>) -> Self {
        Self { rate, ..self }
    }

    /// Sets the rate control of the encoder.
    #[must_use]
    pub fn rate_control(self, rate_control: RateControl) -> Self {
        Self {
            rate_control,
            ..self
        }
    }

    /// Sets the distance of key frames; see [`EncoderConfig::gop`].
    #[must_use]
    pub fn gop(self, frames: u32) -> Self {
        Self {
            gop: Some(frames),
            ..self
        }
    }

    /// Sets colours and sample aspect ratio of the source.
    #[must_use]
    pub fn appearance(self, appearance: Appearance) -> Self {
        Self { appearance, ..self }
    }

    /// Sets the encoder's backend.
    #[must_use]
    pub fn backend(self, backend: Backend) -> Self {
        Self { backend, ..self }
    }

    /// Sets the encoder's device.
    #[must_use]
    pub fn device(self, path: DevicePath) -> Self {
        Self {
            device: Some(path),
            ..self
        }
    }

    /// Sets the approximate number of frames; see [`Track::expected_frames`].
    #[must_use]
    pub fn expected_frames(self, frames: u64) -> Self {
        Self {
            expected: Some(frames),
            ..self
        }
    }

    /// Sets whether each piece is synchronised to the medium; see [`Track::durable`].
    #[must_use]
    pub fn durable(self, durable: bool) -> Self {
        Self { durable, ..self }
    }

    /// Sets whether the file appears only once finished; see [`Track::whole`].
    #[must_use]
    pub fn whole(self, whole: bool) -> Self {
        Self { whole, ..self }
    }

    pub(super) fn nominal(&self) -> FrameRate {
        self.rate.unwrap_or(NOMINAL)
    }

    pub(super) fn encoder(&self, (fourcc, width, height): (FourCc, u32, u32)) -> EncoderConfig {
        // RGB is converted to NV12 or similar.
        let appearance = self.appearance.converted(fourcc, FourCc::NV12);
        let mut config = EncoderConfig::new(self.codec, fourcc, width, height, self.nominal())
            .rate_control(self.rate_control)
            .appearance(appearance)
            .backend(self.backend);
        if let Some(gop) = self.gop {
            config = config.gop(gop);
        }
        if let Some(device) = self.device {
            config = config.device(device);
        }
        config
    }

    pub(super) fn track(&self, track: Track) -> Track {
        let track = track.durable(self.durable).whole(self.whole);
        match self.expected {
            Some(frames) => track.expected_frames(frames),
            None => track,
        }
    }
}
