//! The options of an encoder, read from keyword arguments.

use std::path::PathBuf;

use pyo3::prelude::*;
use videostream::encode::{Backend, Codec, DevicePath, EncoderConfig, Level, Profile, RateControl};
use videostream::hal::format::FourCc;
use videostream::{FrameRate, Rect};

use crate::error::invalid;

/// The options of a stream, except format and size.
#[derive(Clone)]
pub(super) struct Options {
    pub(super) codec: Codec,
    pub(super) size: Option<(u32, u32)>,
    pub(super) format: Option<FourCc>,
    pub(super) rate: FrameRate,
    pub(super) rate_control: RateControl,
    pub(super) gop: Option<u32>,
    pub(super) profile: Option<Profile>,
    pub(super) level: Option<Level>,
    pub(super) quantisers: Option<(u8, u8)>,
    pub(super) repeat_sets: bool,
    pub(super) crop: Option<Rect>,
    pub(super) backend: Backend,
    pub(super) device: Option<DevicePath>,
}

impl Options {
    /// Makes the configuration for pictures of this format and size.
    pub(super) fn config(&self, (fourcc, width, height): (FourCc, u32, u32)) -> EncoderConfig {
        let mut config = EncoderConfig::new(self.codec, fourcc, width, height, self.rate)
            .rate_control(self.rate_control)
            .parameter_sets_with_every_key_frame(self.repeat_sets)
            .backend(self.backend);
        if let Some(gop) = self.gop {
            config = config.gop(gop);
        }
        if let Some(profile) = self.profile {
            config = config.profile(profile);
        }
        if let Some(level) = self.level {
            config = config.level(level);
        }
        if let Some((finest, coarsest)) = self.quantisers {
            config = config.quantiser_range(finest, coarsest);
        }
        if let Some(crop) = self.crop {
            config = config.crop(crop);
        }
        if let Some(device) = self.device {
            config = config.device(device);
        }
        config
    }
}

/// Parses a backend by name.
pub(crate) fn parse_backend(name: &str) -> PyResult<Backend> {
    Backend::from_name(name).ok_or_else(|| {
        invalid(format!(
            "backend={name:?}: expected \"auto\", \"v4l2\" or \"software\""
        ))
    })
}

/// Parses the path of a device.
pub(crate) fn parse_device(path: Option<PathBuf>) -> PyResult<Option<DevicePath>> {
    path.map(|path| {
        DevicePath::new(&path).ok_or_else(|| {
            invalid(format!(
                "device={:?}: expected a path of at most {} bytes",
                path.display().to_string(),
                DevicePath::MAX
            ))
        })
    })
    .transpose()
}

pub(super) fn parse_level(level: &str) -> PyResult<Level> {
    let parts = level.split_once('.').unwrap_or((level, "0"));
    match (parts.0.parse(), parts.1.parse()) {
        (Ok(major), Ok(minor)) => Ok(Level::new(major, minor)),
        _ => Err(invalid(format!(
            "level={level:?}: expected one such as \"4.1\""
        ))),
    }
}

pub(super) fn parse_profile(profile: &str) -> PyResult<Profile> {
    match profile {
        "baseline" => Ok(Profile::Baseline),
        "main" => Ok(Profile::Main),
        "high" => Ok(Profile::High),
        other => Err(invalid(format!(
            "profile={other:?}: expected \"baseline\", \"main\" or \"high\""
        ))),
    }
}

pub(crate) fn parse_rate_control(
    kind: &str,
    bitrate: u32,
    peak: Option<u32>,
    quantiser: Option<u8>,
) -> PyResult<RateControl> {
    match (kind, peak, quantiser) {
        (_, None, Some(quantiser)) => Ok(RateControl::Quantiser(quantiser)),
        (_, Some(_), Some(_)) => Err(invalid(
            "quantiser and peak are mutually exclusive: omit one of them",
        )),
        ("constant", None, None) => Ok(RateControl::Constant(bitrate)),
        ("variable", peak, None) => Ok(RateControl::Variable { bitrate, peak }),
        ("constant", Some(_), None) => Err(invalid("a peak needs rate_control=\"variable\"")),
        (other, ..) => Err(invalid(format!(
            "rate_control={other:?}: expected \"constant\" or \"variable\""
        ))),
    }
}

/// Returns a backend's name.
pub(crate) fn backend_name(backend: Backend) -> &'static str {
    match backend {
        Backend::Software => "software",
        Backend::V4l2 => "v4l2",
        _ => "auto",
    }
}
