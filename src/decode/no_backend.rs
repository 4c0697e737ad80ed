//! Placeholder for the software backend if it was not built: it can't be created, so its methods
//! can't be called.

use videostream_hal::v4l2::NodeKind;

use super::{CodecError, DecoderConfig};
use crate::bitstream::Packet;
use crate::picture::Picture;

/// Has no values.
#[derive(Debug)]
pub(super) enum Software {}

impl Software {
    pub(super) fn new(config: &DecoderConfig) -> Result<Self, CodecError> {
        Err(CodecError::NoBackend {
            kind: NodeKind::Decoder,
            codec: config.codec,
        })
    }

    pub(super) fn submit(&mut self, _: &Packet<'_>) -> Result<(), CodecError> {
        match *self {}
    }

    pub(super) fn receive(&mut self, _: bool) -> Result<Option<(Picture<'_>, u64)>, CodecError> {
        match *self {}
    }

    pub(super) fn hidden(&self) -> u64 {
        match *self {}
    }
}
