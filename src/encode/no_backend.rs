//! Placeholder for the software backend if it was not built: it can't be created, so its methods
//! can't be called.

use videostream_hal::v4l2::NodeKind;

use super::{CodecError, EncoderConfig, Packet, RateControl};
use crate::picture::Picture;

/// Has no values.
#[derive(Debug)]
pub(super) enum Software {}

impl Software {
    pub(super) fn new(config: &EncoderConfig) -> Result<Self, CodecError> {
        Err(CodecError::NoBackend {
            kind: NodeKind::Encoder,
            codec: config.codec,
        })
    }

    pub(super) fn parameter_sets(&self) -> &[u8] {
        match *self {}
    }

    pub(super) fn is_ready(&self) -> bool {
        match *self {}
    }

    pub(super) fn submit(&mut self, _: &Picture<'_>, _: u64) -> Result<u64, CodecError> {
        match *self {}
    }

    pub(super) fn receive(&mut self) -> Option<Packet<'_>> {
        match *self {}
    }

    pub(super) fn force_key_frame(&mut self) {
        match *self {}
    }

    pub(super) fn set_bitrate(&mut self, _: RateControl, _: u32) -> Result<(), CodecError> {
        match *self {}
    }
}
