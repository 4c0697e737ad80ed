//! Configuration of encoders.

use std::ffi::c_int;

use rustix::io::Errno;
use videostream::Colorimetry;
use videostream::encode::{Backend, Codec, CodecError, Encoder, EncoderConfig, RateControl};
use videostream::hal::format::{FourCc, Layout};
use videostream::{FrameRate, Rect};

use super::input::Input;
use super::{errno_of, wants_another_format};
use crate::boundary::explain;
use crate::codecs;

/// Environment variable with the path of the device.
pub(super) const DEVICE_VARIABLE: &str = "VSL_V4L2_ENCODER_DEV";

/// A pixel format that every encoder accepts.
const PROBE: (u32, u32) = (640, 480);

/// For FWHT, whose encoder has no bitrate and not a second between key frames: what its driver
/// begins with.
const FWHT_QUANTISER: u8 = 20;
const FWHT_GOP: u32 = 10;

/// Options of a new encoder.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    pub(crate) codec: Codec,
    pub(crate) backend: Backend,
    pub(crate) rate: FrameRate,
    pub(crate) rate_control: RateControl,
    /// Pictures from key frame to key frame; `None`: one key frame a second, of FWHT as many as
    /// its driver makes.
    pub(crate) gop: Option<u32>,
}

/// The rate control of a profile of the interface.
///
/// # Errors
/// EINVAL for an unknown profile.
pub(crate) fn profile(number: u32, codec: Codec) -> Result<RateControl, Errno> {
    let bitrate = match number {
        0 if codec == Codec::Fwht => return Ok(RateControl::Quantiser(FWHT_QUANTISER)),
        0 | 1 => 5_000_000,
        2 => 25_000_000,
        3 => 50_000_000,
        4 => 100_000_000,
        _ => {
            let words = format!("profile {number}: there are 0 (AUTO) to 4 (100000 kbit/s)");
            return Err(explain(Errno::INVAL, words));
        }
    };
    Ok(RateControl::Constant(bitrate))
}

/// Creates the configuration for a layout and a crop.
type MakeConfig<'a> = &'a dyn Fn(&Layout, Option<Rect>) -> EncoderConfig;

impl Config {
    /// The options of the 2.x interface.
    pub(crate) fn new(
        codec: Codec,
        backend: Backend,
        fps: c_int,
        rate_control: RateControl,
    ) -> Result<Self, Errno> {
        let rate = u32::try_from(fps).ok().map(FrameRate::fps);
        let words = || format!("{fps} frames a second: at least 1");
        let rate = rate.and_then(Result::ok);
        Ok(Self {
            codec,
            backend,
            rate: rate.ok_or_else(|| explain(Errno::INVAL, words()))?,
            rate_control,
            gop: None,
        })
    }

    /// Whether there is an encoder.
    pub(super) fn probe(&self) -> Result<(), Errno> {
        let (width, height) = PROBE;
        let layout = Layout::new(FourCc::NV12, width, height).map_err(|_| Errno::INVAL)?;
        self.make(|config| Encoder::new(&config(&layout, None)))
            .map(drop)
    }

    /// An encoder for pictures, in their own format if it takes that.
    pub(super) fn open(&self, input: &Input, colours: Colorimetry) -> Result<Encoder, Errno> {
        let converted = input.converted()?;
        // RGB becomes NV12 or the like.
        let colours = colours.converted(input.layout().fourcc, FourCc::NV12);
        self.make(|config| {
            match Encoder::new(&config(input.layout(), input.crop()).colorimetry(colours)) {
                Err(error) if wants_another_format(&error) => {
                    // Converted pictures are cropped already.
                    Encoder::new(&config(&converted, None).colorimetry(colours))
                }
                opened => opened,
            }
        })
    }

    /// Calls `start` with one backend after the other.
    fn make(
        &self,
        start: impl Fn(MakeConfig<'_>) -> Result<Encoder, CodecError>,
    ) -> Result<Encoder, Errno> {
        codecs::make(
            self.backend,
            DEVICE_VARIABLE,
            |backend, device| {
                start(&|layout, crop| {
                    let mut config = EncoderConfig::of_layout(self.codec, layout, self.rate)
                        .rate_control(self.rate_control)
                        .backend(backend);
                    let fwht = (self.codec == Codec::Fwht).then_some(FWHT_GOP);
                    if let Some(gop) = self.gop.or(fwht) {
                        config = config.gop(gop);
                    }
                    if let Some(crop) = crop {
                        config = config.crop(crop);
                    }
                    if let Some(device) = device {
                        config = config.device(device);
                    }
                    config
                })
            },
            |error| matches!(error, CodecError::NoBackend { .. }),
            errno_of,
        )
    }
}
