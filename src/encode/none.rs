//! Stands for the software backend where that was not built: it can't be made, so its methods can't be called.

use super::{EncodeError, EncoderConfig, Packet, RateControl};
use crate::frame_rate::FrameRate;
use crate::picture::Picture;

/// There is no value of this.
#[derive(Debug)]
pub(super) enum Software {}

impl Software {
    pub(super) fn new(config: &EncoderConfig) -> Result<Self, EncodeError> {
        Err(EncodeError::NoBackend(config.codec))
    }

    pub(super) fn parameter_sets(&self) -> &[u8] {
        match *self {}
    }

    pub(super) fn is_ready(&self) -> bool {
        match *self {}
    }

    pub(super) fn submit(&mut self, _: &Picture<'_>, _: u64) -> Result<u64, EncodeError> {
        match *self {}
    }

    pub(super) fn receive(&mut self) -> Option<Packet<'_>> {
        match *self {}
    }

    pub(super) fn force_key_frame(&mut self) {
        match *self {}
    }

    pub(super) fn set_bitrate(&mut self, _: RateControl, _: u32) -> Result<(), EncodeError> {
        match *self {}
    }

    pub(super) fn set_frame_rate(&mut self, _: FrameRate) -> Result<(), EncodeError> {
        match *self {}
    }
}
