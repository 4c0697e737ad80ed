//! Processing before a source is shared: decoding, conversion, encoding.

use pyo3::prelude::*;
use videostream::encode::{Codec, EncoderConfig, RateControl};
use videostream::hal::format::FourCc;
use videostream::{ConvertedSource, DecodedSource, EncodedSource, Error, FrameRate, jpeg};

use crate::error::invalid;
use crate::feed::{AnySource, BoxedSource};

impl AnySource for ConvertedSource<BoxedSource> {}
impl AnySource for DecodedSource<BoxedSource> {}
impl AnySource for EncodedSource<BoxedSource> {}

/// How a source's frames are processed before they are shared.
pub(super) struct Processing {
    pub(super) codec: Option<Codec>,
    pub(super) bitrate: u32,
    pub(super) gop: Option<u32>,
    pub(super) convert: Option<FourCc>,
    pub(super) size: Option<(u32, u32)>,
    pub(super) buffers: u32,
}

impl Processing {
    pub(super) fn of(&self, mut source: BoxedSource) -> Result<BoxedSource, Error> {
        use videostream::Source as _;
        let is_converted = self.convert.is_some() || self.size.is_some();
        if jpeg::is_jpeg(source.layout().fourcc) && (is_converted || self.codec.is_some()) {
            source = Box::new(DecodedSource::new(source, self.buffers)?);
        }
        if is_converted {
            let has = source.layout();
            let (width, height) = self.size.unwrap_or((has.width, has.height));
            let fourcc = self.convert.unwrap_or(has.fourcc);
            let converted = ConvertedSource::new(source, fourcc, width, height, self.buffers)?;
            source = Box::new(converted);
        }
        if let Some(codec) = self.codec {
            let layout = source.layout();
            let nominal = FrameRate::fps(30).ok();
            let Some(rate) = source.rate().or(nominal) else {
                return Ok(source);
            };
            let (fourcc, width, height) = (layout.fourcc, layout.width, layout.height);
            let mut config = EncoderConfig::new(codec, fourcc, width, height, rate)
                .rate_control(RateControl::Constant(self.bitrate));
            if let Some(frames) = self.gop {
                config = config.gop(frames);
            }
            source = Box::new(EncodedSource::new(source, &config, self.buffers)?);
        }
        Ok(source)
    }
}

pub(super) fn parse_codec(name: &str) -> PyResult<Codec> {
    match Codec::from_name(name) {
        Some(codec @ (Codec::H264 | Codec::H265)) => Ok(codec),
        _ => Err(invalid(format!(
            "encode={name:?}: expected \"h264\", \"h265\" or None"
        ))),
    }
}
