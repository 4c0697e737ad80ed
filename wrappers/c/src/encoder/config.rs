//! How an encoder encodes.

use std::ffi::c_int;

use rustix::io::Errno;
use videostream::FrameRate;
use videostream::encode::{Backend, Codec, EncodeError, Encoder, EncoderConfig, RateControl};
use videostream::hal::format::FourCc;

use super::input::Input;
use super::{errno_of, wants_another_format};
use crate::codecs::{backends_of, device_of};

/// Names the device that encodes.
const DEVICE_VARIABLE: &str = "VSL_V4L2_ENCODER_DEV";

/// A picture that every encoder takes.
const PROBE: (u32, u32) = (640, 480);

/// What a program says when it makes an encoder.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    pub(crate) codec: Codec,
    pub(crate) backend: Backend,
    pub(crate) rate: FrameRate,
    pub(crate) rate_control: RateControl,
    /// Pictures from key frame to key frame; `None`: one key frame a second.
    pub(crate) gop: Option<u32>,
}

/// The bitrate of a profile of the interface.
pub(crate) fn profile(number: u32) -> Option<RateControl> {
    let bitrate = match number {
        0 | 1 => 5_000_000,
        2 => 25_000_000,
        3 => 50_000_000,
        4 => 100_000_000,
        _ => return None,
    };
    Some(RateControl::Constant(bitrate))
}

impl Config {
    /// What programs of the 2.x interface say.
    pub(crate) fn new(
        codec: Codec,
        backend: Backend,
        fps: c_int,
        rate_control: RateControl,
    ) -> Result<Self, Errno> {
        let fps = u32::try_from(fps).map_err(|_| Errno::INVAL)?;
        Ok(Self {
            codec,
            backend,
            rate: FrameRate::fps(fps).map_err(|_| Errno::INVAL)?,
            rate_control,
            gop: None,
        })
    }

    /// Whether there is an encoder.
    pub(super) fn probe(&self) -> Result<(), Errno> {
        self.start(FourCc::NV12, PROBE, None)
            .map(drop)
            .map_err(|error| errno_of(&error))
    }

    /// An encoder for pictures, in their own format if it takes that.
    pub(super) fn open(&self, input: &Input) -> Result<Encoder, Errno> {
        let direct = self.start(input.fourcc(), input.size(), input.crop());
        let opened = match direct {
            Err(error) if wants_another_format(&error) => {
                // Converted pictures are cropped already.
                self.start(Input::CONVERTED, input.visible(), None)
            }
            opened => opened,
        };
        opened.map_err(|error| errno_of(&error))
    }

    fn start(
        &self,
        fourcc: FourCc,
        (width, height): (u32, u32),
        crop: Option<videostream::Rect>,
    ) -> Result<Encoder, EncodeError> {
        let mut config = EncoderConfig::new(self.codec, fourcc, width, height, self.rate)
            .rate_control(self.rate_control);
        if let Some(gop) = self.gop {
            config = config.gop(gop);
        }
        if let Some(crop) = crop {
            config = config.crop(crop);
        }
        let mut result = Err(EncodeError::NoBackend(self.codec));
        for &backend in backends_of(self.backend) {
            let mut config = config.backend(backend);
            if let Some(path) = device_of(DEVICE_VARIABLE, backend) {
                config = config.device(path);
            }
            result = Encoder::new(&config);
            if result.is_ok() {
                break;
            }
        }
        result
    }
}
